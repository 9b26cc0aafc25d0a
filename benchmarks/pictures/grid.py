"""Grids of pictures: rows with a label, gaps in a colour, captions below a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from benchmarks.figure import FAINT, INK, STYLE, SYNTHETIC

GAP = "#F2C08A"  # colour of pixels that are not known
HALF = 0.46  # half the side of a picture, in units of the distance of the columns
LABEL = 1.9  # inches left of the pictures
HEADER = 0.62  # inches above them
SIDE = 0.72  # inches from picture to picture
LINE = 0.13  # inches of a line of a caption
LETTERS = 13  # that fit below a picture
DPI = 150


@dataclass(frozen=True)
class Strip:
    """Pictures side by side.

    Parameters
    ----------
    label : str
        Left of them; a line break is kept.
    images : ndarray, shape (k, H, W) or (k, H, W, 3)
        Pixels in [0, 1]; NaN is a gap, drawn in a colour. Grey images are drawn dark on white where
        ``ink`` says so.
    captions : sequence or array of str, optional
        Below each picture.
    wrong : ndarray of bool, shape (k,), optional
        Framed and captioned in colour.
    ink : bool
        Whether 1 is black, as for digits; else 1 is white.
    """

    label: str
    images: NDArray[Any]
    captions: Sequence[str] | NDArray[Any] | None = None
    wrong: NDArray[np.bool_] | None = None
    ink: bool = False


def draw_grid(
    strips: Sequence[Strip],
    path: Path,
    *,
    title: str,
    text: str = "",
    headings: Sequence[str] = (),
) -> None:
    """Write a grid as PNG.

    Parameters
    ----------
    strips : sequence of Strip
        From top to bottom.
    path : Path
        File to write; its folder is made.
    title, text : str
        Above the grid: what it is, and what the colours mean.
    headings : sequence of str
        Above the first pictures of each column.
    """
    width = max(len(strip.images) for strip in strips)
    heights = [_height(strip) for strip in strips]
    size = (LABEL + SIDE * width + 0.15, HEADER + 0.2 * bool(headings) + SIDE * sum(heights) + 0.1)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, dpi=DPI)
        figure.text(0.12 / size[0], 1 - 0.22 / size[1], title, fontsize=12, weight="bold", va="top")
        figure.text(0.12 / size[0], 1 - 0.45 / size[1], text, fontsize=8, color=FAINT, va="top")
        box = (
            LABEL / size[0],
            0.1 / size[1],
            SIDE * width / size[0],
            SIDE * sum(heights) / size[1],
        )
        axes = figure.add_axes(box)
        _prepare(axes, width, sum(heights))
        for place, heading in enumerate(headings):
            axes.text(place, -0.56, heading, fontsize=7.5, color=FAINT, ha="center", va="bottom")
        top = 0.0
        for strip, height in zip(strips, heights, strict=True):
            _strip(axes, strip, top)
            top += height
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)


def coloured(codes: NDArray[Any], colours: Sequence[str]) -> NDArray[np.float64]:
    """Turn a map of classes ``(..., H, W)`` into pixels; -1 is a gap.

    Parameters
    ----------
    codes : ndarray of int
        Classes from 0.
    colours : sequence of str
        As matplotlib takes them, one for each class.
    """
    table = np.array([*map(to_rgb, colours), (np.nan, np.nan, np.nan)])
    pixels: NDArray[np.float64] = table[codes]
    return pixels


def _height(strip: Strip) -> float:
    """Height of a row in units of the distance of the columns."""
    captions = () if strip.captions is None else strip.captions
    lines = max((len(_wrapped(text)) for text in captions), default=0)
    return 1.0 + (lines * LINE + 0.04 * bool(lines)) / SIDE


def _prepare(axes: Axes, width: int, height: float) -> None:
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_aspect("auto")
    axes.set_axis_off()


def _strip(axes: Axes, strip: Strip, top: float) -> None:
    axes.text(-0.62, top, strip.label, fontsize=8.5, color=INK, ha="right", va="center")
    wrong = np.zeros(len(strip.images), dtype=bool) if strip.wrong is None else strip.wrong
    for place, image in enumerate(strip.images):
        extent = (place - HALF, place + HALF, top + HALF, top - HALF)
        axes.imshow(pixels(image, ink=strip.ink), extent=extent, aspect="auto", zorder=1)
        colour = SYNTHETIC if wrong[place] else INK
        if wrong[place]:
            corner = (place - HALF, top - HALF)
            axes.add_patch(
                Rectangle(corner, 2 * HALF, 2 * HALF, fill=False, color=colour, lw=1.5, zorder=2)
            )
        if strip.captions is not None:
            said = "\n".join(_wrapped(strip.captions[place]))
            axes.text(place, top + 0.5, said, fontsize=6.5, color=colour, ha="center", va="top")


def pixels(image: NDArray[Any], *, ink: bool = False) -> NDArray[np.float64]:
    """Give the colours ``(H, W, 3)`` of a grey or RGB image, gaps coloured."""
    shown = np.asarray(image, dtype=np.float64)
    if shown.ndim == 2:
        shown = np.repeat(shown[..., None], 3, axis=2)
    gap = np.isnan(shown).any(axis=2, keepdims=True)
    inside = np.clip(1 - shown if ink else shown, 0, 1)
    return np.where(gap, np.array(to_rgb(GAP)), inside)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, LETTERS) or [""]
