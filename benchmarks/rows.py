"""The rows of the tables: our runs, rivals we ran, published methods, and the two or three bounds.

Everything here comes from lines of JSON; no data set is needed.
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.columns import Column, score_columns
from benchmarks.published import BOUNDS, published
from benchmarks.results import OWN_METHOD, Config, Line, machine, newest

REFERENCES = Path(__file__).resolve().parent / "references"
REFERENCE_TITLES = {
    "real": "real test rows",
    "bootstrap": "train rows, resampled",
    "shuffled": "columns shuffled",
}
COSTS = ("n_parameters", "fit_seconds", "sample_seconds", "peak_memory_mb")

Kind = Literal["ours", "rival", "published", "reference"]


@dataclass(frozen=True)
class Cell:
    """One value of a table, in the table's units.

    Parameters
    ----------
    mean : float
        The value.
    sd : float or None
        Its spread, where there is one.
    count : int
        From how many trainings.
    recalled : bool
        Whether a published number was not read again in its source.
    digits : int or None
        Decimals that a published number has.
    """

    mean: float
    sd: float | None = None
    count: int = 1
    recalled: bool = False
    digits: int | None = None


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Parameters
    ----------
    title : str
        What made the rows that were scored.
    kind : str
        "ours", "rival", "published" or "reference".
    cells : dict of str to Cell
        By the key of the column; costs under the names of a line.
    machine : str
        What trained the model; empty where nobody said.
    lines : list of dict
        The runs of the row, those of other splits among them.
    """

    title: str
    kind: Kind
    cells: dict[str, Cell]
    machine: str = ""
    lines: list[Line] = field(default_factory=list)

    @property
    def seeds(self) -> list[int]:
        """Seeds of the runs that were scored for quality."""
        return [line["config"]["seed"] for line in self.lines if line["config"]["split"] != "dcr"]


def config_of(record: Line) -> Config:
    """Rebuild what a run was asked to do."""
    return Config(**record["config"])


def all_rows(
    lines: Iterable[Line],
    dataset: str,
    split: str = "protocol",
    references: Mapping[str, Any] | None = None,
) -> list[Row]:
    """Rows of one table: ours, rivals, published methods, bounds.

    Parameters
    ----------
    lines : iterable of dict
        Finished runs.
    dataset, split : str
        Which table. Published numbers are for the protocol's split.
    references : mapping, optional
        Scores of the bounds; by default the committed ones.
    """
    if references is None:
        references = committed_references(dataset, split)
    rows = own_rows(lines, dataset, split)
    if split == "protocol":
        rows += published_rows(dataset)
    rows += reference_rows(dataset, references)
    return sorted(rows, key=lambda row: row.kind == "reference")  # stable: bounds last


def own_rows(lines: Iterable[Line], dataset: str, split: str = "protocol") -> list[Row]:
    """Group runs that differ in the seed only; ours first, each kind by training time.

    The share of rows nearer to train than to held-out rows (DCR) is from runs on the halved train
    table, split "dcr", of the same title; with a time budget, on the same machine too.
    """
    mine = newest(line for line in lines if line["config"]["dataset"] == dataset)
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in mine:
        if line["config"]["split"] == split:
            groups.setdefault((config_of(line).title, machine(line)), []).append(line)
    halved = [line for line in mine if line["config"]["split"] == "dcr" and split == "protocol"]
    rows = [
        _own_row(dataset, key, members, _matching(halved, *key)) for key, members in groups.items()
    ]
    return sorted(rows, key=lambda row: (row.kind, row.cells["fit_seconds"].mean, row.title))


def published_rows(dataset: str) -> list[Row]:
    """List published methods, best Trend first."""
    rows = []
    for method, numbers in published(dataset).items():
        cells = {key: Cell(n.mean, n.sd, 1, n.recalled, n.digits) for key, n in numbers.items()}
        kind: Kind = "reference" if method in BOUNDS else "published"
        rows.append(Row(method, kind, cells, "a GPU"))
    shown = [row for row in rows if set(row.cells) - {"detection_auc"}]
    return sorted(shown, key=lambda row: -row.cells.get("trend", Cell(0.0)).mean)


def reference_rows(dataset: str, scores: Mapping[str, Any]) -> list[Row]:
    """List the bounds, from a mapping of ``real``, ``bootstrap`` and ``shuffled`` to scores."""
    return [
        Row(title, "reference", _score_cells(score_columns(dataset), [scores[name]]))
        for name, title in REFERENCE_TITLES.items()
        if scores.get(name)
    ]


def committed_references(dataset: str, split: str = "protocol") -> dict[str, Any]:
    """Read the committed scores of the bounds; empty where there are none.

    As for our own rows, the DCR share of the protocol's table is from the halved train table.
    """
    found = _read_references(dataset if split == "protocol" else f"{dataset}-{split}")
    if split == "protocol":
        for name, scores in _read_references(f"{dataset}-dcr").items():
            if name in REFERENCE_TITLES and name in found:
                found[name]["dcr_share"] = scores["dcr_share"]
    return found


def _read_references(stem: str) -> dict[str, Any]:
    path = REFERENCES / f"{stem}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def best(rows: Sequence[Row], column: Column) -> set[int]:
    """Find the rows with the best value of a column as it is shown; bounds do not compete."""
    ranks = {
        place: column.rank(row.cells[column.key].mean)
        for place, row in enumerate(rows)
        if row.kind != "reference" and column.key in row.cells
    }
    return {place for place, rank in ranks.items() if rank == max(ranks.values())}


def cell_of(values: Sequence[float], factor: float = 1.0) -> Cell:
    """Mean and sample standard deviation of several trainings."""
    scaled = [factor * value for value in values]
    sd = statistics.stdev(scaled) if len(scaled) > 1 else None
    return Cell(statistics.fmean(scaled), sd, len(scaled))


def _own_row(dataset: str, key: tuple[str, str], lines: list[Line], halved: list[Line]) -> Row:
    title, trained_on = key
    lines = sorted(lines, key=lambda line: line["config"]["seed"])
    columns = score_columns(dataset)
    cells = _score_cells(columns, [line["scores"] for line in lines])
    cells |= _score_cells(columns[-1:], [line["scores"] for line in halved])
    for name in COSTS:
        if values := [line[name] for line in lines if line.get(name) is not None]:
            cells[name] = cell_of(values)
    kind: Kind = "ours" if lines[0]["config"]["method"] == OWN_METHOD else "rival"
    return Row(title, kind, cells, trained_on, [*lines, *halved])


def _matching(halved: Sequence[Line], title: str, trained_on: str) -> list[Line]:
    same = [line for line in halved if config_of(line).title == title]
    on_it = [line for line in same if machine(line) == trained_on]
    return on_it or [line for line in same if line["config"]["max_time"] is None]


def _score_cells(
    columns: Sequence[Column], scores: Sequence[Mapping[str, float | None]]
) -> dict[str, Cell]:
    cells = {}
    for column in columns:
        values = [score.get(column.key) for score in scores]
        known = [value for value in values if value is not None]
        if known:
            cells[column.key] = cell_of(known, column.factor)
    return cells
