"""One picture of a run: every label drawn, joint samples, guesses, beside real digits."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from benchmarks.digits.data import Digits, Labelled
from benchmarks.digits.scores import LABELS, DigitScores, Generated, Judge
from benchmarks.figure import FAINT, INK, STYLE, SYNTHETIC

DRAWN, REAL = 10, 4  # images a row
CARDS = (5, 8)  # rows and columns of labelled images
PITCH = 1.5  # distance of these columns, in units of the distance of the rows
HALF = 0.42  # half the side of an image, in the same units


def draw(
    generated: Generated, digits: Digits, judge: Judge, scores: DigitScores, path: Path
) -> None:
    """Write the picture of one run as PNG.

    Parameters
    ----------
    generated : Generated
        What the model made.
    digits : Digits
        The real digits.
    judge : Judge
        Says where image and label do not belong together.
    scores : DigitScores
        Shown in the headings.
    path : Path
        File to write.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12.6, 6.5), dpi=160)
        header, body = figure.subfigures(2, 1, squeeze=False, height_ratios=[0.6, 5.9]).flat
        _header(header, digits)
        left, right = body.subfigures(1, 2, squeeze=False, width_ratios=[1.32, 1]).flat
        _rows(left, generated.conditional, digits.test, judge, scores)
        upper, lower = right.subfigures(2, 1, squeeze=False).flat
        title = f"Image and label drawn together: {scores.joint:.1%} agree"
        _cards(upper, generated.joint, ~judge.agrees(generated.joint), title)
        guessed = Labelled(digits.test.images, generated.guesses)
        title = f"Image → label, on held-out digits: {scores.image_to_label:.1%} right"
        _cards(lower, guessed, generated.guesses != digits.test.labels, title)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)


def _header(figure: SubFigure, digits: Digits) -> None:
    title = "One model of images and labels, asked three ways"
    figure.text(0.022, 0.62, title, fontsize=14, weight="bold", va="center")
    text = (
        f"{len(digits.train):,} real digits to learn from; orange: a classifier of real digits, or "
        "for held-out ones the truth, disagrees"
    )
    figure.text(0.022, 0.12, text, fontsize=9, color=FAINT, va="center")


def _rows(
    figure: SubFigure, drawn: Labelled, real: Labelled, judge: Judge, scores: DigitScores
) -> None:
    """One row for each label: drawn images, then real ones."""
    panels = figure.subplots(1, 2, width_ratios=[DRAWN, REAL])
    figure.subplots_adjust(0.07, 0.015, 0.98, 0.93, wspace=0.06)
    agrees = judge.agrees(drawn)
    for axes, digits, count in ((panels[0], drawn, DRAWN), (panels[1], real, REAL)):
        chosen = np.stack([np.flatnonzero(digits.labels == k)[:count] for k in range(LABELS)])
        _mosaic(axes, digits.images[chosen])
        if digits is drawn:
            for row, column in np.argwhere(~agrees[chosen]):
                corner = (column - HALF - 0.04, row - HALF - 0.04)
                side = 2 * HALF + 0.08
                axes.add_patch(Rectangle(corner, side, side, fill=False, color=SYNTHETIC, lw=1.6))
    for label in range(LABELS):
        panels[0].text(-0.75, label, str(label), fontsize=12, ha="right", va="center", color=INK)
    title = f"Label → image: {scores.label_to_image:.1%} show their label"
    panels[0].set_title(title, loc="left", fontsize=10.5, weight="bold", pad=6)
    panels[1].set_title("real, held out", loc="left", fontsize=9, color=FAINT, pad=6)


def _cards(figure: SubFigure, digits: Labelled, wrong: NDArray[np.bool_], title: str) -> None:
    """Images with their labels beside them; wrong ones in colour."""
    rows, columns = CARDS
    axes = figure.subplots()
    figure.subplots_adjust(0.02, 0.03, 0.98, 0.86)
    shown = np.arange(rows * columns).reshape(rows, columns)
    _mosaic(axes, digits.images[shown], PITCH)
    for (row, column), place in np.ndenumerate(shown):
        x, text = PITCH * column + HALF + 0.1, str(digits.labels[place])
        colour, weight = (SYNTHETIC, "bold") if wrong[place] else (INK, "normal")
        axes.text(x, row, text, fontsize=11, va="center", color=colour, weight=weight)
    axes.set_title(title, loc="left", fontsize=10.5, weight="bold", pad=6)


def _mosaic(axes: Axes, images: NDArray[Any], pitch: float = 1.0) -> None:
    """Draw images ``(rows, columns, 8, 8)``; ``pitch`` is the distance of the columns."""
    rows, columns = images.shape[:2]
    for row, column in np.ndindex(rows, columns):
        x = pitch * column
        extent = (x - HALF, x + HALF, row + HALF, row - HALF)
        axes.imshow(images[row, column], cmap="gray_r", vmin=0, vmax=1, extent=extent)
    axes.set_xlim(-0.5, pitch * columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_anchor("NW")
    axes.set_axis_off()
