"""A table with pictures: each from the other, both together, and both from their halves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.pictures.table_pictures import scores as scored
from benchmarks.pictures.table_pictures.columns import COLUMNS, PICTURE
from benchmarks.pictures.table_pictures.data import TablePictures, halves, load, stacked
from benchmarks.pictures.table_pictures.grid import draw, show
from benchmarks.pictures.table_pictures.methods import (
    BY_CATEGORY,
    DRAWS,
    METHODS,
    OWN,
    PRODUCT,
    TABLE,
    completed,
    told,
)
from benchmarks.pictures.table_pictures.references import (
    boosted_trees,
    real_rows,
    ridge,
    shuffled_rows,
)
from benchmarks.pictures.task import Column, PictureTask, Scores

TEXT = f"""\
The 10,000 test pictures of Fashion-MNIST, 28 x 28 pixels, each with nine columns: its category, the
group that this belongs to, its tone (three classes), and six numbers that are measured on it:
brightness, share of dark pixels (missing in 10 % of the rows), edges, symmetry, height and width of
what is shown. 8,000 rows are for training, and each question is asked of {scored.ASKED:,} test
rows. A row is one token for each column and 16 for the picture (7 x 7 pixels), in one product
process. What is drawn is held against what is recomputed from the picture; a judge (a small network
trained on the real train pictures) reads its category. Errors are root mean squared errors of one
draw over the standard deviation of the column, averaged over the six numbers: 0 is perfect, 1 is
what the mean of the column gets. Read: columns told given the picture alone, the likeliest class
and of numbers the mean of {DRAWS} draws, beside two regressions from the pixels. Drawn: pictures
drawn given all columns, Fréchet distance on the judge's features. Both: pictures and columns drawn
together; Shape, Trend and C2ST (1: boosted trees cannot tell drawn columns from real ones) are
those of the columns, which models of the columns alone also have. Halves: the left half of the
picture and a random four of the nine columns are known, the rest is drawn; error and category are
those of hidden columns, pixels the mean squared error of the hidden half, judged the completed
pictures that show the true category. A model of the columns alone has only the four columns.
Everything known comes back bit for bit, which is checked."""
COLUMNS_SHOWN = (
    Column("read_category", "Read: category", 100, 1),
    Column("read_tone", "Read: tone", 100, 1),
    Column("read_error", "Read: error", 1, 3, "down"),
    Column("drawn_category", "Drawn: category", 100, 1),
    Column("drawn_tone", "Drawn: tone", 100, 1),
    Column("drawn_error", "Drawn: error", 1, 3, "down"),
    Column("frechet", "Drawn: Fréchet", 1, 2, "down"),
    Column("nearer_to_train", "Nearer to train", 1, 3, "half"),
    Column("shape", "Shape", 100, 2),
    Column("trend", "Trend", 100, 2),
    Column("c2st", "C2ST", 1, 3),
    Column("joint_category", "Both: category", 100, 1),
    Column("joint_error", "Both: error", 1, 3, "down"),
    Column("halves_category", "Halves: category", 100, 1),
    Column("halves_error", "Halves: error", 1, 3, "down"),
    Column("halves_pixels", "Halves: pixels", 1, 4, "down"),
    Column("halves_label", "Halves: judged", 100, 1),
)


def ask(model: Any, data: TablePictures, seed: int, method: str) -> Scores:
    """Ask what a method can answer."""
    if method == BY_CATEGORY:
        return draw_pictures(model, data, seed, ["category"])
    rows = scored.ASKED
    drawn = model.sample(rows, random_state=seed)
    found = scored.table_scores(drawn, data)
    parts = halves(data, rows)[0]
    if method != PRODUCT:
        whole = completed(model, parts.drop(columns=PICTURE), seed)
        return {**found, **scored.halves_columns_scores(whole, data)}
    read = told(model, data.test.head(rows)[[PICTURE]], seed)
    whole = completed(model, parts, seed)
    return {
        **found,
        **scored.agreement_scores(drawn, data),
        **scored.read_scores(read, data),
        **draw_pictures(model, data, seed, list(COLUMNS)),
        **scored.halves_columns_scores(whole, data),
        **scored.halves_pictures_scores(whole, data),
    }


def draw_pictures(model: Any, data: TablePictures, seed: int, names: list[str]) -> dict[str, Any]:
    """Draw a picture for some columns of each test row, and score it."""
    asked = data.test.head(scored.ASKED)[names]
    return scored.drawn_scores(stacked(completed(model, asked, seed)), data)


def remarks(scores: Mapping[str, Sequence[Scores]]) -> list[str]:
    """Say what each column is worth, and what the picture costs the table."""
    said = []
    ours = list(scores.get(PRODUCT, ()))
    for key, what in (
        ("read_errors", "Error of each number read from the picture"),
        ("drawn_errors", "Error of each number in pictures drawn given the columns"),
    ):
        if errors := scored.mean_errors(ours, key) if ours else {}:
            listed = ", ".join(f"{name} {error:.3f}" for name, error in errors.items())
            said.append(f"{what}: {listed}.")
    for name in (TABLE, OWN):
        if ours and scores.get(name):
            said.append(_cost(ours, scores[name], name))
    return said


def _cost(ours: Sequence[Scores], theirs: Sequence[Scores], name: str) -> str:
    """Put the quality of the columns beside that of a model of the columns alone."""
    gaps = {}
    for key in ("shape", "trend"):
        means = [sum(float(run[key]) for run in runs) / len(runs) for runs in (ours, theirs)]
        gaps[key] = 100 * (means[0] - means[1])
    return (
        f"The columns of the joint model against `{name}`: {gaps['shape']:+.2f} points of Shape, "
        f"{gaps['trend']:+.2f} of Trend."
    )


TASK = PictureTask(
    name="table-pictures",
    title="A table with pictures: each from the other, both from halves",
    text=TEXT,
    load=load,
    methods=METHODS,
    ask=ask,
    references={
        "real test rows": real_rows,
        "ridge from pixels": ridge,
        "boosted trees from pixels": boosted_trees,
        "shuffled rows": shuffled_rows,
    },
    show=show,
    draw=draw,
    columns=COLUMNS_SHOWN,
    steps=3_000,
    # Three of the four questions are conditional ones: much of a row is known, the rest is not.
    recipe={"width": 96, "depth": 4, "independent": 0.3, "clean": 0.5},
    remarks=remarks,
)
