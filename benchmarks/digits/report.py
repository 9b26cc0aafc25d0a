"""The table of the digits: ours between the judge on real digits and the chance floor."""

import statistics
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.digits.scores import DigitScores
from benchmarks.formats import BLANK, count, duration, spread
from benchmarks.results import Line, machine, newest
from benchmarks.rows import config_of

COLUMNS = (
    ("Label → image", "label_to_image"),
    ("Image → label", "image_to_label"),
    ("Joint", "joint"),
)
NOTES = (
    "In percent. Label → image: images drawn given a label that the judge, an SVC trained on the "
    "real train digits, reads as that label. Image → label: held-out digits for which the model "
    "draws the true label. Joint: label and image drawn together, and the judge agrees.",
    "Real digits: the judge's own accuracy on held-out digits. Labels shuffled: held-out digits "
    "under permuted labels; for image → label an SVC trained on permuted labels.",
)


def render(lines: Sequence[Line], references: Mapping[str, DigitScores]) -> Group:
    """Build the table, with what a reader must know below it."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("digits", min_width=16)
    for heading in (*(title for title, _ in COLUMNS), "Params", "Training"):
        table.add_column(heading, justify="right", no_wrap=True)
    groups = _grouped(lines)
    for title, members in groups.items():
        table.add_row(*_own_row(title, members), style="bold")
    table.add_section()
    for title, scores in references.items():
        values = (f"{100 * getattr(scores, key):.1f}" for _, key in COLUMNS)
        table.add_row(title, *values, BLANK, BLANK)
    notes = [*NOTES, *(_note(title, members) for title, members in groups.items())]
    return Group(table, *(Text(note, style="dim") for note in notes))


def _grouped(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Lines that differ in the seed only, under a title; machines apart."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in sorted(newest(lines), key=lambda line: line["config"]["seed"]):
        groups.setdefault((config_of(line).title, machine(line)), []).append(line)
    several = len({trained_on for _, trained_on in groups}) > 1
    return {
        f"{title}, {trained_on}" if several else title: members
        for (title, trained_on), members in groups.items()
    }


def _own_row(title: str, lines: Sequence[Line]) -> tuple[str, ...]:
    return (
        title,
        *(spread([100 * line["scores"][key] for line in lines], 1) for _, key in COLUMNS),
        count(lines[-1]["n_parameters"]),
        duration(statistics.fmean(line["fit_seconds"] for line in lines)),
    )


def _note(title: str, lines: Sequence[Line]) -> str:
    """Say which seeds, and whether the model copies."""
    seeds = ", ".join(str(line["config"]["seed"]) for line in lines)
    nearer = statistics.fmean(line["scores"]["detail"]["nearer_to_train"] for line in lines)
    mean = "mean ± standard deviation of trainings with seeds" if len(lines) > 1 else "seed"
    return (
        f"{title}: {mean} {seeds}; {100 * nearer:.0f} % of the conditional images are nearer to a "
        "train digit than to any of equally many held-out ones (50 %: no copying)."
    )
