"""Laws under a shared process whose exact answers are known."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tabdiffuse.joint import Prediction, Shared, SharedProcess, State, Times
from tabdiffuse.modalities import CategoricalModality, NumericModality
from tabdiffuse.schedules import VPCosine

STRENGTH = 1.5


class ClassOracle:
    """A category ``c`` and a latent ``z | c ~ N(means[c], sds[c]**2)``, encoded by a table.

    Given c the latent is normal, ``z_t ~ N(alpha mean + curve E_c, alpha^2 sd^2 + sigma^2)``. All
    answers are those of an X network, and of a U network if it never sees c.
    """

    probabilities = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    means = torch.tensor([-1.2, 0.4, 1.6], dtype=torch.float64)
    sds = torch.tensor([0.4, 0.7, 0.25], dtype=torch.float64)
    codes = torch.tensor([1.0, -1.5, 0.5], dtype=torch.float64)

    def __init__(self, strength: float = STRENGTH, *, shows_known: bool = True) -> None:
        self.strength = strength
        self.shows_known = shows_known

    @property
    def joint(self) -> SharedProcess:
        """The process to reverse."""
        parts = {"z": NumericModality(1), "c": CategoricalModality(3)}
        encoders = {"c": table_encoder(self.codes[:, None, None])}
        return Shared(
            "z", encoders=encoders, strength=self.strength, shows_known=self.shows_known
        ).build(parts)

    def __call__(self, state: State, times: Times) -> Prediction:
        """E[z_0 | z_t] and log P(c | z_t), or given c where it is known and shown."""
        alpha, sigma, _, _ = VPCosine()(times["z"].double())  # (R, 1)
        shift = self.strength * alpha * sigma * self.codes
        sd_t = ((alpha * self.sds).square() + sigma.square()).sqrt()
        centred = state["z"].double()[..., 0] - alpha * self.means - shift  # (B, 3)
        log_weight = self.probabilities.log() - sd_t.log() - (centred / sd_t).square() / 2
        known = (times["c"] <= 0) & (state["c"] < 3)
        certain = torch.where(state["c"] == torch.arange(3), 0.0, -torch.inf)
        log_probs = log_weight.log_softmax(dim=1)
        seen = torch.where(known, certain, log_probs) if self.shows_known else log_probs
        each = self.means + alpha * self.sds.square() / sd_t.square() * centred
        each = torch.where(seen > -torch.inf, each, 0.0)
        denoised = (seen.exp() * each).sum(dim=1)
        return {
            "z": denoised[:, None, None],
            "c": torch.where(known, certain, log_probs)[:, None],
        }


class VectorOracle:
    """A latent and a number beside it, jointly normal; the number is encoded as it is."""

    covariance = torch.tensor([[0.8, 0.5], [0.5, 1.3]], dtype=torch.float64)
    mean = torch.tensor([0.4, -0.6], dtype=torch.float64)

    @property
    def joint(self) -> SharedProcess:
        """The process to reverse."""
        parts = {"z": NumericModality(1), "v": NumericModality(1)}
        return Shared("z", strength=STRENGTH).build(parts)

    def __call__(self, state: State, times: Times) -> Prediction:
        """Regress both on ``z_t``, or ``z_0`` on ``z_t`` and ``v`` where that is known."""
        alpha, sigma, _, _ = VPCosine()(times["z"].double().reshape(()))
        row = torch.stack([alpha, STRENGTH * alpha * sigma])
        looks = [row]
        seen = [state["z"].double()[:, 0, 0]]
        noise = [sigma.square()]
        if (times["v"] <= 0).all():
            looks.append(torch.tensor([0.0, 1.0]).double())
            seen.append(state["v"].double()[:, 0, 0])
            noise.append(torch.zeros(()).double())
        design, values = torch.stack(looks), torch.stack(seen, dim=1)
        cross = self.covariance @ design.T
        gain = torch.linalg.solve(design @ cross + torch.diag(torch.stack(noise)), cross.T).T
        means = self.mean + (values - design @ self.mean) @ gain.T
        return {"z": means[:, :1, None], "v": means[:, 1:, None]}


def table_encoder(table: Tensor) -> Callable[[Tensor], Tensor]:
    """Average rows of a table ``(K, L, F)`` by the probabilities of a single category."""

    def encode(mean: Tensor) -> Tensor:
        return torch.einsum("bk,klf->blf", mean[:, 0].double(), table)

    return encode
