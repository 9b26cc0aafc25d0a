"""Image and label of MNIST: one model of both, against models of one question each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures.data import Part, Pictures, mnist
from benchmarks.pictures.grid import Strip, draw_grid
from benchmarks.pictures.scores import fidelity, nearer_to_train
from benchmarks.pictures.task import Column, Method, PictureTask, Scores, Shown, Training

if TYPE_CHECKING:
    from tabdiffuse import MultimodalDiffusion

LABELS = 10
ASKED = 2000  # images drawn given labels, drawn jointly, and asked for their label
CARDS = 14  # pictures a row of the grid
PATCH = 8
JOINT, GUIDED = "product", "product-guided"
IMAGES, CLASSIFIER = "images-only", "labels-only"
ASKED_FOR_IMAGES, ASKED_FOR_LABELS = (JOINT, GUIDED, IMAGES), (JOINT, CLASSIFIER)
STRENGTH = 2.0  # of guidance
TEXT = f"""\
MNIST at 32 x 32 pixels, tokens of 8 x 8 pixels and one token for the label. The joint model is the
product process: image and label noised side by side, each with its own time, so one network draws
both, the image given the label, and the label given the image; guided, the same model leans twice
as far towards the label. Each of the others is the same network with the same steps that always
knows one of the two: a class-conditional model of images, and a classifier. A judge that never saw
a drawn image (a small convolutional network, trained on the real train images) reads what images
show; its features are what the Fréchet and the kernel distance and precision and recall compare,
{ASKED:,} drawn images against {ASKED:,} real test ones. Agreement: images drawn given a label that
the judge reads as that label. Accuracy: of all test images, those of which the likeliest label is
the true one; Drawn: of {ASKED:,}, those for which one draw of a label is. Joint: image and label
drawn together, and the judge agrees. Nearer to train: drawn images whose nearest real one is a
train image, among as many train and test images; half means that nothing was copied."""
COLUMNS = (
    Column("agreement", "Agreement", 100, 2),
    Column("accuracy", "Accuracy", 100, 2),
    Column("accuracy_drawn", "Drawn", 100, 2),
    Column("joint", "Joint", 100, 2),
    Column("frechet", "Fréchet", 1, 2, "down"),
    Column("kernel", "Kernel", 1, 2, "down"),
    Column("precision", "Precision", 100, 1),
    Column("recall", "Recall", 100, 1),
    Column("nearer_to_train", "Nearer to train", 1, 3, "half"),
)


def fit_joint(data: Pictures, training: Training) -> MultimodalDiffusion:
    """Train on images and labels, neither of which is always known."""
    return training.fit(modalities(), data.train.arrays)


def fit_images(data: Pictures, training: Training) -> MultimodalDiffusion:
    """Train on images whose label is always known."""
    return training.fit(modalities(), data.train.arrays, given=("label",), **ONE_QUESTION)


def fit_classifier(data: Pictures, training: Training) -> MultimodalDiffusion:
    """Train on labels whose image is always known."""
    return training.fit(modalities(), data.train.arrays, given=("image",), **ONE_QUESTION)


def modalities() -> dict[str, Any]:
    """Make an image of 16 tokens and a label of one."""
    from tabdiffuse import CategoricalModality, ImageModality

    return {"image": ImageModality(32, 32, patch=PATCH), "label": CategoricalModality(LABELS)}


# What is not given has one time: there is one question only, and nothing else to keep clean.
ONE_QUESTION: dict[str, Any] = {"clean": 0.0, "independent": 0.0}


def ask(model: MultimodalDiffusion, data: Pictures, seed: int, method: str) -> Scores:
    """Ask the questions that a method can answer."""
    scores: dict[str, Any] = {}
    if method in ASKED_FOR_IMAGES:
        drawn = draw_images(model, asked_labels(ASKED), seed, strength(method))
        scores |= image_scores(drawn, data)
    if method in ASKED_FOR_LABELS:
        scores |= label_scores(model, data.test, seed)
    if method == JOINT:
        both = model.sample(ASKED, random_state=seed)
        scores["joint"] = data.judge.accuracy(both["image"], both["label"])
        counts = np.bincount(both["label"], minlength=LABELS)
        scores["joint_labels"] = (counts / ASKED).tolist()
    return scores


def image_scores(drawn: Part, data: Pictures) -> dict[str, Any]:
    """Score images that were drawn given labels."""
    read = data.judge.read(drawn["image"])
    right = read == drawn["label"]
    real = data.test["image"][:ASKED]
    return {
        "agreement": float(right.mean()),
        "agreement_by_label": [float(right[drawn["label"] == k].mean()) for k in range(LABELS)],
        **fidelity(real, drawn["image"], data.judge.features),
        "nearer_to_train": nearer_to_train(drawn["image"], data.train["image"], real),
    }


def label_scores(model: MultimodalDiffusion, rows: Part, seed: int) -> dict[str, float]:
    """Count the images of which the likeliest label, and of the first ones a drawn one, is true."""
    likeliest = model.predict({"image": rows["image"]}, "label")
    some = rows.take(slice(ASKED))
    known = {"image": some["image"]}
    drawn = model.sample(len(some), conditions=known, random_state=seed)["label"]
    return {
        "accuracy": float((likeliest == rows["label"]).mean()),
        "accuracy_drawn": float((drawn == some["label"]).mean()),
    }


def draw_images(
    model: MultimodalDiffusion, labels: NDArray[Any], seed: int, guidance: float | None = None
) -> Part:
    """Draw one image for each label."""
    given = {"label": labels}
    drawn = model.sample(len(labels), conditions=given, guidance=guidance, random_state=seed)
    return Part(drawn)


def strength(method: str) -> float | None:
    """Strength of the guidance of a method, None for none."""
    return STRENGTH if method == GUIDED else None


def asked_labels(count: int) -> NDArray[np.int64]:
    """Every label equally often, in turn."""
    return np.arange(count, dtype=np.int64) % LABELS


def real_test(data: Pictures) -> Scores:
    """Ask the judge about real images: the second thousands of test images against the first."""
    rows = data.test.take(slice(ASKED, 2 * ASKED))
    read = data.judge.accuracy(data.test["image"], data.test["label"])
    return {**image_scores(rows, data), "agreement": read, "accuracy": read, "joint": read}


def shuffled_labels(data: Pictures) -> Scores:
    """Ask the judge about real images under permuted labels: what chance gives."""
    rows = data.test.take(slice(ASKED, 2 * ASKED)).shuffled("label")
    chance = data.judge.accuracy(rows["image"], rows["label"])
    return {"agreement": chance, "accuracy": chance, "joint": chance}


def show(model: MultimodalDiffusion, data: Pictures, seed: int, method: str) -> Shown:
    """Draw what the grid shows: every label, joint samples, guesses."""
    shown: dict[str, NDArray[Any]] = {}
    if method in ASKED_FOR_IMAGES:
        labels = np.repeat(np.arange(LABELS), CARDS)
        drawn = draw_images(model, labels, seed, strength(method))
        shown |= {"image": drawn["image"], "read": data.judge.read(drawn["image"])}
    if method in ASKED_FOR_LABELS:
        shown["guess"] = model.predict({"image": data.test["image"][:CARDS]}, "label")
    if method == JOINT:
        both = model.sample(CARDS, random_state=seed)
        shown |= {f"joint_{name}": array for name, array in both.items()}
        shown["joint_read"] = data.judge.read(both["image"])
    return shown


def draw(shown: Mapping[str, Shown], data: Pictures, path: Path) -> None:
    """Write the grid: one row a label, then joint samples and guesses."""
    strips: list[Strip] = []
    for method, arrays in shown.items():
        strips += _strips(method, arrays, data)
    title = "MNIST 32 x 32: image and label"
    text = "orange: a classifier of real digits, or for test images the truth, disagrees"
    draw_grid(strips, path, title=title, text=text)


def _strips(method: str, arrays: Shown, data: Pictures) -> list[Strip]:
    strips = []
    if "image" in arrays:
        images = np.split(arrays["image"], LABELS)
        wrong = np.split(arrays["read"] != np.repeat(np.arange(LABELS), CARDS), LABELS)
        strips += [
            Strip(f"{method}\n{label}" if label == 0 else str(label), row, None, missed, True)
            for label, (row, missed) in enumerate(zip(images, wrong, strict=True))
        ]
    if "joint_image" in arrays:
        missed = arrays["joint_read"] != arrays["joint_label"]
        named = [str(label) for label in arrays["joint_label"]]
        strips.append(Strip(f"{method}\nboth drawn", arrays["joint_image"], named, missed, True))
    if "guess" in arrays:
        rows = data.test.take(slice(CARDS))
        named, missed = [str(label) for label in arrays["guess"]], arrays["guess"] != rows["label"]
        label = f"{method}\ntest images, likeliest label"
        strips.append(Strip(label, rows["image"], named, missed, True))
    return strips


def remarks(scores: Mapping[str, Sequence[Scores]]) -> list[str]:
    """Say what the joint model pays for answering everything."""
    said = []
    for key, what, other in (
        ("agreement", "agreement", IMAGES),
        ("accuracy", "accuracy", CLASSIFIER),
    ):
        if scores.get(JOINT) and scores.get(other):
            ours, single = (fmean(run[key] for run in scores[name]) for name in (JOINT, other))
            said.append(f"{100 * (ours - single):+.2f} points of {what} against {other}")
    return [f"The joint model at equal steps and size: {'; '.join(said)}."] if said else []


TASK = PictureTask(
    name="image-label",
    title="Image and label of MNIST, drawn together and each from the other",
    text=TEXT,
    load=mnist,
    methods={
        JOINT: Method(fit_joint, "image and label, product process"),
        GUIDED: Method(fit_joint, f"the same model, its images drawn with guidance {STRENGTH:g}"),
        IMAGES: Method(fit_images, "class-conditional images, the label always known"),
        CLASSIFIER: Method(fit_classifier, "a classifier, the image always known"),
    },
    ask=ask,
    references={"real test images": real_test, "labels shuffled": shuffled_labels},
    show=show,
    draw=draw,
    columns=COLUMNS,
    steps=6_000,
    # Times of their own let the label be known at every noise of the image, which teaches both
    # conditionals; tied times hide it where what an image shows is decided.
    recipe={"width": 128, "depth": 4, "independent": 0.8, "clean": 0.2},
    remarks=remarks,
)
