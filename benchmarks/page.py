"""RESULTS.md: every table of the suite, rebuilt from committed lines and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.columns import ARROWS, C2ST, TREND, Column, mle, score_columns
from benchmarks.commands import commands
from benchmarks.data import known, read_recipe
from benchmarks.formats import BLANK, count, duration, memory
from benchmarks.published import DATASETS, SOURCES, Number, published
from benchmarks.report import unscored, value
from benchmarks.results import Line
from benchmarks.rows import Row, all_rows, best, committed_references, published_rows

PAGE = Path(__file__).resolve().parent / "RESULTS.md"
MARKS = "¹²³⁴⁵⁶⁷⁸⁹"
SPLITS = {"protocol": "", "corrected": ", corrected split"}
INTRODUCTION = """\
# Results

Rebuilt by `python -m benchmarks report` from `results/*.jsonl`, `references/*.json` and
`published.csv`. How the scores are computed: [README.md](README.md). Mean ± standard deviation over
trainings with different seeds for what was run here; published spreads are their sources'.
**Bold**: the best value of a column, bounds left out; arrows say what is better. β-recall and DCR
share are best near one half: more means rows copied from the train table. † recalled, not read
again in its source. Times of different machines do not compare; the small number behind a title
says which machine it was.
"""
NEWS = (
    "News20k holds 20,261 of the 39,644 rows of News, so no published number stands beside it. "
    "What was published on the full table is at the end of this page."
)
PICKED = {"trend": "Trend", "c2st": "XGB-C2ST", "mle": "MLE, an AUC ↑ or an RMSE ↓"}
ELSEWHERE = (
    "Area under the curve of XGBoost detectors with splits of their own, .5 = indistinguishable. "
    "Not comparable with XGB-C2ST above."
)


def render(lines: Sequence[Line]) -> str:
    """Write the page.

    Parameters
    ----------
    lines : sequence of dict
        Finished runs on tables; the newest of equal ones counts.
    """
    names = [name for name in known() if _has_rows(lines, name)]
    tables = {(name, split): all_rows(lines, name, split) for name in names for split in SPLITS}
    marks = _machines(row for rows in tables.values() for row in rows)
    overview = {name: tables[name, "protocol"] for name in names}
    parts = [INTRODUCTION, "## Overview", *_overview(overview, marks)]
    for (name, split), rows in tables.items():
        if split == "protocol" or any(row.lines for row in rows):
            title = f"## {read_recipe(name)['title']}{SPLITS[split]}"
            parts += [title, *_section(name, rows, split, marks)]
    if news := published_rows("news"):
        parts += ["## News, published numbers only", table("news", news, {})]
    parts += _elsewhere()
    parts += _sources()
    return "\n\n".join(part.strip() for part in parts) + "\n"


def table(name: str, rows: Sequence[Row], marks: Mapping[str, str]) -> str:
    """Lay rows out in Markdown, the best value of each score in bold."""
    columns = score_columns(name)
    headings = [f"{column.title} {ARROWS[column.better]}" for column in columns]
    titles = [name, "Seeds", *headings, "Parameters", "Training", "Sampling", "Peak memory"]
    cells = [[_title(row, marks), str(len(row.seeds) or BLANK)] for row in rows]
    for column in columns:
        for row, shown in zip(cells, emphasised(rows, column), strict=True):
            row.append(shown)
    for row, costs in zip(cells, (_costs(row) for row in rows), strict=True):
        row += costs
    return markdown(titles, cells)


def emphasised(rows: Sequence[Row], column: Column) -> list[str]:
    """Write the values of one column, the best in bold."""
    winners = best(rows, column)
    shown = [value(row.cells.get(column.key), column) for row in rows]
    return [f"**{text}**" if place in winners else text for place, text in enumerate(shown)]


def markdown(titles: Sequence[str], cells: Sequence[Sequence[str]], side: str = "---:") -> str:
    """Write a table; the first column to the left, all others to the right unless said."""
    rule = ["---", *[side] * (len(titles) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (titles, rule, *cells))


def _has_rows(lines: Iterable[Line], name: str) -> bool:
    ran = any(line["config"]["dataset"] == name for line in lines)
    return ran or bool(published(name)) or bool(committed_references(name))


def _machines(rows: Iterable[Row]) -> dict[str, str]:
    """Give each machine of our runs a mark."""
    return dict(zip(dict.fromkeys(row.machine for row in rows if row.lines), MARKS, strict=False))


def _trained_on(rows: Iterable[Row], marks: Mapping[str, str]) -> list[str]:
    """Say what the marks behind the titles mean."""
    named = [f"{marks[machine]} {machine}" for machine in _machines(rows) if machine in marks]
    return [f"Trained on {'; '.join(named)}."] if named else []


def _section(name: str, rows: Sequence[Row], split: str, marks: Mapping[str, str]) -> list[str]:
    parts = [NEWS] if name == "news20k" else []
    parts += [table(name, rows, marks), *_trained_on(rows, marks)]
    if lost := unscored(rows):
        parts.append(f"Not scored, so missing from Shape and Trend: {', '.join(lost)}.")
    if split == "protocol" and any(row.kind == "ours" for row in rows):
        parts.append(f"![Quality against training time on {name}](figures/{name}.png)")
    if asked := commands(line for row in rows for line in row.lines):
        parts.append("```sh\n" + "\n".join(asked) + "\n```")
    return parts


def _title(row: Row, marks: Mapping[str, str]) -> str:
    mark = marks.get(row.machine, "") if row.lines else ""
    title = f"`{row.title}`" if row.lines else row.title
    return f"{title} {mark}".strip()


def _costs(row: Row) -> list[str]:
    """Parameters, times and memory; times marked where a published one is recalled."""
    written = (
        ("n_parameters", count),
        ("fit_seconds", duration),
        ("sample_seconds", duration),
        ("peak_memory_mb", memory),
    )
    shown = []
    for key, write in written:
        cell = row.cells.get(key)
        text = BLANK if cell is None else write(cell.mean)
        shown.append(f"{text}†" if cell is not None and cell.recalled else text)
    return shown


def _overview(tables: Mapping[str, Sequence[Row]], marks: Mapping[str, str]) -> list[str]:
    """Three tables, data sets across and methods down; runs with changed settings are left out."""
    plain = {name: [row for row in rows if _is_plain(row)] for name, rows in tables.items()}
    parts = _trained_on((row for rows in plain.values() for row in rows), marks)
    for pick, what in PICKED.items():
        columns = {name: _column(pick, name) for name in plain}
        by_title: dict[str, dict[str, str]] = {}
        for name, rows in plain.items():
            for row, text in zip(rows, emphasised(rows, columns[name]), strict=True):
                if text != BLANK:
                    by_title.setdefault(_title(row, marks), {})[name] = text
        heads = [f"{name} {ARROWS[column.better]}" for name, column in columns.items()]
        cells = [
            [title, *(texts.get(name, BLANK) for name in plain)]
            for title, texts in by_title.items()
        ]
        parts += [f"### {what}", markdown(["", *heads], cells)]
    return parts


def _is_plain(row: Row) -> bool:
    """Tell whether a row is no ablation and no point of a time curve."""
    if not row.lines:
        return True
    config = row.lines[0]["config"]
    return not config["overrides"] and config["max_time"] is None


def _column(pick: str, name: str) -> Column:
    return {"trend": TREND, "c2st": C2ST, "mle": mle(name)}[pick]


def _elsewhere() -> list[str]:
    """List detection by other judges."""
    column = Column("detection_auc", "AUC", better="down")
    names = ("adult", "default", "magic", "diabetes")
    found = {name: published(name) for name in names}
    methods = dict.fromkeys(
        method for by in found.values() for method, numbers in by.items() if column.key in numbers
    )
    cells = [
        [method, *(_auc(found[name].get(method, {}).get(column.key)) for name in names)]
        for method in methods
    ]
    return ["## Published detectors", ELSEWHERE, markdown(["", *names], cells)]


def _auc(number: Number | None) -> str:
    return BLANK if number is None else f"{number.mean:.{number.digits}f}"


def _sources() -> list[str]:
    """List for each method which source each of its numbers has, then the sources."""
    used: dict[str, dict[str, None]] = {}
    for name in DATASETS:
        for method, numbers in published(name).items():
            for key, number in numbers.items():
                used.setdefault(method, {})[f"{key} `{number.source}`"] = None
    cells = [[method, ", ".join(said)] for method, said in used.items()]
    named = "\n".join(f"- `{key}`: {text}" for key, text in SOURCES.items())
    return ["## Sources of published numbers", named, markdown(["Method", "Sources"], cells, "---")]
