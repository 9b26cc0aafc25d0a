"""Ways to guide, on the plane of fidelity and diversity: points, who beats whom, a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.figure import FAINT, INK, STYLE, SYNTHETIC

if TYPE_CHECKING:
    from tabdiffuse import Guidance

PLAIN = "product"  # without guidance: every curve begins there
STRENGTHS = (1.5, 2.0, 3.0, 4.0)
REFERENCES = {"cfg": 1.0, "noisy50": 0.5, "noisy75": 0.75}
"""Time at which the reference sees the caption, by the name of the curve."""
RIVAL = "cfg"
INTERVAL = (0.3, 0.8)  # as in the published sampler of Diffuse Everything
COLOURS = {"cfg": INK, "noisy50": SYNTHETIC, "noisy75": "#2F6DB5"}

Point = tuple[float, float]
"""Fidelity, the agreement with the captions, and diversity, the recall; both in [0, 1]."""


def method_name(curve: str, strength: float) -> str:
    """Name a point of a curve, as a method."""
    return f"{curve}-{strength:g}"


def guidances() -> dict[str, Guidance]:
    """Make all guidances, by method."""
    from tabdiffuse import Guidance

    return {
        method_name(curve, strength): Guidance(strength, reference_time=time, interval=INTERVAL)
        for curve, time in REFERENCES.items()
        for strength in STRENGTHS
    }


def title(curve: str) -> str:
    """Name a curve in words."""
    time = REFERENCES[curve]
    return "classifier-free" if time == 1 else f"noisy, reference at {time:g}"


def curve_points(points: Mapping[str, Point], curve: str) -> list[Point]:
    """Points of a curve that are there, from strength 1 up."""
    names = [PLAIN, *(method_name(curve, strength) for strength in STRENGTHS)]
    return [points[name] for name in names if name in points]


def beats(one: Point, other: Point) -> bool:
    """Tell whether a point is at least as good in both, and better in one."""
    return one != other and one[0] >= other[0] and one[1] >= other[1]


def beaten(points: Sequence[Point], others: Sequence[Point]) -> int:
    """Count the points that one of the others beats."""
    return sum(any(beats(other, point) for other in others) for point in points)


def area(points: Sequence[Point]) -> float:
    """Area of the plane below and left of any of the points: what the curve attains.

    The hypervolume of Zitzler and Thiele (1999) with the origin as its reference point.
    """
    total, height = 0.0, 0.0
    for fidelity, diversity in sorted(points, reverse=True):  # the widest rectangle first
        total += fidelity * max(0.0, diversity - height)
        height = max(height, diversity)
    return total


def claims(seeds: Sequence[Mapping[str, Point]]) -> list[str]:
    """Hold "noisy guidance dominates classifier-free guidance" against the points of each seed.

    Parameters
    ----------
    seeds : sequence of mapping of str to (float, float)
        Points by method, for each seed.

    Returns
    -------
    list of str
        One sentence for each reference time below 1 that every seed has.
    """
    said = []
    for curve in REFERENCES:
        pairs = [(curve_points(seed, curve), curve_points(seed, RIVAL)) for seed in seeds]
        whole = [pair for pair in pairs if min(map(len, pair)) == 1 + len(STRENGTHS)]
        if curve != RIVAL and whole:
            said.append(_claim(curve, whole))
    return said


def _claim(curve: str, pairs: Sequence[tuple[list[Point], list[Point]]]) -> str:
    """Say how one curve stands to the rival's, by seed."""
    areas = [(area(ours), area(theirs)) for ours, theirs in pairs]
    won = sum(a > b for a, b in areas)
    guided = [(ours[1:], theirs[1:]) for ours, theirs in pairs]
    beat = sum(beaten(theirs, ours) for ours, theirs in guided)
    lost = sum(beaten(ours, theirs) for ours, theirs in guided)
    if won == len(pairs) and beat > lost:
        verdict = "is ahead of classifier-free guidance in every seed, as claimed"
    elif won == 0 and beat < lost:
        verdict = "is behind classifier-free guidance in every seed, against the claim"
    else:
        verdict = (
            "is not ahead of classifier-free guidance in every seed; the claim is not confirmed"
        )
    sizes = ", ".join(f"{a:.3f} against {b:.3f}" for a, b in areas)
    return (
        f"Noisy guidance with its reference at time {REFERENCES[curve]:g} {verdict}: the area of "
        f"agreement and recall that its strengths attain is larger in {won} of {len(pairs)} seeds "
        f"({sizes}). Of {len(STRENGTHS) * len(pairs)} guided points each, it beats {beat} of the "
        f"other's in both agreement and recall, and {lost} of its own are beaten."
    )


def draw_plane(points: Mapping[str, Point], path: Path, width: float) -> None:
    """Write the curves as PNG.

    Parameters
    ----------
    points : mapping of str to (float, float)
        By method.
    path : Path
        File to write.
    width : float
        Inches.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, 3.6), dpi=150)
        axes = figure.add_axes((1.9 / width, 0.14, min(0.6, 6 / width), 0.78))
        for curve in REFERENCES:
            _draw_curve(axes, points, curve)
        axes.set_xlabel("recall (diversity)", color=FAINT)
        axes.set_ylabel("agreement of category (fidelity)", color=FAINT)
        axes.set_title("Guidance, captions to pictures", loc="left", fontsize=9.5, weight="bold")
        if points:
            axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.02, 0.5))
        figure.savefig(path)


def _draw_curve(axes: Axes, points: Mapping[str, Point], curve: str) -> None:
    known = curve_points(points, curve)
    if not known:
        return
    fidelity, diversity = zip(*known, strict=True)
    axes.plot(diversity, fidelity, "o-", ms=4, lw=1.2, color=COLOURS[curve], label=title(curve))
    for strength in STRENGTHS:
        if (name := method_name(curve, strength)) in points:
            high, wide = points[name]
            axes.annotate(
                f"{strength:g}",
                (wide, high),
                xytext=(4, 3),
                textcoords="offset points",
                fontsize=7,
                color=COLOURS[curve],
            )
