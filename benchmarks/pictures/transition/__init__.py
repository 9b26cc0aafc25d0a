"""Street scenes: photograph to map and back, by the product process and MT-Diffusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.pictures.grid import Strip, coloured, draw_grid
from benchmarks.pictures.task import Column, PictureTask, Scores, Shown
from benchmarks.pictures.transition.methods import (
    METHODS,
    MT_U,
    MT_X,
    PRODUCT,
    SINGLE,
    Trained,
    answer,
)
from benchmarks.pictures.transition.references import (
    most_frequent_class,
    nearest_row,
    random_row,
    read_pixels,
)
from benchmarks.pictures.transition.scenes import COLOURS, Maps, Scenes, load_scenes
from benchmarks.pictures.transition.scores import map_scores, photo_scores

CARDS = 10  # test frames of the grid
TEXT = """\
CamVid at 64 x 64 pixels: 367 frames to learn from, each with its mirror image, and 233 to ask
about, photograph and map of 11 classes (unlabelled pixels are learnt as a twelfth and not scored);
the image transition of MT-Diffusion (its table 4, there on Cityscapes). Both are cut into patches
of 8 x 8 pixels; the product process has a token for each, and in MT-Diffusion one token carries the
same place of the two. Map to photograph and back are two questions to one model, except for the
single-task rival, which is a model for each, every one with as many steps as the others have for
both. In MT-Diffusion the latent is the photograph, the map enters it in the colours it is drawn in
below, and a head reads it from there. Photograph to map: the likeliest class of each pixel, or one
drawn map. Pixel: share of the pixels that are right. Class: mean over the classes of the share of
their pixels that are right. IoU: mean over the classes of intersection over union. Map to
photograph: a reader (a small network on colour, position and surroundings of a pixel, trained on
the real train photographs) reads the map back off the drawn photograph; its reading of the real
photographs is the ceiling of these columns, and for photograph to map a plain rival without
diffusion. Fréchet: on means and spreads of the colours in 4 x 4 squares, drawn against real test
photographs. The 101 validation frames are asked the same questions; these scores are kept beside
the others, for the choice of settings."""
COLUMNS = (
    Column("pixel", "Pixel", 100, 1),
    Column("class", "Class", 100, 1),
    Column("iou", "IoU", 100, 1),
    Column("one_pixel", "Pixel, 1 map", 100, 1),
    Column("one_iou", "IoU, 1 map", 100, 1),
    Column("back_pixel", "Photo: pixel", 100, 1),
    Column("back_class", "Photo: class", 100, 1),
    Column("back_iou", "Photo: IoU", 100, 1),
    Column("frechet", "Fréchet", 1, 3, "down"),
)
CLAIMED = {
    "pixel": "per-pixel accuracy",
    "class": "per-class accuracy",
    "iou": "class IoU",
    "back_pixel": "per-pixel accuracy of the photographs",
}


def ask(trained: Trained, data: Scenes, seed: int, method: str) -> Scores:
    """Draw maps of the test photographs and photographs of the test maps."""
    drawn = answer(trained, data, seed)
    rows = data.validation
    chosen_by = {
        **map_scores(rows["map"], drawn.validation_likeliest),
        **photo_scores(rows, drawn.validation_photos, data.reader),
    }
    return {
        **map_scores(data.test["map"], drawn.likeliest, drawn.maps),
        **photo_scores(data.test, drawn.photos, data.reader),
        "validation": chosen_by,
    }


def show(trained: Trained, data: Scenes, seed: int, method: str) -> Shown:
    """Give what the grid shows: a map of each photograph, a photograph of each map."""
    drawn, rows = answer(trained, data, seed), shown_rows(len(data.test))
    return {"map": drawn.likeliest[rows], "photo": drawn.photos[rows]}


def shown_rows(count: int) -> Maps:
    """Choose test frames that are far from each other in the film."""
    return np.linspace(0, count - 1, min(CARDS, count)).astype(np.int64)


def draw(shown: Mapping[str, Shown], data: Scenes, path: Path) -> None:
    """Write the grid: photographs, true maps, drawn maps, drawn photographs."""
    rows = data.test.take(shown_rows(len(data.test)))
    strips = [
        Strip("photograph", rows["photo"]),
        Strip("true map", coloured(rows["map"], COLOURS)),
    ]
    strips += [
        Strip(f"{method}\nmap of the photograph", coloured(arrays["map"], COLOURS))
        for method, arrays in shown.items()
    ]
    strips += [
        Strip(f"{method}\nphotograph of the map", arrays["photo"])
        for method, arrays in shown.items()
    ]
    title = "CamVid 64 x 64: photograph to map and back"
    text = "test frames; of maps the likeliest classes, every photograph is one draw"
    draw_grid(strips, path, title=title, text=text)


def remarks(scores: Mapping[str, Sequence[Scores]]) -> list[str]:
    """Hold the claim, that learning both is better than learning each, against the seeds."""
    if not scores.get(SINGLE):
        return []
    return [
        f"`{method}` less `{SINGLE}` at equal steps, in points, seed by seed: "
        f"{'; '.join(_apart(scores[method], scores[SINGLE]))}."
        for method in (MT_X, MT_U, PRODUCT)
        if scores.get(method)
    ]


def _apart(ours: Sequence[Scores], single: Sequence[Scores]) -> list[str]:
    """Say of each score how far apart the methods are, and how often ours is higher."""
    said = []
    for key, text in CLAIMED.items():
        apart = [100 * (a[key] - b[key]) for a, b in zip(ours, single, strict=False)]
        higher = sum(value > 0 for value in apart)
        listed = ", ".join(f"{value:+.1f}" for value in apart)
        said.append(f"{text} {listed} (higher in {higher} of {len(apart)})")
    return said


TASK = PictureTask(
    name="transition",
    title="Photograph to segmentation map and back: product process, MT-Diffusion, single tasks",
    text=TEXT,
    load=load_scenes,
    methods=METHODS,
    ask=ask,
    references={
        "reader of pixels": read_pixels,
        "nearest train frame": nearest_row,
        "random train frame": random_row,
        "most frequent class": most_frequent_class,
    },
    show=show,
    draw=draw,
    columns=COLUMNS,
    steps=1_500,
    recipe={
        "width": 128,
        "depth": 4,
        "batch_size": 16,
        "n_steps": 20,
    },  # few frames, so rather more steps than larger ones
    remarks=remarks,
)
