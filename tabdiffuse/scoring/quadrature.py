"""Times and noise at which a likelihood is computed: the same for every row, and well spread.

The log-likelihood is an integral over time of an expectation over noise. Both are replaced by one
set of points. With noise common to all rows a score is a function of its row, and the error, which
is much the same for all rows, leaves their order alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from tabdiffuse._random import child_seed
from tabdiffuse.joint import JointProcess
from tabdiffuse.spaces import CategoricalSpace

__all__ = ["Quadrature"]

_LEAST_U = 2.0**-24
_LAST = 1 - 2.0**-53  # the quantile of a cell that is masked at time 1 and not before


@dataclass(frozen=True)
class Quadrature:
    """Points in time and noise.

    Attributes
    ----------
    times : Tensor
        Times in (0, 1], increasing to 1, ``(T,)`` float64.
    weights : Tensor
        Their weights in an integral over [0, 1], ``(T,)``.
    u : dict of str to Tensor
        For each modality and each time the quantiles of its cells in R noises, ``(T, R, ...)``
        float64 in (0, 1).
    """

    times: Tensor
    weights: Tensor
    u: dict[str, Tensor]

    @property
    def draws(self) -> int:
        """Number of noises R at each time."""
        return next(iter(self.u.values())).shape[1]

    @classmethod
    def make(cls, joint: JointProcess, n_steps: int, n_draws: int, seed: int) -> Quadrature:
        """Choose times, pairs of mirrored noises, and random orders of the categories.

        Times are dense at low noise, where laws are told apart whose numbers nearly determine each
        other: ``t = w**2`` for evenly spaced w. The rule is that of the trapezoid, as the integrand
        vanishes at both ends in w. Noise is a scrambled Sobol sequence that runs along the times,
        so that it is spread evenly over time and noise together; mirroring it removes the part of
        the error that is odd in the noise, which is the larger one.

        Parameters
        ----------
        joint : JointProcess
            The cells.
        n_steps : int
            Number of times T.
        n_draws : int
            Number of mirrored pairs, R = 2 n_draws.
        seed : int
            Seed of scrambling and orders.

        Returns
        -------
        Quadrature
            The points.
        """
        w = torch.arange(1, n_steps + 1, dtype=torch.float64) / n_steps
        u = {}
        for name, part in joint.parts().items():
            space, own_seed = part.process.space, child_seed(seed, "noise", name)
            if isinstance(space, CategoricalSpace):
                half = _orders(n_draws, space.cells, own_seed).expand(n_steps, -1, -1)
            else:
                shape = space.shape(1)[1:]
                half = _sobol(n_steps * n_draws, math.prod(shape), own_seed)
                half = half.view(n_steps, n_draws, *shape)
            u[name] = torch.cat([half, 1 - half], dim=1)
        return cls(w.square(), 2 * w / n_steps, u)

    def at(self, step: int, rows: int) -> dict[str, Tensor]:
        """Repeat the noises of one time for so many rows, ``(rows * R, ...)``."""
        return {
            name: values[step].repeat(rows, *[1] * (values.ndim - 2))
            for name, values in self.u.items()
        }

    def categories_last(self, joint: JointProcess) -> Quadrature:
        """Keep categories visible until time 1: on the way back they are revealed first."""
        u = dict(self.u)
        for name, part in joint.parts().items():
            if isinstance(part.process.space, CategoricalSpace):
                u[name] = torch.full_like(u[name], _LAST)
        return Quadrature(self.times, self.weights, u)

    def to(self, device: torch.device) -> Quadrature:
        """Move the noise; times and weights stay on the host, as they steer the loop."""
        u = {name: values.to(device) for name, values in self.u.items()}
        return Quadrature(self.times, self.weights, u)


def _orders(count: int, cells: int, seed: int) -> Tensor:
    """Give each cell of each of some noises its turn: evenly spaced in (0, 1), in random order."""
    ranks = _sobol(count, cells, seed).argsort(dim=1).argsort(dim=1)
    offset = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return (ranks + offset[:, None]) / cells


def _sobol(points: int, dimensions: int, seed: int) -> Tensor:
    """Draw points of a scrambled Sobol sequence inside the unit cube."""
    engine = SobolEngine(dimensions, scramble=True, seed=seed)
    drawn: Tensor = engine.draw(points, dtype=torch.float64)
    return drawn.clamp(_LEAST_U, 1 - _LEAST_U)
