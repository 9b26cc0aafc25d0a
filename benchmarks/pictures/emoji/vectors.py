"""Emoji pictures and sentence embeddings of their names: drawn from each other, and found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures.data import Pictures
from benchmarks.pictures.emoji.data import TEST_ROWS, agreement, emoji
from benchmarks.pictures.emoji.embeddings import FEATURES, MODEL, PACKAGE, embed
from benchmarks.pictures.emoji.retrieval import retrieval, similarity
from benchmarks.pictures.grid import Strip, draw_grid
from benchmarks.pictures.scores import fidelity
from benchmarks.pictures.task import Column, Method, PictureTask, Scores, Shown, Training

if TYPE_CHECKING:
    from tabdiffuse import MultimodalDiffusion

PATCH = 8
DRAWS = 4  # pictures of each name
CARDS = 12  # pictures a row of the grid
PIECES = 6  # tokens of a vector, of 64 numbers each
PRODUCT, MT_X, MT_U = "product", "MT-X", "MT-U"
ALPHAS = tuple(float(alpha) for alpha in np.logspace(-1, 5, 7))  # of ridge regression
TEXT = f"""\
Noto Emoji at 32 x 32 pixels (16 tokens) and embeddings of their names by {MODEL} ({FEATURES}
numbers, {PIECES} tokens; `pip install {PACKAGE}`, needed once). {TEST_ROWS} emoji are held out,
chosen so that no skin tone, gender or direction of one of them is learnt. Names: given a held-out
picture, the {TEST_ROWS} held-out names are ranked by the cosine to the predicted vector, the mean
of those that are possible. Pictures: given the vector of a held-out name, {DRAWS} pictures are
drawn, and the {TEST_ROWS} held-out pictures are ranked by the cosine to the mean of their features,
and, in the last column of these, to the predicted picture (of MT-U, whose network never sees a
vector, to the mean of the drawn ones). All cosines are taken from the mean of the training data.
Features are those of a judge, a small convolutional network trained to tell the kinds of the train
pictures. Top-1, top-5: shares of the true partners among the first; MRR: mean of one over their
place. Category: pictures drawn given a vector that the judge puts into the category of the emoji.
Fréchet: one of these pictures for each name against the true ones, on the judge's features. MT-X
and MT-U are MT-Diffusion with the picture as latent, to which a fixed random map adds the vector. A
ceiling is not listed: the true partners are all at the first place."""
COLUMNS = (
    Column("name_top1", "Names top-1", 100, 1),
    Column("name_top5", "Names top-5", 100, 1),
    Column("name_mrr", "Names MRR", 1, 3),
    Column("picture_top1", "Pictures top-1", 100, 1),
    Column("picture_top5", "Pictures top-5", 100, 1),
    Column("picture_mrr", "Pictures MRR", 1, 3),
    Column("pixel_mrr", "by pixels", 1, 3),
    Column("category", "Category", 100, 1),
    Column("frechet", "Fréchet", 1, 2, "down"),
)


def load(train_rows: int | None) -> Pictures:
    """Read the emoji, with vectors of their names."""
    return emoji(train_rows, embed)


def fit_product(data: Pictures, training: Training) -> MultimodalDiffusion:
    """Train with a process for each of the two."""
    return _fit(data, training)


def fit_mt_x(data: Pictures, training: Training) -> MultimodalDiffusion:
    """Train MT-Diffusion: one process, of the picture, and a head for the vector."""
    return _fit_shared(data, training, shows_known=True)


def fit_mt_u(data: Pictures, training: Training) -> MultimodalDiffusion:
    """Train the same without showing known vectors to the network."""
    return _fit_shared(data, training, shows_known=False)


def _fit_shared(data: Pictures, training: Training, *, shows_known: bool) -> MultimodalDiffusion:
    from tabdiffuse import Shared

    joint = Shared("image", {"vector": "generator"}, shows_known=shows_known)
    return _fit(data, training, joint=joint)


def _fit(data: Pictures, training: Training, **settings: Any) -> MultimodalDiffusion:
    from tabdiffuse import ImageModality, VectorModality

    rows = data.train.only("image", "vector")
    height, width, channels = rows["image"].shape[1:]
    modalities = {
        "image": ImageModality(height, width, channels=channels, patch=PATCH),
        "vector": VectorModality(rows["vector"].shape[1], tokens=PIECES),
    }
    return training.fit(modalities, rows.arrays, **settings)


def draw_pictures(model: MultimodalDiffusion, vectors: NDArray[Any], seed: int) -> NDArray[Any]:
    """Draw `DRAWS` pictures given each vector, ``(n, DRAWS, H, W, 3)``."""
    asked = np.repeat(vectors, DRAWS, axis=0)
    drawn = model.sample(len(asked), conditions={"vector": asked}, random_state=seed)["image"]
    return np.asarray(drawn).reshape(len(vectors), DRAWS, *drawn.shape[1:])


def ask(model: MultimodalDiffusion, data: Pictures, seed: int, method: str) -> Scores:
    """Retrieve both ways, and look at the pictures."""
    seen, named = {"image": data.test["image"]}, {"vector": data.test["vector"]}
    one = model.sample(len(data.test), conditions=seen, random_state=seed)["vector"]
    images = draw_pictures(model, data.test["vector"], seed)
    features = data.judge.features(np.concatenate(images)).reshape(*images.shape[:2], -1)
    return {
        **name_scores(data, model.predict(seen, "vector")),
        **picture_scores(data, mean_pictures(model, named, images), features.mean(axis=1)),
        "name_mrr_one_draw": name_scores(data, one)["name_mrr"],
        **agreement(data, images[:, 0], data.test["label"]),
        **fidelity(data.test["image"], images[:, 0], data.judge.features),
    }


def mean_pictures(
    model: MultimodalDiffusion, named: Mapping[str, Any], drawn: NDArray[Any]
) -> NDArray[Any]:
    """Give the mean picture of each name; of draws, where the network never sees a vector."""
    if getattr(model.joint, "shows_known", True):
        return np.asarray(model.predict(named, "image"))
    means: NDArray[Any] = drawn.mean(axis=1)
    return means


def name_scores(data: Pictures, vectors: NDArray[Any]) -> dict[str, float]:
    """Score vectors, one for each test picture, by the names that are near to them."""
    centre = data.train["vector"].mean(axis=0)
    return retrieval(vectors, data.test["vector"], centre, "name")


def picture_scores(
    data: Pictures, images: NDArray[Any], features: NDArray[Any]
) -> dict[str, float]:
    """Score pictures and features, one for each test name, by the test pictures near to them."""
    centre = data.judge.features(data.train["image"]).mean(axis=0)
    found = retrieval(features, data.judge.features(data.test["image"]), centre, "picture")
    middle = data.train["image"].mean(axis=0)
    return {**found, **retrieval(images, data.test["image"], middle, "pixel")}


def ridge(data: Pictures) -> Scores:
    """Predict each from the other by a linear map, its penalty chosen on train rows."""
    from sklearn.linear_model import RidgeCV

    def predicted(known: NDArray[Any], wanted: NDArray[Any], asked: NDArray[Any]) -> NDArray[Any]:
        flat, target, question = (a.reshape(len(a), -1) for a in (known, wanted, asked))
        return np.asarray(RidgeCV(ALPHAS).fit(flat, target).predict(question))

    train, test = data.train, data.test
    vectors = predicted(train["image"], train["vector"], test["image"])
    images = predicted(train["vector"], train["image"], test["vector"])
    features = predicted(train["vector"], data.judge.features(train["image"]), test["vector"])
    images = images.reshape(test["image"].shape)
    return {**name_scores(data, vectors), **picture_scores(data, images, features)}


def nearest(data: Pictures) -> Scores:
    """Answer with the partner of the nearest train row: by features, and by the cosine."""
    train, test = data.train, data.test
    learnt = data.judge.features(train["image"])
    alike = similarity(data.judge.features(test["image"]), learnt, learnt.mean(axis=0))
    vectors = train["vector"][alike.argmax(axis=1)]
    named = similarity(test["vector"], train["vector"], train["vector"].mean(axis=0))
    rows = named.argmax(axis=1)
    images = train["image"][rows]
    return {
        **name_scores(data, vectors),
        **picture_scores(data, images, learnt[rows]),
        **agreement(data, images, test["label"]),
        **fidelity(test["image"], images, data.judge.features),
    }


def shuffled(data: Pictures) -> Scores:
    """Answer with true vectors and pictures of other rows: what chance gives."""
    rows = data.test.take(np.random.default_rng(0).permutation(len(data.test)))
    return {
        **name_scores(data, rows["vector"]),
        **picture_scores(data, rows["image"], data.judge.features(rows["image"])),
        **agreement(data, rows["image"], data.test["label"]),
    }


def show(model: MultimodalDiffusion, data: Pictures, seed: int, method: str) -> Shown:
    """Draw the pictures of some names, and find the names of their pictures."""
    rows = data.test.take(slice(CARDS))
    vectors = model.predict({"image": rows["image"]}, "vector")
    centre = data.train["vector"].mean(axis=0)
    found = similarity(vectors, data.test["vector"], centre).argmax(axis=1)
    images = draw_pictures(model, rows["vector"], seed)
    return {"image": images[:, 0], "name": data.test["name"][found]}


def draw(shown: Mapping[str, Shown], data: Pictures, path: Path) -> None:
    """Write the grid: true pictures, the names found for them, pictures drawn given the names."""
    rows = data.test.take(slice(CARDS))
    strips = [Strip("held out", rows["image"], rows["name"].tolist())]
    for method, arrays in shown.items():
        missed = arrays["name"] != rows["name"]
        strips.append(
            Strip(f"{method}\nname found", rows["image"], arrays["name"].tolist(), missed)
        )
        strips.append(Strip(f"{method}\ndrawn given\nthe name above", arrays["image"]))
    title = "Emoji 32 x 32 and embeddings of their names"
    text = (
        f"framed: the name nearest to the predicted vector, among {len(data.test)}, is another one"
    )
    draw_grid(strips, path, title=title, text=text)


def remarks(scores: Mapping[str, Sequence[Scores]]) -> list[str]:
    """Compare MT-Diffusion with the product process, seed by seed."""
    said = []
    for method in (MT_X, MT_U):
        ours, theirs = scores.get(PRODUCT, []), scores.get(method, [])
        if not (ours and theirs):
            continue
        pairs = list(zip(theirs, ours, strict=False))
        wins = {
            way: sum(one[f"{way}_mrr"] > other[f"{way}_mrr"] for one, other in pairs)
            for way in ("name", "picture")
        }
        said.append(
            f"`{method}` against `{PRODUCT}` at equal steps: the mean reciprocal rank of names is "
            f"higher in {wins['name']} and that of pictures in {wins['picture']} of {len(pairs)} "
            "seeds."
        )
    return said


TASK = PictureTask(
    name="emoji-vectors",
    title="Emoji and embeddings of their names, each found from the other",
    text=TEXT,
    load=load,
    methods={
        PRODUCT: Method(fit_product, "a process for each of the two, with its own time"),
        MT_X: Method(fit_mt_x, "MT-Diffusion, the network sees a known vector"),
        MT_U: Method(fit_mt_u, "MT-Diffusion, the network sees the latent alone"),
    },
    ask=ask,
    references={
        "ridge regression": ridge,
        "nearest train row": nearest,
        "shuffled pairs": shuffled,
    },
    show=show,
    draw=draw,
    columns=COLUMNS,
    steps=3_000,
    recipe={"width": 128, "depth": 4},
    remarks=remarks,
)
