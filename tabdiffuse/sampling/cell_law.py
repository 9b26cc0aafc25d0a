"""The law of the cells of one token, restricted, given the evidence so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tabdiffuse.denoiser import Denoise
from tabdiffuse.joint import JointProcess
from tabdiffuse.sampling.flow import NumberLaw, QuantileTable, tabulate
from tabdiffuse.sampling.particles import first_beyond
from tabdiffuse.sampling.rows import Cell, PartialRows, distinct
from tabdiffuse.sampling.solvers import Solver

__all__ = ["CellLaw", "Network", "Restriction"]

# A flow is solved at so many knots: the most that cost no more than a step of the main chain does.
_KNOTS = (33, 17, 9)
# Rows in one call of the network: what the caches of a CPU hold, what keeps a GPU busy.
_CPU_CALL_ROWS, _GPU_CALL_ROWS = 2048, 65_536


@dataclass(frozen=True)
class Restriction:
    """What the cells of one token may hold, in each row.

    The law wanted is ``p(e, x) exp(log_weights[e]) 1[x in intervals]``, where the intervals count
    only for the category ``inside`` if the token has a categorical cell.

    Attributes
    ----------
    active : Tensor
        Rows that are restricted, ``(B,)`` bool.
    event : tuple of str and int, optional
        Modality and cell of the category.
    log_weights : Tensor, optional
        Log of the weight of each category, ``(B, K)``; minus infinity excludes.
    number : tuple of str and int, optional
        Modality and cell of the number. It must be named if the token has one, as the cells of a
        token have one time: it is drawn with the event, or goes on from where it is held.
    intervals : Tensor, optional
        Bounds of the clean number, ``(B, M, 2)``, perhaps infinite; unbounded by default. The
        intervals of a row do not overlap; ``(inf, -inf)`` is empty, for rows with fewer than M.
    inside : int
        Category at which the number carries the value.
    standard : bool
        Whether the number by itself, where it carries the value, is N(0, 1) by construction. Rows
        without any evidence then need not ask the network, which is least sure of them.
    """

    active: Tensor
    event: Cell | None = None
    log_weights: Tensor | None = None
    number: Cell | None = None
    intervals: Tensor | None = None
    inside: int = 0
    standard: bool = False

    def apply(self, change: Callable[[Tensor], Tensor]) -> Restriction:
        """Apply a function to every tensor, for instance to choose rows or move them."""
        weights, intervals = self.log_weights, self.intervals
        return replace(
            self,
            active=change(self.active),
            log_weights=None if weights is None else change(weights),
            intervals=None if intervals is None else change(intervals),
        )

    def take(self, rows: Tensor) -> Restriction:
        """Choose rows."""
        return self.apply(lambda values: values[rows])

    def tensors(self) -> list[Tensor]:
        """Return every tensor, each with one entry for each row."""
        given = (self.active, self.log_weights, self.intervals)
        return [values for values in given if values is not None]


@dataclass(frozen=True)
class Network:
    """A denoiser and how its flow is solved; asked once for rows with equal evidence.

    On a CPU the rows of a block go to the network together and without others: the sums of a
    product of matrices, hence the last bits of its result, may depend on how many rows it has.
    """

    denoise: Denoise
    joint: JointProcess
    solver: Solver
    n_steps: int
    block_rows: int

    def categories(self, rows: PartialRows, event: Cell, block: Tensor) -> Tensor:
        """Return the log-probabilities of a hidden category, ``(B, K)``."""
        name, column = event

        def ask(own: Tensor, _: int) -> list[Tensor]:
            some = rows.take(own)
            return [self.denoise(some.state, some.times)[name][:, column].double()]

        (table,), index = _ask(rows.key(), block, torch.ones_like(block), ask)
        return table[index]

    def number(
        self,
        rows: PartialRows,
        number: Cell,
        event: Cell | None,
        intervals: Tensor,
        block: Tensor,
    ) -> tuple[QuantileTable, Tensor]:
        """Return quantile functions of a hidden number, and which of them each row has."""

        def ask(own: Tensor, knots: int) -> QuantileTable:
            return tabulate(
                self.denoise,
                self.joint,
                rows.take(own),
                number,
                event,
                intervals[own],
                knots=knots,
                solver=self.solver,
                n_steps=self.n_steps,
            )

        key = torch.cat([rows.key(), intervals.double().flatten(1)], dim=1)
        tables, index = _ask(key, block, self._knots(key, block), ask)
        return QuantileTable(*tables), index

    def _knots(self, key: Tensor, block: Tensor) -> Tensor:
        """Choose how many knots the tables of each block have, by how many tables it needs."""
        pairs = torch.stack([block, distinct(key)[1]], dim=1).unique(dim=0)
        tables = torch.bincount(pairs[:, 0])
        knots = torch.full_like(tables, min(_KNOTS))
        for count in sorted(_KNOTS):
            knots[tables * count <= self.block_rows] = count
        return knots[block]


def _ask(
    key: Tensor,
    block: Tensor,
    width: Tensor,
    ask: Callable[[Tensor, int], Sequence[Tensor]],
) -> tuple[list[Tensor], Tensor]:
    """Ask once for each kind of row; return the answers, and which of them each row has.

    Parameters
    ----------
    key : Tensor
        Numbers, ``(B, F)``, that are equal in rows of one kind.
    block : Tensor
        Block of each row, ``(B,)``.
    width : Tensor
        Number of rows that the network sees for a kind, ``(B,)``, the same in all of a block.
    ask : callable
        Answers for some rows, given their numbers and their width.
    """
    answers: list[Sequence[Tensor]] = []
    index, count = torch.empty_like(block), 0
    limit = _CPU_CALL_ROWS if block.device.type == "cpu" else _GPU_CALL_ROWS
    for part in _calls(block, width):
        each = int(width[part[0]])
        first, kind = distinct(key[part])
        answers += [ask(part[some], each) for some in first.split(max(1, limit // each))]
        index[part] = kind + count
        count += len(first)
    return [torch.cat(pieces) for pieces in zip(*answers, strict=True)], index


def _calls(block: Tensor, width: Tensor) -> Iterator[Tensor]:
    """Say which rows go to the network together."""
    label = block if block.device.type == "cpu" else width
    for value in label.unique():
        yield (label == value).nonzero()[:, 0]


@dataclass(frozen=True)
class CellLaw:
    """What may be drawn in the cells of one token, one law for each row.

    Attributes
    ----------
    restriction : Restriction
        What is wanted of each row.
    held : Tensor
        Rows whose number is known already, exactly or up to noise, ``(B,)`` bool.
    log_events : Tensor, optional
        Log of the mass of each category under the restriction, ``(B, K)``.
    numbers : NumberLaw, optional
        Law of the number; of no meaning in rows that draw none.
    log_mass : Tensor
        Log-probability that a row satisfies the restriction, ``(B,)``; 0 in unrestricted rows.
    """

    restriction: Restriction
    held: Tensor
    log_events: Tensor | None
    numbers: NumberLaw | None
    log_mass: Tensor

    @classmethod
    def of(
        cls, network: Network, rows: PartialRows, restriction: Restriction, block: Tensor
    ) -> CellLaw:
        """Ask the network, with every cell hidden that is not known yet."""
        wanted, number = restriction.active, restriction.number
        held = torch.zeros_like(wanted)
        log_mass = torch.zeros(len(wanted), dtype=torch.float64, device=wanted.device)
        log_events = numbers = None
        if number is not None:
            held = wanted & rows.known[number[0]][:, number[1]]
        if restriction.event is not None:
            log_events = _log_events(network, rows, restriction, held, block)
            wanted = wanted & (log_events[:, restriction.inside] > -torch.inf)
        if number is not None and (wanted & ~held).any():
            wanted = wanted & ~held
            numbers = _numbers(network, rows, restriction, wanted, block)
            log_mass = torch.where(wanted, numbers.log_mass(), log_mass)
        if log_events is not None:
            log_events[:, restriction.inside] += log_mass
            log_mass = torch.where(restriction.active, log_events.logsumexp(dim=1), 0.0)
        return cls(restriction, held, log_events, numbers, log_mass)

    def take(self, rows: Tensor) -> CellLaw:
        """Choose rows."""
        return CellLaw(
            self.restriction.take(rows),
            self.held[rows],
            None if self.log_events is None else self.log_events[rows],
            None if self.numbers is None else self.numbers.take(rows),
            self.log_mass[rows],
        )

    def draw(self, rows: PartialRows, u: Tensor) -> PartialRows:
        """Draw the cells and reveal them, given ``(B, 2)`` numbers uniform in [0, 1).

        A number that is held goes on with its event if it is the value, and is set aside otherwise.
        """
        number, event, wanted = (
            self.restriction.number,
            self.restriction.event,
            self.restriction.active,
        )
        inside, clean = wanted, torch.zeros_like(self.log_mass)
        time = clean
        if self.log_events is not None:
            code = _draw_category(self.log_events, u[:, 0])
            inside = wanted & (code == self.restriction.inside)
        if number is not None:
            time = torch.where(inside & self.held, rows.times[number[0]][:, number[1]], clean)
            x = clean if self.numbers is None else self.numbers.draw(u[:, 1])
            fresh = wanted & ~(inside & self.held)
            rows = rows.reveal(number, torch.where(inside, x, 0.0), clean, fresh)
        if event is not None:
            rows = rows.reveal(event, code, time, wanted)
        return rows


def _log_events(
    network: Network, rows: PartialRows, restriction: Restriction, held: Tensor, block: Tensor
) -> Tensor:
    """Weigh the categories; where the number is held, the event is read at its time."""
    event, weights = restriction.event, restriction.log_weights
    assert event is not None
    assert weights is not None, "a category is restricted by weights"
    if restriction.number is not None:
        (name, column), (other, place) = event, restriction.number
        time = torch.where(held, rows.times[other][:, place], rows.times[name][:, column])
        rows = rows.move(event, None, time)
    log_events = torch.zeros_like(weights, dtype=torch.float64)
    part = restriction.active.nonzero()[:, 0]
    if len(part):
        found = network.categories(rows.take(part), event, block[part])
        log_events[part] = found[:, : weights.shape[1]] + weights[part]
    return log_events


def _numbers(
    network: Network, rows: PartialRows, restriction: Restriction, wanted: Tensor, block: Tensor
) -> NumberLaw:
    """Ask for the law of the number, given that its event is the value."""
    number, event = restriction.number, restriction.event
    assert number is not None
    alone = wanted & ~rows.any_known() & restriction.standard
    if event is not None:
        inside = torch.full_like(block, restriction.inside)
        rows = rows.reveal(event, inside, torch.ones_like(wanted, dtype=torch.float64), wanted)
    intervals = restriction.intervals
    if intervals is None:
        everywhere = torch.tensor([-torch.inf, torch.inf], device=block.device)
        intervals = everywhere.expand(len(block), 1, 2)
    table, index = QuantileTable.normal(block.device), torch.zeros_like(block)
    part = (wanted & ~alone).nonzero()[:, 0]
    if len(part):
        asked, own = network.number(rows.take(part), number, event, intervals[part], block[part])
        index[part] = len(table.scores) + own
        table = table.join(asked)
    return NumberLaw(table, index, intervals)


def _draw_category(log_weights: Tensor, u: Tensor) -> Tensor:
    """Invert the cumulative distribution of each row, ``(B, K)``."""
    reached = log_weights.softmax(dim=1).cumsum(dim=1)
    return first_beyond(reached, u[:, None] * reached[:, -1:])[:, 0]
