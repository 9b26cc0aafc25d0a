"""From conditions on the columns of a table to the evidence that the sampler takes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tabdiffuse._random import block_noise
from tabdiffuse.errors import TabdiffuseWarning
from tabdiffuse.joint import JointProcess, Observed, State
from tabdiffuse.sampling.blocks import BLOCK_ROWS
from tabdiffuse.sampling.evidence import Evidence
from tabdiffuse.sampling.restriction import Restriction
from tabdiffuse.tables import TableCodec, TableLayout
from tabdiffuse.tables.asked import Asked
from tabdiffuse.tables.restricting import ColumnEvidence, column_evidence

__all__ = ["column_times", "noised", "table_evidence"]

_CPU = torch.device("cpu")


def table_evidence(
    codec: TableCodec, asked: Asked, *, holdable: bool = True, stacklevel: int = 2
) -> Evidence:
    """Translate conditions on columns into known and restricted cells.

    Parameters
    ----------
    codec : TableCodec
        The codec of the table.
    asked : Asked
        Conditions, one entry for each row.
    holdable : bool, default=True
        Whether plain numbers must fit the dtype of their column.
    stacklevel : int, default=2
        Whose line a warning shows, as for `warnings.warn`.

    Returns
    -------
    Evidence
        One entry for each row, on the CPU.

    Raises
    ------
    DataError, DataTypeError
        A condition cannot be satisfied, or does not fit its column.

    Warns
    -----
    TabdiffuseWarning
        A number lies outside the range seen in training; the model reads it as the nearest end.
    """
    columns = {
        name: column_evidence(
            codec.codecs[codec.schema.names.index(name)],
            codec.schema[name],
            own,
            holdable=holdable,
        )
        for name, own in asked.columns.items()
    }
    notes = [column.note for column in columns.values() if column.note]
    if notes:
        warnings.warn(
            "Some numbers were never seen, and the model reads each as the nearest one that was: "
            + "; ".join(notes)
            + ".",
            TabdiffuseWarning,
            stacklevel=stacklevel + 1,
        )
    restrictions = tuple(_restrictions(columns, codec.layout))
    groups = None
    if len(restrictions) > 1 and len(asked) > 1:
        groups = torch.as_tensor(asked.groups())
    return Evidence(_observed(columns, codec.layout, len(asked)), restrictions, groups)


def _places(layout: TableLayout) -> tuple[dict[Any, int], dict[Any, int]]:
    """Give the number of the numeric and of the categorical cell of each column."""
    numeric = {name: place for place, name in enumerate(layout.numeric_sources)}
    coded = {name: place for place, name in enumerate(layout.categorical_sources)}
    return numeric, coded


def _observed(
    columns: Mapping[Any, ColumnEvidence], layout: TableLayout, rows: int
) -> Observed | None:
    """Gather the known cells; None if there is none."""
    numeric, coded = _places(layout)
    values: State = {}
    known: dict[str, Tensor] = {}
    times: dict[str, Tensor] = {}
    if numeric:
        values["numeric"] = torch.zeros(rows, len(numeric), 1)
        known["numeric"] = torch.zeros(rows, len(numeric), dtype=torch.bool)
        times["numeric"] = torch.zeros(rows, len(numeric))
    if coded:
        values["categorical"] = torch.zeros(rows, len(coded), dtype=torch.long)
        known["categorical"] = torch.zeros(rows, len(coded), dtype=torch.bool)
        times["categorical"] = torch.zeros(rows, len(coded))
    for name, column in columns.items():
        if name in numeric:
            place = numeric[name]
            values["numeric"][:, place, 0] = torch.as_tensor(column.scores).float()
            known["numeric"][:, place] = torch.as_tensor(column.score_known)
            times["numeric"][:, place] = torch.as_tensor(column.times).float()
        if name in coded:
            place = coded[name]
            values["categorical"][:, place] = torch.as_tensor(column.codes)
            known["categorical"][:, place] = torch.as_tensor(column.code_known)
            times["categorical"][:, place] = torch.as_tensor(column.times).float()
    if not any(cells.any() for cells in known.values()):
        return None
    soft = any(bool(tensor.any()) for tensor in times.values())
    return Observed(values, known, times if soft else {})


def _restrictions(columns: Mapping[Any, ColumnEvidence], layout: TableLayout) -> list[Restriction]:
    """Gather the restricted cells, categories before numbers, else in the order of the columns.

    The rows of a column fall into three sorts. Where the number has bounds, it is drawn with its
    event. Where it is known up to noise, or no event is left that needs one, it is named too,
    because it goes on with the event. Else the event alone is drawn first, and the number with the
    rest of the row: that saves the table of its law.
    """
    numeric, coded = _places(layout)
    found = []
    for name, column in columns.items():
        event = ("categorical", coded[name]) if name in coded else None
        number = ("numeric", numeric[name]) if name in numeric else None
        weights = None
        if column.weighted.any():
            weights = torch.as_tensor(column.log_weights).float()
        only_weighted = column.weighted & ~column.bounded
        is_open = np.zeros_like(only_weighted)
        if number is not None and only_weighted.any():
            is_open = only_weighted & ~column.score_known & (column.log_weights[:, 0] > -np.inf)
        within = torch.as_tensor(column.intervals).float() if column.bounded.any() else None
        drawn = event if weights is not None else None
        for active, carried, intervals in (
            (column.bounded, number, within),
            (only_weighted & ~is_open, number, None),
            (is_open, None, None),
        ):
            if active.any():
                mask = torch.as_tensor(active)
                found.append(Restriction(mask, drawn, weights, carried, intervals, standard=True))
    # A category costs one call of the network, and a number given it is known better than the other
    # way round.
    return sorted(found, key=lambda restriction: restriction.intervals is not None)


def column_times(layout: TableLayout, times: Mapping[Any, NDArray[np.float64]]) -> State:
    """Give the cells of each column the time of the column, row by row.

    Parameters
    ----------
    layout : TableLayout
        Which column each cell stands for.
    times : mapping of column name to ndarray of float64, shape (n,)
        Times of every column.

    Returns
    -------
    dict of str to Tensor
        Times of the cells of each modality, ``(n, L)``.
    """
    sources = {"numeric": layout.numeric_sources, "categorical": layout.categorical_sources}
    return {
        part: torch.as_tensor(np.stack([times[name] for name in names], axis=1)).float()
        for part, names in sources.items()
        if names
    }


def noised(
    observed: Observed, joint: JointProcess, data: Mapping[str, Any], times: State, seed: int
) -> Observed:
    """Take known cells of rows to later times.

    Cells at time 0 keep their values. The noise is drawn in blocks, so that it depends on the seed
    and the number of the row alone.

    Parameters
    ----------
    observed : Observed
        Known cells of the rows, at time 0 or later.
    joint : JointProcess
        The process that adds the noise.
    data : mapping of str to ndarray
        The rows, encoded: where a value owns an interval, the clean state is drawn within.
    times : dict of str to Tensor
        For each modality, the times ``(n, L)`` to go to; cells at time 0 stay.
    seed : int
        Seed of the noise.

    Returns
    -------
    Observed
        The same cells; those with a time are known at it.
    """
    rows = len(next(iter(times.values())))
    blocks = -(-rows // BLOCK_ROWS)
    padded = torch.arange(blocks * BLOCK_ROWS).clamp_max(rows - 1)
    parts = joint.parts()
    noise = block_noise(seed, range(blocks), _CPU)
    clean = joint.draw({name: parts[name].encode(x)[padded] for name, x in data.items()}, noise)
    now = {name: torch.zeros_like(own)[padded] for name, own in times.items()}
    then = {name: own[padded] for name, own in times.items()}
    state = joint.forward_step(clean, now, then, noise)
    values, later = {}, {}
    for name, known in observed.values.items():
        moved = (times[name] > 0) & observed.known[name]
        mask = moved if known.ndim == 2 else moved[..., None]
        values[name] = torch.where(mask, state[name][:rows], known)
        held = observed.times.get(name, torch.zeros_like(times[name]))
        later[name] = torch.where(moved, times[name], held)
    return Observed(values, observed.known, later)
