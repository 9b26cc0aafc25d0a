"""One picture of a run: every marginal, every pair, the scores."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from benchmarks.columns import C2ST, SHAPE, TREND, mle
from benchmarks.data import Dataset
from benchmarks.formats import BLANK
from benchmarks.references import References
from benchmarks.scores import Scores
from tabdiffuse.metrics.encoding import as_text

REAL, SYNTHETIC, INK, FAINT = "#C6CDD6", "#C8490B", "#22262B", "#7A828C"
COLUMNS, LEVELS, BINS = 5, 8, 36
HEAVY = 0.6  # share of the fullest bin from which counts are drawn on a log axis
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "savefig.facecolor": "white",
}
MEANINGS = {
    "Shape": "percent, each column on its own",
    "Trend": "percent, each pair of columns",
    "MLE (AUC)": "on real test rows, of trees\ntrained on these rows",
    "MLE (RMSE)": "of the log target on real test rows,\nlower is better",
    "XGB-C2ST": "1: trees cannot tell the rows\nfrom real ones; 0: they always can",
}


def draw(
    dataset: Dataset,
    synthetic: pd.DataFrame,
    scores: Scores,
    bounds: References,
    path: Path,
    *,
    label: str = "synthetic",
) -> None:
    """Write the picture of one synthetic table as PNG.

    Parameters
    ----------
    dataset : Dataset
        The real rows.
    synthetic : DataFrame
        The synthetic rows.
    scores : Scores
        Scores of ``synthetic``, with detail.
    bounds : References
        Scores of real rows and of shuffled columns.
    path : Path
        File to write.
    label : str
        What made the rows.
    """
    rows = -(-dataset.train.shape[1] // COLUMNS)
    heights = [0.62, 1.55 * rows, 4.3]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, sum(heights)), dpi=200)
        header, middle, bottom = figure.subfigures(3, 1, squeeze=False, height_ratios=heights).flat
        _header(header, dataset, len(synthetic), label)
        _marginals(middle, dataset, synthetic, scores, rows)
        left, right = bottom.subfigures(1, 2, squeeze=False, width_ratios=[1.2, 1]).flat
        _pairs(left, dataset.columns, scores)
        _standing(right, dataset.name, scores, bounds)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)


def _header(figure: SubFigure, dataset: Dataset, rows: int, label: str) -> None:
    """Title on the left, legend on the right."""
    figure.text(0.02, 0.62, dataset.recipe["title"], fontsize=14, weight="bold", va="center")
    figure.text(
        0.02,
        0.18,
        f"{len(dataset.train):,} real train rows and {rows:,} rows made by {label}; "
        "beside each column its Shape score, 100 = as in the real rows",
        fontsize=9,
        color=FAINT,
        va="center",
    )
    handles: list[Artist] = [
        Patch(color=REAL, label="real"),
        Line2D([], [], color=SYNTHETIC, linewidth=2, label="synthetic"),
    ]
    figure.legend(
        handles=handles,
        loc="center right",
        bbox_to_anchor=(0.99, 0.45),
        ncols=2,
        frameon=False,
        fontsize=10,
        handlelength=1.1,
        handleheight=1.0,
        columnspacing=1.4,
    )


def _marginals(
    figure: SubFigure, dataset: Dataset, synthetic: pd.DataFrame, scores: Scores, rows: int
) -> None:
    """One small panel for each column, its Shape score beside its name."""
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    figure.subplots_adjust(0.02, 0.07, 0.985, 0.93, wspace=0.14, hspace=0.52)
    panels = list(grid.flat)
    for axes, name in zip(panels, dataset.columns, strict=False):
        if name in dataset.numeric:
            _histogram(axes, dataset.train[name], synthetic[name])
        else:
            _levels(axes, dataset.train[name], synthetic[name])
        axes.set_title(name, loc="left", fontsize=9, weight="bold", pad=4, color=INK)
        score = 100 * scores.detail["columns"][name]
        axes.set_title(f"{score:.1f}", loc="right", fontsize=8, pad=4, color=FAINT)
    for axes in panels[dataset.train.shape[1] :]:
        axes.set_axis_off()


def _histogram(axes: Axes, real: pd.Series, synthetic: pd.Series) -> None:
    """Draw filled steps for the real numbers, a line for the synthetic ones."""
    first, second = (column.dropna().to_numpy(dtype=float) for column in (real, synthetic))
    edges = bin_edges(first, second)
    shares = [np.histogram(values, edges)[0] / max(len(values), 1) for values in (first, second)]
    axes.stairs(shares[0], edges, fill=True, color=REAL)
    axes.stairs(shares[1], edges, color=SYNTHETIC, linewidth=1.2, baseline=None)
    if shares[0].max() > HEAVY:
        axes.set_yscale("log")
        axes.set_ylim(0.3 / len(first), 1.6)
        axes.text(0.98, 0.9, "log scale", transform=axes.transAxes, ha="right", color=FAINT, size=7)
    else:
        axes.set_ylim(0, 1.12 * max(share.max() for share in shares))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_yticks([], [])
    axes.minorticks_off()
    axes.xaxis.set_major_locator(ticker.MaxNLocator(3))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(_short))
    axes.tick_params(length=2, pad=2)
    axes.spines[["left", "top", "right"]].set_visible(False)


def bin_edges(real: NDArray[np.float64], synthetic: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose common edges; whole numbers get bins of whole width, so that all bins compare."""
    both = np.concatenate([real, synthetic])
    low, high = (float(both.min()), float(both.max())) if len(both) else (0.0, 1.0)
    if np.array_equal(real, np.round(real)) and high > low:
        width = max(1, int(np.ceil((high - low + 1) / BINS)))
        return np.arange(low - 0.5, high + width, width)
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def _levels(axes: Axes, real: pd.Series, synthetic: pd.Series) -> None:
    """Bars for the shares of real levels, a stroke for the synthetic share, names inside."""
    shares = pd.DataFrame(
        {
            "real": as_text(real).value_counts(normalize=True),
            "synthetic": as_text(synthetic).value_counts(normalize=True),
        }
    ).fillna(0.0)
    shares = shares.sort_values("real", ascending=False)
    if len(shares) > LEVELS:
        rest = shares.iloc[LEVELS - 1 :].sum().rename(f"{len(shares) - LEVELS + 1} others")
        shares = pd.concat([shares.iloc[: LEVELS - 1], rest.to_frame().T])
    places = np.arange(len(shares))
    axes.barh(places, shares["real"], height=0.86, color=REAL)
    axes.vlines(shares["synthetic"], places - 0.43, places + 0.43, color=SYNTHETIC, linewidth=1.6)
    limit = 1.04 * shares.to_numpy().max()
    size = 7.4 if len(shares) > 5 else 8
    for place, (name, share) in enumerate(shares.max(axis=1).items()):
        text = str(name)[:22]
        inside = share / limit > 0.04 + 0.031 * len(text)  # the name fits on its bar
        start = 0.0 if inside else share
        axes.text(start + 0.02 * limit, place, text, va="center", fontsize=size, color=INK)
    axes.set_xlim(0, limit)
    axes.set_ylim(max(len(shares), 3) - 0.4, -0.6)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(ticker.MaxNLocator(3))
    axes.xaxis.set_major_formatter(ticker.PercentFormatter(1, decimals=0))
    axes.tick_params(length=2, pad=2)
    axes.spines[["left", "top", "right"]].set_visible(False)


def _pairs(figure: SubFigure, names: list[str], scores: Scores) -> None:
    """Heat map of what is off in each pair of columns, in points of Trend."""
    axes = figure.subplots()
    figure.subplots_adjust(0.2, 0.24, 0.98, 0.91)
    off = np.full((len(names), len(names)), np.nan)
    for first, second, score in scores.detail["pairs"]:
        low, high = sorted((names.index(first), names.index(second)))
        off[high, low] = 100 * (1 - score)
    top = max(float(np.nanmax(off, initial=0.0)), 1.0)
    image = axes.imshow(off[1:, :-1], cmap="Oranges", vmin=0, vmax=top)
    axes.set_xticks(range(len(names) - 1), names[:-1], rotation=50, ha="right")
    axes.set_yticks(range(len(names) - 1), names[1:])
    axes.set_xticks(np.arange(0.5, len(names) - 1), minor=True)
    axes.set_yticks(np.arange(0.5, len(names) - 1), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(which="both", length=0, colors=INK)
    axes.spines[:].set_visible(False)
    inset = axes.inset_axes((0.55, 0.84, 0.42, 0.035))
    bar = figure.colorbar(image, cax=inset, orientation="horizontal")
    bar.outline.set_visible(False)
    bar.ax.xaxis.set_major_locator(ticker.MaxNLocator(4))
    bar.ax.tick_params(length=0, pad=2)
    meaning = "100 − pair score; 0 = as in\nthe real rows"
    axes.text(0.55, 0.9, meaning, transform=axes.transAxes, fontsize=8)
    figure.text(0.036, 0.95, "What is off between pairs of columns", fontsize=10.5, weight="bold")


def _standing(figure: SubFigure, dataset: str, scores: Scores, bounds: References) -> None:
    """Set out each score beside that of real rows and of shuffled columns."""
    columns = (("this run", 0.62), ("real rows", 0.8), ("shuffled", 0.98))
    figure.text(0.06, 0.95, "Scores", fontsize=10.5, weight="bold")
    for heading, x in columns:
        figure.text(x, 0.875, heading, fontsize=8.5, color=FAINT, ha="right")
    for row, column in enumerate((SHAPE, TREND, mle(dataset), C2ST)):
        y = 0.765 - 0.19 * row
        figure.add_artist(Line2D([0.06, 0.98], [y + 0.075] * 2, color=REAL, linewidth=0.6))
        figure.text(0.06, y, column.title, fontsize=10, weight="bold")
        figure.text(
            0.06,
            y - 0.03,
            MEANINGS[column.title],
            fontsize=8,
            color=FAINT,
            va="top",
            linespacing=1.25,
        )
        key = column.key
        values = (getattr(scores, key), bounds.real[key], bounds.shuffled[key])
        for value, (heading, x) in zip(values, columns, strict=True):
            own = heading == "this run"
            figure.text(
                x,
                y,
                BLANK if value is None else f"{column.factor * value:.{column.digits}f}",
                fontsize=15 if own else 10,
                weight="bold" if own else "normal",
                color=SYNTHETIC if own else INK,
                ha="right",
            )


def _short(value: float, position: int | None = None) -> str:
    """Write a tick as 20, 1.5k or 2M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
