"""The shared process: one diffusion that gathers several modalities, and heads that read them.

MT-Diffusion (Chen et al. 2024, arXiv 2407.17571). One modality, the *latent*, is diffused; each
other modality is data ``x_i`` of a *task*: a fixed encoding of it is added to the latent,

    z_t = alpha(t) z_0 + c(t) sum_i E_i(x_i) + sigma(t) eps,

and a head predicts it from there. With ``m(t) = c(t) sum_i E_i(x_i)`` the shifted state
``y_t = z_t - m(t)`` is an ordinary Gaussian process, so marginals, kernels and posteriors are those
of `GaussianProcess` in ``y``, moved by ``m``. For example the posterior of a step from t to s has
the mean of DDPM's in ``y`` plus ``m(s)``, which is the paper's
``(z_t - (1 - alpha_k) eps / sigma_t) / sqrt(alpha_k) - w_k E``.

What the paper leaves open, and how it is settled (NOTE[DIFF] where the code differs from the text):

1.  The last term of algorithm 1 is ``sqrt(beta-tilde) eps``, not ``beta-tilde eps``.
2.  The weights are those of `Aggregation`; ``t / (1000 - t)`` divides by 0 and drowns the data.
3.  The standard ``alpha_t`` are used; ``alpha_t / (N + 1)`` leaves 0.001 of ``z_0`` after 20 steps.
4.  ``c(1) = 0``, so N(0, I) is the prior exactly; a schedule for which it is not is refused.
5.  Both variants exist: the network sees the known ``x_i`` (X) or ``z_t`` alone (U).
6.  ``c`` follows the paper's recursion; its appendix lacks the roots and weights. Tests check it.
7.  The loss is the error of the latent plus cross-entropies or squared errors; signs as in ELBOs.
8.  Encoders are fixed or without gradient.
9.  No number of the paper on which its tables disagree is built in.
10. Unknown ``x_i`` start hidden, and as ``c(1) = 0`` it does not matter at what. In each step they
    are encoded by the head's expectation, which makes the denoised latent the exact posterior mean
    for linear encoders; in the last step categories are drawn from the head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from tabdiffuse._random import Noise, generator
from tabdiffuse.errors import ParameterError
from tabdiffuse.joint.aggregation import PRIOR_TOLERANCE, Aggregation
from tabdiffuse.joint.base import Batch, JointProcess, Observed, Prediction, State, Times
from tabdiffuse.joint.encoders import BackboneEncoder
from tabdiffuse.joint.heads import Head
from tabdiffuse.joint.product import ProductProcess
from tabdiffuse.joint.tokens import TokenLayout, tokens_with
from tabdiffuse.modalities import Modality
from tabdiffuse.processes import GaussianProcess

__all__ = ["SharedProcess"]

Network = Callable[[State, Times], Prediction]
"""State and times in, raw outputs out."""


class SharedProcess(JointProcess):
    """A latent that carries the encodings of the other modalities, each of which has a head.

    The state holds ``z_t`` under the latent's name. Another modality is *known* where its time is
    0, with its value in the state, and *hidden* at every other time: it has no noise levels of its
    own. Evidence is thereby the same thing as in the product process, a cell at time 0.

    Parameters
    ----------
    modalities : mapping of str to Modality
        The latent and the others, in any order.
    latent : str
        Name of the modality that is diffused.
    heads, encoders : mapping of str to nn.Module
        One of each for every other modality; see `Head` and `tabdiffuse.joint.encoders`.
    aggregation : Aggregation
        How much of the encodings is added at each time.
    shows_known : bool
        Whether the network sees the known modalities (the paper's X) or never does (U). In U the
        heads learn from every row, and known data act through the aggregate alone.
    share_tokens : bool
        Whether the tokens of the latent also carry modalities whose tokens correspond to them.
    task_weight : float
        The paper's lambda: weight of a head's mean loss over its cells, relative to the mean loss
        over the latent's.

    Notes
    -----
    Squared error teaches a head a mean and no spread, so that numbers of other modalities come out
    as their expectation given the latent.
    """

    _stillness: Tensor

    def __init__(
        self,
        modalities: Mapping[str, Modality],
        latent: str,
        *,
        heads: Mapping[str, Head],
        encoders: Mapping[str, nn.Module],
        aggregation: Aggregation,
        shows_known: bool = True,
        share_tokens: bool = True,
        task_weight: float = 0.1,
    ) -> None:
        super().__init__()
        assert set(heads) == set(encoders) == set(modalities) - {latent}, "a head for each task"
        self._apart = ProductProcess(modalities)  # embeddings, readouts and evidence are as in it
        alike = [name for name in heads if _correspond(modalities[name], modalities[latent])]
        self._carried = alike if share_tokens else []
        self._layout = TokenLayout.carried_by(latent, self._carried, modalities)
        self._heads = nn.ModuleDict(heads)
        self._encoders = nn.ModuleDict(encoders)
        self.latent = latent
        self.aggregation = aggregation
        self.shows_known = shows_known
        self.task_weight = task_weight
        assert abs(aggregation.left_at_prior()) <= PRIOR_TOLERANCE, "the prior is not N(0, I)"
        still = Noise([generator(0, "stillness")]).normal(self.process.space.shape(1))
        self.register_buffer("_stillness", still, persistent=False)

    @property
    def process(self) -> GaussianProcess:
        """The process of the latent."""
        process = self.parts()[self.latent].process
        assert isinstance(process, GaussianProcess)
        return process

    def attach(self, network: Network) -> None:
        """Give the raw network to the encoders that use it."""
        for name, encoder in self._encoders.items():
            if isinstance(encoder, BackboneEncoder):
                encoder.network = partial(self._expected_latent, network, name)

    def parts(self) -> dict[str, Modality]:
        """Return the modalities by name."""
        return self._apart.parts()

    @property
    def cells(self) -> dict[str, int]:
        """Number of cells of each modality."""
        return self._apart.cells

    def draw(self, data: Batch, noise: Noise) -> State:
        """Draw clean states given rows of training data."""
        return self._apart.draw(data, noise)

    def tie(self, times: Times) -> Times:
        """Leave the latent its times; anything else becomes known, at 0, or hidden, at 1.

        Known is what is earlier than the latent. Times that are one for the row hide everything,
        independent ones show most where the latent is noisiest and needs it most, and what a time
        law puts at 0 is known beside any noise.
        """
        tied = self._apart.tie(times)
        latest = tied[self.latent].amax(dim=1, keepdim=True)
        hidden = {name: (t > 0) & (t >= latest) for name, t in tied.items()}
        return {n: t if n == self.latent else hidden[n].to(t.dtype) for n, t in tied.items()}

    def corrupt(self, x0: State, times: Times, noise: Noise) -> tuple[State, State]:
        """Noise the latent, add the true encodings, and hide what is not known."""
        pair = self.process.corrupt(x0[self.latent], times[self.latent], noise)
        total = self._encode({n: head.mean_of(x0[n]) for n, head in self._named_heads()})
        z = pair.x_t + self._share(total, times[self.latent], pair.x_t)
        return self._conceal({**x0, self.latent: z}, times), {**x0, self.latent: pair.target}

    def tokenize(self, state: State, times: Times) -> tuple[Tensor, Tensor]:
        """Embed the latent, and of the others what the network may see.

        A token that the latent shares has its time. Of what it carries beside the latent it holds
        what is known; what is hidden adds nothing to it, not even its position.
        """
        seen = self._seen(times)
        embedded = self._apart.embed(self._conceal(state, seen), seen)
        for name in self._carried:
            shown = tokens_with(self.parts()[name], seen[name] <= 0)
            embedded[name] = embedded[name] * shown[..., None]
        return self._layout.join(embedded), self.token_times(times)

    def token_times(self, times: Times) -> Tensor:
        """Give each token its time: the latent's where it carries more, else 0 or 1."""
        own = times[self.latent]
        # The latent is the first in its token, so of what it carries no time is read; the very
        # tensor of the latent says that one time holds for all.
        carried = dict.fromkeys(self._carried, own if own.shape[1] == 1 else own[:, :1])
        return self._layout.times({**self._seen(times), **carried})

    def read(self, h: Tensor) -> Prediction:
        """Hand each modality its tokens."""
        return self._apart.readout(self._layout.split(h))

    def parameterize(self, raw: Prediction, state: State, times: Times) -> Prediction:
        """Predict the others by their heads, and the latent with what they add taken off."""
        pred = {
            name: head.predict(raw[name], state[name], times[name] > 0)
            for name, head in self._named_heads()
        }
        t, z = times[self.latent], state[self.latent]
        y = z - self._share(self._encode(self._means(pred)), t, z)
        pred[self.latent] = self.process.parameterize(raw[self.latent], y, t)
        return {name: pred[name] for name in state}

    def losses(
        self, raw: Prediction, targets: State, state: State, times: Times
    ) -> dict[str, Tensor]:
        """Return the loss of the latent, and those of the heads where the network is blind."""
        cells = self.cells
        found = {}
        for name, part in self.parts().items():
            if name == self.latent:
                own = self.process.loss(raw[name], targets[name], state[name], times[name])
                found[name] = part.weight * own.sum(dim=1)
                continue
            own = self._head(name).loss(raw[name], targets[name]) * self._unseen(times[name])
            # NOTE[DIFF]: lambda weighs means over cells, as the released loss of diffusion models
            # is a mean; sums would make it depend on how the latent is cut into cells.
            scale = self.task_weight * cells[self.latent] / cells[name]
            found[name] = part.weight * scale * own.sum(dim=1)
        return found

    def prior(self, rows: int, noise: Noise, *, scale: float = 1.0) -> State:
        """Draw the latent at time 1; the others are hidden."""
        z = self.process.prior(rows, noise, scale=scale)
        hidden = {n: head.hidden.repeat_interleave(rows, 0) for n, head in self._named_heads()}
        return {name: z if name == self.latent else hidden[name] for name in self.cells}

    def clamp(self, state: State, observed: Observed) -> State:
        """Set the known cells to their values."""
        return self._apart.clamp(state, observed)

    def clamp_times(self, times: Times, observed: Observed) -> Times:
        """Hold the times of the known cells at theirs.

        Raises
        ------
        ParameterError
            When a cell outside the latent is known up to noise.
        """
        for name in observed.times.keys() & self._heads.keys():
            self._check_no_level(name, observed.times[name])
        return self._apart.clamp_times(times, observed)

    def forward_step(self, state: State, now: Times, then: Times, noise: Noise) -> State:
        """Noise the latent further with the known data added, and hide what is no longer known.

        Raises
        ------
        ParameterError
            When the aggregate would need data that are hidden, or a time between known and hidden
            is asked for.
        """
        t, u, z = now[self.latent], then[self.latent], state[self.latent]
        for name in self._heads:
            self._check_no_level(name, then[name])
        shifts = torch.maximum(self.aggregation(t), self.aggregation(u)) > PRIOR_TOLERANCE
        total = z.new_zeros(())
        if bool((shifts & (u > t)).any()):
            self._check_known(now)
            total = self._encode({n: head.mean_of(state[n]) for n, head in self._named_heads()})
        y = self.process.forward_step(z - self._share(total, t, z), t, u, noise)
        z = torch.where((u > t)[..., None], y + self._share(total, u, z), z)
        return self._conceal({**state, self.latent: z}, then)

    def guide(self, pred: Prediction, reference: Prediction, strength: float) -> Prediction:
        """Extrapolate means of numbers and log-probabilities of categories."""
        return self._apart.guide(pred, reference, strength)

    def extrapolate(
        self, pred: Prediction, earlier: Prediction, now: Times, then: Times, before: Times
    ) -> Prediction:
        """Carry the means of all predictions to the middle of the step."""

        def carry(name: str, mean: Tensor, old: Tensor) -> Tensor:
            return self.process.extrapolate(mean, old, now[name], then[name], before[name])

        return self._on_means(carry, pred, earlier)

    def reverse_step(
        self, pred: Prediction, state: State, now: Times, then: Times, noise: Noise, *, eta: float
    ) -> State:
        """Take one step of algorithm 1: shift, step, shift back; draw the others at time 0.

        With ``eta = 1`` this is the paper's posterior with its variance beta-tilde, with 0 the
        deterministic flow that has the same marginals.
        """
        stepped = {self.latent: self._step_latent(pred, state, now, then, noise, eta)}
        for name, head in self._named_heads():
            due = (now[name] > 0) & (then[name] <= 0)
            x = state[name]
            if bool(due.any()):
                drawn = head.draw(pred[name], x, noise)
                x = torch.where(due.view(*due.shape, *[1] * (x.ndim - 2)), drawn, x)
            stepped[name] = x
        return {name: stepped[name] for name in state}

    def correct(
        self,
        trial: State,
        pred: Prediction,
        later: Prediction,
        state: State,
        now: Times,
        then: Times,
    ) -> State:
        """Repeat the latent's step with the mean of both predictions (Heun)."""

        def average(name: str, mean: Tensor, second: Tensor) -> Tensor:
            return torch.where((then[name] > 0)[..., None], (mean + second) / 2, mean)

        both = self._on_means(average, pred, later)
        silent = Noise([torch.Generator()])
        return trial | {self.latent: self._step_latent(both, state, now, then, silent, 0.0)}

    def finalize(self, state: State) -> State:
        """Assert that no mask is left and no number is lost."""
        return self._apart.finalize(state)

    def _step_latent(
        self, pred: Prediction, state: State, now: Times, then: Times, noise: Noise, eta: float
    ) -> Tensor:
        t, s, z = now[self.latent], then[self.latent], state[self.latent]
        total = self._encode(self._means(pred))
        y = z - self._share(total, t, z)
        y = self.process.reverse_step(pred[self.latent], y, t, s, noise, eta=eta)
        return torch.where((t > s)[..., None], y + self._share(total, s, z), z)

    def _share(self, total: Tensor, t: Tensor, like: Tensor) -> Tensor:
        """Return what the latent holds of the encodings at some times, ``m(t)``."""
        return self.aggregation(t)[..., None].to(like.dtype) * total.to(like.dtype)

    def _encode(self, means: Mapping[str, Tensor]) -> Tensor:
        """Add up the encodings of the modalities, ``(B, L, F)``."""
        total = self._stillness.new_zeros(())
        for name, mean in means.items():
            total = total + self._encoders[name](mean)
        return total

    def _means(self, pred: Prediction) -> dict[str, Tensor]:
        return {name: head.mean(pred[name]) for name, head in self._named_heads()}

    def _on_means(
        self,
        change: Callable[[str, Tensor, Tensor], Tensor],
        pred: Prediction,
        other: Prediction,
    ) -> Prediction:
        """Combine two predictions on the scale of their means."""
        found = {self.latent: change(self.latent, pred[self.latent], other[self.latent])}
        for name, head in self._named_heads():
            mean = change(name, head.mean(pred[name]), head.mean(other[name]))
            found[name] = head.of_mean(mean)
        return {name: found[name] for name in pred}

    def _conceal(self, state: State, times: Times) -> State:
        """Take off the values of what is not at time 0."""
        hidden = {n: head.conceal(state[n], times[n] > 0) for n, head in self._named_heads()}
        return {**state, **hidden}

    def _seen(self, times: Times) -> Times:
        """Give the times of the tokens if each carried one modality: 0 where known, else 1."""
        return {
            name: t if name == self.latent else self._unseen(t).to(t.dtype)
            for name, t in times.items()
        }

    def _unseen(self, t: Tensor) -> Tensor:
        """Tell which cells the network does not see, given the times of a task's cells."""
        return t > 0 if self.shows_known else torch.ones_like(t, dtype=torch.bool)

    def _named_heads(self) -> list[tuple[str, Head]]:
        return [(name, self._head(name)) for name in self._heads]

    def _head(self, name: str) -> Head:
        head = self._heads[name]
        assert isinstance(head, Head)
        return head

    def _expected_latent(self, network: Network, name: str, x: Tensor) -> Tensor:
        """Ask the network for ``E[z_0 | x]``: the latent at time 1, one modality known.

        The noise at time 1 is a fixed draw, so that the answer is a function of ``x`` alone and the
        network sees what it was trained on.
        """
        one = torch.ones(1, 1, device=x.device)
        state: State = {n: h.hidden.repeat_interleave(len(x), 0) for n, h in self._named_heads()}
        state |= {self.latent: self._stillness.repeat_interleave(len(x), 0), name: x}
        times = dict.fromkeys(self.cells, one) | {name: torch.zeros_like(one)}
        raw = network(state, times)[self.latent]
        return self.process.parameterize(raw, state[self.latent], one)

    def _check_no_level(self, name: str, times: Tensor) -> None:
        between = (times > 0) & (times < 1)
        if bool(between.any()):
            raise ParameterError(
                f"{name!r} cannot be known up to the noise of time "
                f"{float(times[between].flatten()[0]):.3g}: beside the latent {self.latent!r} of a "
                "shared process a modality is known or hidden. Use time 0 or 1 (for guidance, "
                "reference_time=1)."
            )

    def _check_known(self, now: Times) -> None:
        hidden = [name for name in self._heads if bool((now[name] > 0).any())]
        if hidden:
            raise ParameterError(
                f"{self.latent!r} cannot be noised while {hidden} is hidden: a shared process adds "
                "its encoding. Give all other modalities, or hide the latent whole (for guidance, "
                "reference_time=1)."
            )


def _correspond(part: Modality, latent: Modality) -> bool:
    """Tell whether a modality is cut into the same places as the latent, or is of its space."""
    same_places = part.places is not None and part.places == latent.places
    return same_places or part.process.space == latent.process.space
