"""The law of one number given the evidence, from the probability flow of its cell alone.

With every other unknown cell left at time 1, the flow from time 1 to 0 moves one number, and paths
of a number do not cross: where a path ends increases with where it starts. So the flow is the
quantile function of the number given the evidence, read at ``Phi(z)`` for the starting point z. A
table of it tells how much mass intervals have, and draws from within it, without any rejection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from tabdiffuse._random import Noise
from tabdiffuse.denoiser import Denoise
from tabdiffuse.joint import JointProcess, Prediction, ProductProcess, State, Times
from tabdiffuse.modalities import NumericModality
from tabdiffuse.processes import GaussianProcess
from tabdiffuse.sampling.particles import first_beyond
from tabdiffuse.sampling.rows import Cell, PartialRows
from tabdiffuse.sampling.sampler import sample
from tabdiffuse.sampling.solvers import Euler, Solver, TwoM
from tabdiffuse.spaces import RealSpace

__all__ = ["FixedNoise", "NumberLaw", "QuantileTable", "tabulate"]

_REACH = 4.5  # beyond it the map goes on in a straight line
_FINE = 256  # parts into which all spaces between knots are divided, whatever their number
_LEAST_SLOPE = 1e-4
_SMALLEST, _LARGEST = 1e-300, 1 - 2**-53


class FixedNoise(Noise):
    """Numbers that are given, where a process asks for normal ones; it has no uniform ones."""

    def __init__(self, values: Tensor) -> None:
        super().__init__([torch.Generator()], values.device)
        self.values = values

    def normal(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the given numbers, in the precision in which they are given."""
        return self.values.expand(tuple(shape))


class QuantileTable(NamedTuple):
    """Quantile functions, one for each row: ``values`` at the normal ``scores``, both ``(U, F)``.

    Both increase along a row.
    """

    scores: Tensor
    values: Tensor

    @classmethod
    def normal(cls, device: torch.device) -> QuantileTable:
        """Make a table of one row: the quantile function of N(0, 1) itself."""
        line = torch.linspace(-_REACH, _REACH, _FINE + 1, dtype=torch.float64, device=device)[None]
        return cls(line, line)

    def join(self, other: QuantileTable) -> QuantileTable:
        """Put the rows of another table below."""
        return QuantileTable(*(torch.cat(axes) for axes in zip(self, other, strict=True)))


@dataclass(frozen=True)
class NumberLaw:
    """Laws of one number, one for each row, within a union of intervals.

    Attributes
    ----------
    table : QuantileTable
        Quantile functions.
    index : Tensor
        Row of the table that belongs to each row, ``(B,)``.
    intervals : Tensor
        Bounds of the number, ``(B, M, 2)``, perhaps infinite. The intervals of a row do not
        overlap; where it has fewer than M, empty ones, ``(inf, -inf)``, stand for the rest.
    """

    table: QuantileTable
    index: Tensor
    intervals: Tensor

    def take(self, rows: Tensor) -> NumberLaw:
        """Choose rows."""
        return replace(self, index=self.index[rows], intervals=self.intervals[rows])

    def log_mass(self) -> Tensor:
        """Return the log-probability of the intervals, ``(B,)``."""
        low, high, _ = self._tails()
        return _log_widths(low, high).logsumexp(dim=1)

    def draw(self, u: Tensor) -> Tensor:
        """Draw the number of each row by inversion, given ``u`` in [0, 1), ``(B,)``.

        The position of ``u`` among the masses of the intervals chooses one of them, and its
        position within that mass the number. A row without mass gets no number of any meaning.
        """
        tails = self._tails()
        share = _log_widths(*tails[:2]).softmax(dim=1).nan_to_num()
        reached = share.cumsum(dim=1)
        point = u[:, None] * reached[:, -1:]
        own = first_beyond(reached, point)
        mass, end = share.gather(1, own), reached.gather(1, own)
        within = ((point - (end - mass)) / mass.clamp_min(_SMALLEST)).clamp(0, 1)
        low, high, flipped = (tail.gather(1, own) for tail in tails)
        z = torch.special.ndtri((low + within * (high - low)).clamp(_SMALLEST, _LARGEST))
        x = _interpolate(torch.where(flipped, -z, z), *self._own_tables())
        bounds = self.intervals.gather(1, own[..., None].expand(-1, -1, 2))
        return x.clamp(bounds[..., 0], bounds[..., 1])[:, 0]

    def _tails(self) -> tuple[Tensor, Tensor, Tensor]:
        """Give the bounds as probabilities, ``(B, M)``, and where they count from above.

        An interval above the median is mirrored: near 0 a probability keeps its digits.
        """
        scores, values = self._own_tables()
        bounds = _interpolate(self.intervals.double().flatten(1), values, scores)
        a, b = bounds.view(self.intervals.shape).unbind(dim=2)
        flipped = a > 0
        low, high = torch.where(flipped, -b, a), torch.where(flipped, -a, b)
        return _ndtr(low), _ndtr(high), flipped

    def _own_tables(self) -> tuple[Tensor, Tensor]:
        return self.table.scores[self.index], self.table.values[self.index]


def _ndtr(z: Tensor) -> Tensor:
    """Give the normal distribution function; that of torch has no digits left below -8."""
    return torch.erfc(-z / math.sqrt(2)) / 2


def _log_widths(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp_min(0).log()


def tabulate(
    denoise: Denoise,
    joint: JointProcess,
    rows: PartialRows,
    number: Cell,
    event: Cell | None,
    intervals: Tensor,
    *,
    knots: int,
    solver: Solver,
    n_steps: int,
) -> QuantileTable:
    """Tabulate the quantile function of one hidden number in each row.

    Half of the knots show where the intervals lie; the other half are then put there, more of them
    where the curve is steep.

    Parameters
    ----------
    denoise, joint, solver, n_steps
        As in `tabdiffuse.sampling.sampler.sample`; noise that a solver would add is left out.
    rows : PartialRows
        The evidence; the number's event, if it has one, is in their state.
    number, event : tuple of str and int
        The number, and the category that shares its token and thereby its time.
    intervals : Tensor
        Where the function is wanted, as bounds of its values, ``(B, M, 2)``.
    knots : int
        Number of knots at which the flow is solved, 1 more than a power of 2.
    """

    def solve(scores: Tensor) -> Tensor:
        each = rows.take(_repeated(scores))
        start = scores.to(each.state[number[0]].dtype).view(-1, 1, 1)
        moved = _flow(denoise, joint, each, number, event, start, solver, n_steps)
        return moved.double().view(scores.shape)

    even = torch.linspace(-_REACH, _REACH, knots // 2 + 1, dtype=torch.float64, device=rows.device)
    coarse = even.repeat(len(rows), 1)
    values = solve(coarse)
    more = _knots_within(_curve(coarse, values), intervals.double(), knots // 2)
    scores, order = torch.cat([coarse, more], dim=1).sort(dim=1)
    return _curve(scores, torch.cat([values, solve(more)], dim=1).gather(1, order))


def _repeated(scores: Tensor) -> Tensor:
    return torch.arange(len(scores), device=scores.device).repeat_interleave(scores.shape[1])


def _flow(
    denoise: Denoise,
    joint: JointProcess,
    rows: PartialRows,
    number: Cell,
    event: Cell | None,
    start: Tensor,
    solver: Solver,
    n_steps: int,
) -> Tensor:
    """Move one number of each row from normal scores ``(B, 1, 1)`` to time 0."""
    name, column = number

    def denoise_cell(state: State, times: Times) -> Prediction:
        moved = rows.move(number, state[name][:, 0], times[name])
        if event is not None:
            moved = moved.move(event, None, times[name])
        return {name: denoise(moved.state, moved.times)[name][:, column : column + 1]}

    return sample(
        denoise_cell,
        _alone(joint, name),
        len(start),
        FixedNoise(start),
        solver=_without_noise(solver),
        n_steps=n_steps,
        dtype=start.dtype,
    )[name]


def _alone(joint: JointProcess, name: str) -> ProductProcess:
    """Make the process of one cell of a part."""
    process = joint.parts()[name].process
    assert isinstance(process, GaussianProcess), f"{name!r} does not hold numbers"
    assert process.space.features == 1, f"a cell of {name!r} holds more than one number"
    part = NumericModality(1, frequencies=0)
    part.process = GaussianProcess(RealSpace(1), process.schedule, process.sigma_data)
    return ProductProcess({name: part})


def _without_noise(solver: Solver) -> Solver:
    return replace(solver, eta=0.0) if isinstance(solver, Euler | TwoM) else solver


def _curve(scores: Tensor, values: Tensor) -> QuantileTable:
    """Put an increasing cubic through values at the knots, both ``(B, K)``, and read it finely.

    Values are first lifted until they increase, where a network or coarse steps broke the order.
    The tangents are harmonic means of the slopes beside each knot, which keeps the curve increasing
    (Fritsch and Butland 1984).
    """
    least = _LEAST_SLOPE * scores
    values = (values - least).cummax(dim=1).values + least
    width, rise = scores.diff(dim=1), values.diff(dim=1)
    slope = rise / width.clamp_min(_SMALLEST)
    inner = 2 / (1 / slope[:, :-1] + 1 / slope[:, 1:])
    tangent = torch.cat([slope[:, :1], inner, slope[:, -1:]], dim=1)[..., None]
    parts = _FINE // rise.shape[1]
    s = torch.arange(parts, dtype=values.dtype, device=values.device) / parts
    bend = s * (1 - s) * (tangent[:, :-1] * (1 - s) - tangent[:, 1:] * s)
    curve = values[:, :-1, None] + rise[..., None] * s**2 * (3 - 2 * s) + width[..., None] * bend
    line = scores[:, :-1, None] + width[..., None] * s
    return QuantileTable(
        torch.cat([line.flatten(1), scores[:, -1:]], dim=1),
        torch.cat([curve.flatten(1), values[:, -1:]], dim=1),
    )


def _knots_within(table: QuantileTable, intervals: Tensor, count: int) -> Tensor:
    """Choose normal scores, ``(B, count)``, where a coarse table puts some intervals.

    They are spaced evenly in the sum of score and value, each as a share of its range there. Of an
    interval only the coarse cells are sure that hold its bounds, so whole cells are taken.
    """
    parts = _FINE // count
    edges = table.values[:, ::parts].clone()
    edges[:, 0], edges[:, -1] = -torch.inf, torch.inf
    low, high = intervals[:, None].unbind(dim=3)
    taken = ((low < edges[:, 1:, None]) & (high > edges[:, :-1, None])).any(dim=2)
    taken |= ~taken.any(dim=1, keepdim=True)
    mask = taken.repeat_interleave(parts, dim=1)
    path = torch.zeros_like(table.scores)
    for axis in table:
        steps = axis.diff(dim=1) * mask
        path[:, 1:] += (steps / steps.sum(dim=1, keepdim=True)).cumsum(dim=1)
    wanted = 2 * (torch.arange(count, dtype=path.dtype, device=path.device) + 0.5) / count
    return _interpolate(wanted.repeat(len(path), 1), path, table.scores)


def _interpolate(x: Tensor, xs: Tensor, ys: Tensor) -> Tensor:
    """Read the line through ``(xs, ys)`` at x, ``(B, P)``, row by row; it goes on at both ends."""
    right = torch.searchsorted(xs, x.contiguous()).clamp(1, xs.shape[1] - 1)
    x0, x1, y0, y1 = (v.gather(1, index) for v in (xs, ys) for index in (right - 1, right))
    return y0 + (x - x0) * ((y1 - y0) / (x1 - x0))
