"""Holes in digits: restored by the product process, MT-Diffusion and SDEdit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pictures.data import Pictures, mnist
from benchmarks.pictures.grid import Strip, draw_grid
from benchmarks.pictures.restoration import methods as ways
from benchmarks.pictures.restoration.holes import holes, with_gaps
from benchmarks.pictures.restoration.methods import (
    METHODS,
    MT_U,
    MT_X,
    PASTED,
    PRODUCT,
    SDEDIT,
    SINGLE,
    Trained,
)
from benchmarks.pictures.restoration.scores import (
    ASKED,
    COUNTS,
    DRAWN,
    drawn_scores,
    grey,
    mean_picture,
    nearest_picture,
    ratios,
    real_pictures,
    restoration_scores,
)
from benchmarks.pictures.task import Column, PictureTask, Scores, Shown

SHOWN = 3  # pictures of the grid for each number of holes
WANTED = 3.0  # how many times less error than SDEdit
TEXT = f"""\
MNIST at 32 x 32 pixels, 64 patches of 4 x 4, of which {", ".join(map(str, COUNTS))} are hidden at
random places in {ASKED} test pictures: the masked-image experiment of MT-Diffusion (its table 1).
The product process trains on the picture alone; holes are open cells and all others are known. The
shared process adds the masked picture (0 to 10 grey patches, other ones in each step) to the
latent. MT-X also shows it to the network, with every patch hidden in half of the rows; MT-U lets
it act through the latent alone, and a head learns to tell it from there, so that new pictures are
drawn by the paper's algorithm 1. The tokens of the picture carry the masked picture too, so that a
step of all methods costs about the same. SDEdit noises the grey-filled picture to a time, chosen
among {", ".join(map(str, ways.STRENGTHS))} by the error in holes of train pictures, and draws it
anew. Every filled picture is one draw, not a mean.
Error: mean squared error within the holes, pixels in [0, 1]. Known: the same outside of the holes.
Untouched: pixels outside that came back bit for bit. PSNR: of the mean squared error over the whole
pictures. Label: pictures that a judge (a small network trained on the real train images) reads as
the digit they show. Perceptual: mean squared distance of the judge's features, a stand-in for
LPIPS. The last four are means over the numbers of holes. Fréchet: {DRAWN:,} pictures drawn without
conditions against as many test pictures, on the judge's features; it tells whether the second task
makes the training more efficient."""
COLUMNS = (
    *(Column(f"masked_{count}", f"Error, {count} holes", 1, 4, "down") for count in COUNTS),
    Column("known", "Known", 1, 5, "down"),
    Column("untouched", "Untouched", 100, 1),
    Column("psnr", "PSNR", 1, 1),
    Column("label", "Label", 100, 1),
    Column("perceptual", "Perceptual", 1, 2, "down"),
    Column("frechet", "Fréchet", 1, 2, "down"),
)


def ask(trained: Trained, data: Pictures, seed: int, method: str) -> Scores:
    """Restore test pictures, and draw new ones where the method is not only a way to restore."""

    def restore(truth: Any, hidden: Any) -> Any:
        return ways.restore(trained, data, truth, hidden, seed, method)

    scores: dict[str, Any] = restoration_scores(restore, data)
    if method in (SDEDIT, PASTED):
        return {**scores, "strength": trained.strength(data, seed)}
    drawn = ways.draw_images(trained, data, DRAWN, seed, method)
    return {**scores, **drawn_scores(drawn, data)}


def show(trained: Trained, data: Pictures, seed: int, method: str) -> Shown:
    """Restore the pictures of the grid."""
    truth, hidden, labels = examples(data)
    images = ways.restore(trained, data, truth, hidden, seed, method)
    return {"image": images, "wrong": data.judge.read(images) != labels}


def examples(data: Pictures) -> tuple[Any, Any, Any]:
    """Choose pictures, their holes and their labels: `SHOWN` others for each number of holes."""
    rows = data.test.take(slice(SHOWN * len(COUNTS)))
    hidden = [holes(rows["image"], count) for count in COUNTS]
    number = np.arange(len(rows)) // SHOWN
    return rows["image"], np.stack(hidden)[number, np.arange(len(rows))], rows["label"]


def draw(shown: Mapping[str, Shown], data: Pictures, path: Path) -> None:
    """Write the grid: holes, every method, the truth."""
    truth, hidden, _ = examples(data)
    strips = [Strip("holes", with_gaps(truth, hidden), ink=True)]
    strips += [
        Strip(method, arrays["image"], wrong=arrays["wrong"], ink=True)
        for method, arrays in shown.items()
    ]
    strips.append(Strip("truth", truth, ink=True))
    headings = [
        f"{count} holes" if place == 0 else "" for count in COUNTS for place in range(SHOWN)
    ]
    title = "MNIST 32 x 32: holes of 4 x 4 pixels, filled"
    text = "framed: a classifier of real digits reads another digit than the true one"
    draw_grid(strips, path, title=title, text=text, headings=headings)


def remarks(scores: Mapping[str, Sequence[Scores]]) -> list[str]:
    """Hold the claims against the seeds."""
    said = []
    for method in (PRODUCT, MT_X, MT_U):
        if scores.get(method) and scores.get(SDEDIT):
            said += [
                _against_sdedit(scores, method, key, what)
                for key, what in (
                    ("masked", "error in the holes"),
                    (
                        "perceptual",
                        "perceptual distance of the whole picture, as LPIPS in the paper,",
                    ),
                )
            ]
    for method in (MT_X, MT_U):
        if scores.get(method) and scores.get(SINGLE):
            said += _against_single(scores, method)
    return said


def _against_single(scores: Mapping[str, Sequence[Scores]], method: str) -> list[str]:
    """Say what the second task does for the first, and what it gives by itself."""
    distances = ratios(scores[method], scores[SINGLE], "frechet")
    better = sum(ratio < 1 for ratio in distances)
    errors = [ratios(scores[method], scores[SINGLE], f"masked_{count}") for count in COUNTS]
    worst = [max(own) for own in zip(*errors, strict=True)]
    lower = sum(ratio < 1 for ratio in worst)
    return [
        f"Training efficiency: at equal steps the Fréchet distance of `{method}` is below "
        f"that of `{SINGLE}` in {better} of {len(distances)} seeds (ratios "
        f"{', '.join(f'{ratio:.2f}' for ratio in distances)}).",
        f"Restoration for free: the error of `{method}` is below that of `{SINGLE}`, asked with "
        f"the known patches held, at all numbers of holes in {lower} of {len(worst)} seeds (the "
        f"largest ratios {', '.join(f'{ratio:.2f}' for ratio in worst)}).",
    ]


def _against_sdedit(
    scores: Mapping[str, Sequence[Scores]], method: str, key: str, what: str
) -> str:
    """Say how many times as large a distance of SDEdit is, in the worst seed."""
    found = [ratios(scores[SDEDIT], scores[method], f"{key}_{n}") for n in COUNTS]
    least = ", ".join(f"{min(own):.1f}" for own in found)
    met = "at least" if min(map(min, found)) >= WANTED else "not always"
    return (
        f"SDEdit's {what} is {met} {WANTED:.0f} times that of `{method}`: "
        f"{least} times at {', '.join(map(str, COUNTS))} holes (the worst seed)."
    )


TASK = PictureTask(
    name="restoration",
    title="Holes in digits, filled: product process, MT-Diffusion and SDEdit",
    text=TEXT,
    load=mnist,
    methods=METHODS,
    ask=ask,
    references={
        "real test pictures": real_pictures,
        "nearest train picture": nearest_picture,
        "mean picture": mean_picture,
        "holes left grey": grey,
    },
    show=show,
    draw=draw,
    columns=COLUMNS,
    steps=4_000,
    remarks=remarks,
)
