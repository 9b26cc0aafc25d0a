"""Emoji pictures and captions: drawn together, each from the other, and with guidance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.pictures.data import Pictures
from benchmarks.pictures.emoji.captions import (
    LENGTH,
    caption_scores,
    kinds,
    name_only,
    nearest_caption,
    vocabulary,
)
from benchmarks.pictures.emoji.data import TEST_ROWS, agreement, emoji, other_category
from benchmarks.pictures.emoji.plane import (
    INTERVAL,
    PLAIN,
    STRENGTHS,
    claims,
    draw_plane,
    guidances,
    title,
)
from benchmarks.pictures.emoji.retrieval import similarity
from benchmarks.pictures.grid import DPI, LABEL, SIDE, Strip, draw_grid
from benchmarks.pictures.scores import fidelity
from benchmarks.pictures.task import Column, Method, PictureTask, Scores, Shown, Training

if TYPE_CHECKING:
    from tabdiffuse import MultimodalDiffusion

PATCH = 8
DRAWS = 3  # pictures for each test caption
CARDS = 12  # pictures a row of the grid
SHOWN = (2.0, 4.0)  # strengths of guidance in the grid
TEXT = f"""\
Noto Emoji at 32 x 32 pixels (16 tokens) and captions of at most {LENGTH} words: the kind of the
emoji as its source sorts them, then its name ("animal-bug lady beetle"). Words that stand in one
train caption only are all one unknown word, as new ones are. {TEST_ROWS} emoji are held out, chosen
so that no skin tone, gender or direction of one of them is learnt. One training gives everything:
captions to pictures, pictures to captions, and both together. A judge, a small convolutional
network trained to tell the kinds of the train pictures, reads drawn pictures; it is far from
perfect, and the row of real emoji says how far. Category: pictures drawn given a held-out caption
that the judge puts into its category, the measure of fidelity; Name only: the same with the kind
left open. Fréchet distance, and recall, the measure of diversity: as many drawn pictures as
held-out ones, on the judge's features, mean over {DRAWS} draws for each caption. Precision is left
out: {TEST_ROWS} emoji of almost a hundred kinds are so far from each other that even a blur lies
among them. Tokens, Exact, Said category: captions drawn given a held-out picture; words right at
their place, captions right as a whole, and captions whose first word is of the right category.
Joint: drawn pairs in which the judge reads a kind of the category that the caption says. The rows
below the first are the same model with guidance towards the caption at times from {INTERVAL[0]:g}
to {INTERVAL[1]:g}, with strengths {", ".join(f"{strength:g}" for strength in STRENGTHS)}: `cfg`
hides the caption from the reference (classifier-free guidance), `noisy50` and `noisy75` show it
noised to time 0.5 and 0.75 (noisy guidance)."""
COLUMNS = (
    Column("category", "Category", 100, 1),
    Column("name_only", "Name only", 100, 1),
    Column("frechet", "Fréchet", 1, 2, "down"),
    Column("recall", "Recall", 100, 1),
    Column("tokens", "Tokens", 100, 1),
    Column("exact", "Exact", 100, 1),
    Column("said_category", "Said category", 100, 1),
    Column("joint", "Joint", 100, 1),
)


@dataclass
class Trained:
    """A model, and what was found out about its guidance.

    Parameters
    ----------
    model : MultimodalDiffusion
        It has the modalities "image" and "caption".
    points : dict
        Agreement of category and recall, by method and seed.
    """

    model: MultimodalDiffusion
    points: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)

    def images(
        self, captions: NDArray[Any], seed: int, method: str = PLAIN, draws: int = 1
    ) -> NDArray[Any]:
        """Draw pictures for captions, ``(draws, n, H, W, 3)``, with the guidance of a method."""
        given = {"caption": np.tile(captions, draws)}
        lean = guidances().get(method)
        rows = len(given["caption"])
        drawn = self.model.sample(rows, conditions=given, guidance=lean, random_state=seed)
        return np.stack(np.split(np.asarray(drawn["image"]), draws))

    def captions(self, images: NDArray[Any], seed: int) -> NDArray[Any]:
        """Draw one caption for each picture."""
        drawn = self.model.sample(len(images), conditions={"image": images}, random_state=seed)
        return np.asarray(drawn["caption"])


def fit(data: Pictures, training: Training) -> Trained:
    """Train on pictures and captions, a process for each of the two."""
    from tabdiffuse import ImageModality, TextModality

    rows = data.train.only("image", "caption")
    height, width, channels = rows["image"].shape[1:]
    modalities = {
        "image": ImageModality(height, width, channels=channels, patch=PATCH),
        "caption": TextModality(LENGTH, tokenizer=vocabulary(rows["caption"].tolist())),
    }
    return Trained(training.fit(modalities, rows.arrays))


def ask(trained: Trained, data: Pictures, seed: int, method: str) -> Scores:
    """Ask for pictures, and without guidance for everything else too."""
    test = data.test
    drawn = trained.images(test["caption"], seed, method, DRAWS)
    scores: dict[str, Any] = image_scores(data, drawn)
    trained.points[method, seed] = scores["category"], scores["recall"]
    named = trained.images(name_only(test["name"]), seed, method)[0]
    scores["name_only"] = agreement(data, named, test["label"])["category"]
    if method != PLAIN:
        return scores
    both = trained.model.sample(len(test), random_state=seed)
    joint = agreement(data, both["image"], kinds(both["caption"]))
    return {
        **scores,
        **caption_scores(data, trained.captions(test["image"], seed)),
        "joint": joint["category"],
        "joint_kind": joint["kind"],
        "joint_frechet": fidelity(test["image"], both["image"], data.judge.features)["frechet"],
    }


def image_scores(data: Pictures, drawn: NDArray[Any]) -> dict[str, float]:
    """Score pictures drawn given the test captions, ``(draws, n, H, W, 3)``: means over draws."""
    found = [
        {
            **agreement(data, images, data.test["label"]),
            **fidelity(data.test["image"], images, data.judge.features),
        }
        for images in drawn
    ]
    return {name: float(np.mean([scores[name] for scores in found])) for name in found[0]}


def real_emoji(data: Pictures) -> Scores:
    """Score what no model surpasses: true pictures, and true captions without unknown words.

    Fréchet distance and recall are those of as many train pictures.
    """
    test = data.test
    tokenizer = vocabulary(data.train["caption"].tolist())
    said = [tokenizer.decode(tokenizer.encode(caption)) for caption in test["caption"]]
    read = agreement(data, test["image"], test["label"])
    near = fidelity(test["image"], data.real["image"][: len(test)], data.judge.features)
    joint = {"joint": read["category"]}
    return {**near, **read, **joint, **caption_scores(data, np.array(said, dtype=object))}


def nearest(data: Pictures) -> Scores:
    """Answer with the train row of the nearest picture, or of the caption of most common words."""
    train, test = data.train, data.test
    learnt = data.judge.features(train["image"])
    alike = similarity(data.judge.features(test["image"]), learnt, learnt.mean(axis=0))
    images = train["image"][nearest_caption(data)]
    said = train["caption"][alike.argmax(axis=1)]
    return {**image_scores(data, images[None]), **caption_scores(data, said)}


def shuffled(data: Pictures) -> Scores:
    """Answer with true pictures and captions of other rows: what chance gives."""
    rows = data.test.take(np.random.default_rng(0).permutation(len(data.test)))
    read = agreement(data, rows["image"], data.test["label"])["category"]
    found = caption_scores(data, rows["caption"])
    return {"category": read, "name_only": read, "joint": read, **found}


def show(trained: Trained, data: Pictures, seed: int, method: str) -> Shown:
    """Draw the pictures of some captions, and without guidance the other ways too."""
    rows = data.test.take(slice(CARDS))
    images = trained.images(rows["caption"], seed, method)[0]
    shown = {"image": images, "wrong": misread(data, images, rows["label"])}
    if (method, seed) in trained.points:
        shown["point"] = np.array(trained.points[method, seed])
    if method == PLAIN:
        shown["caption"] = trained.captions(rows["image"], seed)
        both = trained.model.sample(CARDS, random_state=seed)
        shown |= {f"joint_{name}": array for name, array in both.items()}
        shown["joint_wrong"] = misread(data, both["image"], kinds(both["caption"]))
    return shown


def misread(data: Pictures, images: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which pictures the judge puts into another category than that of a kind."""
    return other_category(data, data.judge.read(images), wanted)


def draw(shown: Mapping[str, Shown], data: Pictures, path: Path) -> None:
    """Write the grid, and below it the plane of fidelity and diversity."""
    rows = data.test.take(slice(CARDS))
    strips = [Strip("held out", rows["image"], rows["caption"].tolist())]
    for method, arrays in shown.items():
        strips += _strips(method, arrays, data)
    heading = "Emoji 32 x 32 and their captions"
    text = "framed: a judge of real emoji reads another category; for captions, they say another"
    draw_grid(strips, path, title=heading, text=text)
    points = {
        method: (float(arrays["point"][0]), float(arrays["point"][1]))
        for method, arrays in shown.items()
        if "point" in arrays
    }
    plane = path.with_suffix(".plane.tmp.png")
    draw_plane(points, plane, LABEL + SIDE * CARDS + 0.15)
    _stack([path, plane], path)
    plane.unlink()


def _strips(method: str, arrays: Shown, data: Pictures) -> list[Strip]:
    """Lay out what one method shows; of the guided ones, some."""
    if method == PLAIN:
        rows = data.test.take(slice(CARDS))
        said, both = arrays["caption"], arrays["joint_caption"]
        missed = other_category(data, kinds(said), rows["label"])
        return [
            Strip("caption\ndrawn given\nthe picture", rows["image"], said.tolist(), missed),
            Strip("both drawn", arrays["joint_image"], both.tolist(), arrays["joint_wrong"]),
            Strip("drawn given\nthe captions\nat the top", arrays["image"], None, arrays["wrong"]),
        ]
    curve, _, strength = method.rpartition("-")
    if float(strength) not in SHOWN:
        return []
    label = f"{title(curve)}\nstrength {strength}".replace(", ", "\n")
    return [Strip(label, arrays["image"], None, arrays["wrong"])]


def _stack(paths: Sequence[Path], target: Path) -> None:
    """Put pictures below each other, on white."""
    images = [Image.open(path).convert("RGB") for path in paths]
    width, height = max(i.width for i in images), sum(i.height for i in images)
    whole = Image.new("RGB", (width, height), "white")
    top = 0
    for image in images:
        whole.paste(image, (0, top))
        top += image.height
    whole.save(target, dpi=(DPI, DPI))


def remarks(scores: Mapping[str, Sequence[Scores]]) -> list[str]:
    """Hold the claim about noisy guidance against every seed."""
    guided = [name for name in (PLAIN, *guidances()) if scores.get(name)]
    count = min((len(scores[name]) for name in guided), default=0)
    return claims(
        [
            {name: (scores[name][k]["category"], scores[name][k]["recall"]) for name in guided}
            for k in range(count)
        ]
    )


def _methods() -> dict[str, Method[Pictures]]:
    """Make a method of every guidance; all of them share one training."""
    found = {PLAIN: Method(fit, "pictures and captions, product process, without guidance")}
    for name in guidances():
        curve, _, strength = name.rpartition("-")
        found[name] = Method(fit, f"the same model, guided: {title(curve)}, strength {strength}")
    return found


TASK = PictureTask(
    name="emoji-text",
    title="Emoji and their captions, together and each from the other, with guidance",
    text=TEXT,
    load=emoji,
    methods=_methods(),
    ask=ask,
    references={"real emoji": real_emoji, "nearest train row": nearest, "shuffled pairs": shuffled},
    show=show,
    draw=draw,
    columns=COLUMNS,
    steps=4_000,
    recipe={"width": 128, "depth": 4, "independent": 0.3},
    remarks=remarks,
)
