"""Data whose exact answers are known: the laws, the optimal denoisers and the flow maps.

An oracle is called like a network (`tabdiffuse.denoiser.Denoise`), so it goes into the real
sampling loop in place of one. What the loop returns can then be held against the exact law, and
there is no training whose quality could be blamed. Everything is float64.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from tabdiffuse._random import Noise, generator
from tabdiffuse.joint import Prediction, ProductProcess, State, Times
from tabdiffuse.modalities import CategoricalModality, NumericModality
from tabdiffuse.processes import MaskedProcess
from tabdiffuse.schedules import EDMSchedule, GaussianSchedule, VPCosine
from tabdiffuse.spaces import CategoricalSpace

# A statistical test fails for fewer than one random seed in 1/RARE.
RARE = 1e-6

SCHEDULES: dict[str, GaussianSchedule] = {"vp": VPCosine(), "edm": EDMSchedule()}
# Joint law of two dependent categorical columns.
PAIR = np.array([[0.30, 0.05, 0.05], [0.05, 0.15, 0.40]])


def noise(seed: int = 0) -> Noise:
    """Make a stream of random numbers."""
    return Noise([generator(seed)])


class GaussianOracle:
    """Rows ``x ~ N(mean, covariance)``, each number a cell of its own; the part is ``"x"``."""

    def __init__(self, schedule: GaussianSchedule, mean: Tensor, covariance: Tensor) -> None:
        self.schedule = schedule
        self.mean = mean
        self.covariance = covariance

    @property
    def joint(self) -> ProductProcess:
        """The process to reverse."""
        return ProductProcess({"x": NumericModality(len(self.mean), self.schedule)})

    def __call__(self, state: State, times: Times) -> Prediction:
        """E[x_0 | x_t], where each cell may have a time of its own.

        ``x_t = A x_0 + S eps`` with diagonal A and S, so the regression of ``x_0`` on ``x_t`` has
        the gain ``C A (A C A + S^2)^-1``.
        """
        d = len(self.mean)
        t = times["x"].double()
        levels = self.schedule(t.expand(len(t), d))
        a, s = levels.alpha, levels.sigma  # (R, d), R = 1 or B
        noised = a[:, :, None] * self.covariance * a[:, None, :] + torch.diag_embed(s.square())
        cross = self.covariance * a[:, None, :]
        gain = torch.linalg.solve(noised, cross.transpose(1, 2)).transpose(1, 2)
        centred = state["x"].double()[..., 0] - a * self.mean
        # With one time for all rows this is one product, not one for each row.
        each = (gain @ centred[..., None])[..., 0] if len(gain) > 1 else None
        regression = centred @ gain[0].T if each is None else each
        return {"x": (self.mean + regression)[..., None]}

    def flow(self, x_t: Tensor, time: float) -> Tensor:
        """Solve the probability-flow ODE from a tied time to 0, exactly.

        Along each eigenvector of the covariance the ODE scales the centred state by the ratio of
        the standard deviations.
        """
        values, vectors = torch.linalg.eigh(self.covariance)
        alpha, sigma, _, _ = self.schedule(torch.tensor(time, dtype=torch.float64))
        ratio = (values / (values * alpha**2 + sigma**2)).sqrt()
        centred = (x_t[..., 0] - alpha * self.mean) @ vectors
        return (self.mean + (centred * ratio) @ vectors.T)[..., None]


class CategoricalOracle:
    """Categorical columns with a given joint table ``(K_1, ..., K_L)``; the part is ``"c"``."""

    def __init__(self, table: np.ndarray) -> None:
        self.table = table / table.sum()
        self.sizes = table.shape
        self._conditionals = self._all_conditionals()

    def joint(self, coupling="systematic", schedule=None) -> ProductProcess:
        """The process to reverse."""
        part = CategoricalModality(self.sizes, schedule=schedule)
        part.process = MaskedProcess(CategoricalSpace(self.sizes), schedule, coupling)
        return ProductProcess({"c": part})

    def __call__(self, state: State, times: Times) -> Prediction:
        """Log-probabilities of each cell given the visible ones, by looking them up."""
        return {"c": self._conditionals[tuple(state["c"].unbind(dim=1))]}

    def counts(self, codes: Tensor) -> np.ndarray:
        """Count the rows in each cell of the table."""
        flat = np.ravel_multi_index(tuple(codes.numpy().T), self.sizes)
        return np.bincount(flat, minlength=self.table.size).reshape(self.sizes)

    def draw(self, rows: int, seed: int) -> Tensor:
        """Draw rows of data."""
        flat = np.random.default_rng(seed).choice(self.table.size, rows, p=self.table.ravel())
        return torch.as_tensor(np.stack(np.unravel_index(flat, self.sizes), axis=1))

    def _all_conditionals(self) -> Tensor:
        """Tabulate the answer for every partly masked state, ``(K_1 + 1, ..., K_L + 1, L, K)``."""
        cells, width = len(self.sizes), max(self.sizes)
        found = np.zeros([k + 1 for k in self.sizes] + [cells, width])
        for state in product(*(range(k + 1) for k in self.sizes)):
            visible = tuple(
                slice(None) if code == k else slice(code, code + 1)
                for code, k in zip(state, self.sizes, strict=True)
            )
            allowed = np.zeros(self.sizes)
            allowed[visible] = self.table[visible]
            for cell, k in enumerate(self.sizes):
                marginal = allowed.sum(axis=tuple(j for j in range(cells) if j != cell))
                found[state][cell, :k] = marginal / marginal.sum()
        return torch.as_tensor(found).log()


class MixedOracle:
    """A category ``c`` and a number ``x | c ~ N(means[c], sds[c]**2)``; parts ``"x"``, ``"c"``."""

    probabilities = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)

    def __init__(
        self,
        schedule: GaussianSchedule | None = None,
        means: tuple[float, float, float] = (-1.2, 0.4, 1.6),
        sds: tuple[float, float, float] = (0.4, 0.7, 0.25),
    ) -> None:
        self.schedule = schedule if schedule is not None else VPCosine()
        self.means = torch.tensor(means, dtype=torch.float64)
        self.sds = torch.tensor(sds, dtype=torch.float64)

    @property
    def joint(self) -> ProductProcess:
        """The process to reverse."""
        parts = {"x": NumericModality(1, self.schedule), "c": CategoricalModality(3)}
        return ProductProcess(parts)

    def __call__(self, state: State, times: Times) -> Prediction:
        """Exact answers at decoupled times: a masked ``c`` says nothing, a visible one all."""
        levels = self.schedule(times["x"].double())
        x_t, code = state["x"].double()[..., 0], state["c"][:, :1]
        sd_t = ((levels.alpha * self.sds).square() + levels.sigma.square()).sqrt()  # (R, 3)
        centred = x_t - levels.alpha * self.means  # (B, 3)
        log_weight = self.probabilities.log() - sd_t.log() - (centred / sd_t).square() / 2
        visible = (code < 3) & (code != torch.arange(3))
        log_weight = log_weight.masked_fill(visible, -torch.inf)
        log_probs = log_weight.log_softmax(dim=1)
        means = self.means + levels.alpha * self.sds.square() / sd_t.square() * centred
        return {"x": (log_probs.exp() * means).sum(dim=1)[:, None, None], "c": log_probs[:, None]}

    def given_x(self, x: Tensor) -> Tensor:
        """P(c | x) by Bayes' rule, ``(n, 3)``."""
        log = self.probabilities.log() - self.sds.log()
        return (log - ((x[:, None] - self.means) / self.sds).square() / 2).softmax(dim=1)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Distribution function of ``x``."""
        each = stats.norm.cdf(np.asarray(x)[..., None], self.means.numpy(), self.sds.numpy())
        return each @ self.probabilities.numpy()

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Inverse of `cdf`, by interpolation on a fine grid."""
        grid = np.linspace(-5, 6, 20001)
        return np.interp(u, self.cdf(grid), grid)

    def draw(self, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw rows of data: numbers ``(n,)`` and categories ``(n,)``."""
        rng = np.random.default_rng(seed)
        c = rng.choice(3, rows, p=self.probabilities.numpy())
        return rng.normal(self.means.numpy()[c], self.sds.numpy()[c]), c


def law_p_value(counts: np.ndarray, law: np.ndarray) -> float:
    """p-value of Pearson's test that counts were drawn from a law."""
    expected = law.ravel() / law.sum() * counts.sum()
    assert expected.min() > 20, "too few rows for the chi-square approximation"
    return float(stats.chisquare(counts.ravel(), expected).pvalue)


def largest_z() -> float:
    """Return how many standard errors a normal statistic strays once in 1/RARE seeds."""
    return float(stats.norm.isf(RARE / 2))


class EventOracle:
    """A category, and a number that may sit on an event; number and event share a token.

    Parts ``"x"`` (the number) and ``"c"`` (a category ``g`` of two, and the event ``e``: 0 the
    value, 1 an atom, 2 missing). ``x | e = 0, g ~ N(means[g], sds[g]**2)``, and noise N(0, 1)
    beside any other event.
    """

    table = torch.tensor([[0.30, 0.10, 0.05], [0.20, 0.05, 0.30]], dtype=torch.float64)
    means = torch.tensor([[-0.8, 0.0, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    sds = torch.tensor([[0.6, 1.0, 1.0], [0.4, 1.0, 1.0]], dtype=torch.float64)

    @property
    def joint(self) -> ProductProcess:
        """The process to reverse."""
        parts = {"x": NumericModality(1), "c": CategoricalModality((2, 3))}
        return ProductProcess(parts, tokens=(0, 1, 0))

    def __call__(self, state: State, times: Times) -> Prediction:
        """Exact answers, by going through the six pairs (g, e)."""
        log_weight, centred, sd_t, alpha = self._pairs(state, times["x"])
        share = log_weight.flatten(1).softmax(dim=1).view_as(log_weight)
        means = self.means + alpha * self.sds.square() / sd_t.square() * centred
        log_g = share.sum(dim=2).log()
        log_probs = torch.full((len(share), 2, 3), -torch.inf, dtype=torch.float64)
        log_probs[:, 0, :2], log_probs[:, 1] = log_g, share.sum(dim=1).log()
        return {"x": (share * means).sum(dim=(1, 2))[:, None, None], "c": log_probs}

    def given_x_t(self, x_t: float, time: float) -> Tensor:
        """P(g, e | x_t), ``(2, 3)``."""
        state = {"x": torch.full((1, 1, 1), x_t), "c": torch.tensor([[2, 3]])}
        log_weight = self._pairs(state, torch.tensor([[time]]))[0][0]
        return log_weight.flatten().softmax(dim=0).view(2, 3)

    def _pairs(self, state: State, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        levels = VPCosine()(t.double()[..., None])  # (R, 1, 1)
        g, e = state["c"][:, :1, None], state["c"][:, 1:, None]
        sd_t = ((levels.alpha * self.sds).square() + levels.sigma.square()).sqrt()
        centred = state["x"].double() - levels.alpha * self.means
        log_weight = self.table.log() - sd_t.log() - (centred / sd_t).square() / 2
        hidden = (g < 2) & (g != torch.arange(2)[:, None]) | (e < 3) & (e != torch.arange(3))
        return log_weight.masked_fill(hidden, -torch.inf), centred, sd_t, levels.alpha
