"""Model files of modalities: the same samples after a load, every kind of part, clear refusals."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import Tensor, nn

from tabdiffuse import (
    CategoricalModality,
    CharacterTokenizer,
    DiscreteImageModality,
    ImageModality,
    MultimodalDiffusion,
    NumericModality,
    Shared,
    Stage,
    TabularDiffusion,
    TextModality,
    VectorModality,
    WordTokenizer,
)
from tabdiffuse.errors import ModelFileError, ParameterError
from tabdiffuse.io import read_archive, write_archive
from tabdiffuse.modalities import Modality
from tabdiffuse.processes import GaussianProcess
from tabdiffuse.schedules import CosineMask, EDMSchedule, VPCosine
from tabdiffuse.spaces import RealSpace
from tests.tiny_tables import SETTINGS, assert_same_rows, members_of, tiny_model

ROWS = 24
WORDS = ["a red cat", "Two blue birds!", "", "cat"]

# Every kind of modality, as it comes and with each of its arguments another than by default.
PARTS = {
    "numeric": lambda: NumericModality(2),
    "numeric-all": lambda: NumericModality(2, EDMSchedule(sigma_max=40.0), 3),
    "categorical": lambda: CategoricalModality((2, 3)),
    "categorical-all": lambda: CategoricalModality(
        (2, 3),
        frequencies=[np.array([0.2, 0.8]), (0.5, 0.3, 0.2)],
        schedule=CosineMask(),
        weight=0.3,
        coupling="independent",
    ),
    "code": lambda: CategoricalModality(3),
    "label": lambda: CategoricalModality(categories=["cat", 7, 2.5]),
    "small": lambda: CategoricalModality(categories=np.array([3, 1], dtype=np.int8)),
    "image": lambda: ImageModality(4, 4),
    "image-all": lambda: ImageModality(
        4, 6, channels=2, patch=1, value_range=(-3.0, 5.0), schedule=VPCosine(), weight=0.7
    ),
    "map": lambda: DiscreteImageModality(4, 4, 3),
    "map-all": lambda: DiscreteImageModality(
        3,
        6,
        2,
        patch=3,
        frequencies=torch.tensor([0.1, 0.9]),
        schedule=CosineMask(),
        weight=2.0,
        coupling="independent",
    ),
    "vector": lambda: VectorModality(6),
    "vector-all": lambda: VectorModality(
        6, tokens=3, mean=np.arange(6), scale=2.0, schedule=EDMSchedule(), weight=0.5
    ),
    "vector-raw": lambda: VectorModality(6, standardize=False),
    "text": lambda: TextModality(6),
    "text-all": lambda: TextModality(
        4,
        tokenizer=CharacterTokenizer(9).fit(WORDS),
        truncate=True,
        schedule=CosineMask(),
        weight=1.5,
        coupling="independent",
    ),
}

KINDS = {name.split("-", maxsplit=1)[0] for name in PARTS}


def values_of(kind: str, rows: int = ROWS) -> Any:
    """Draw training data of a kind."""
    rng = np.random.default_rng(len(kind))
    column = np.array(["cat", 7, 2.5], dtype=object)
    return {
        "numeric": lambda: rng.random((rows, 2)),
        "categorical": lambda: rng.integers(0, [2, 3], (rows, 2)),
        "code": lambda: rng.integers(0, 3, rows),
        "label": lambda: column[rng.integers(0, 3, rows)],
        "small": lambda: rng.choice([1, 3], rows),
        "image": lambda: rng.random((rows, *((4, 6, 2) if kind == "image-all" else (4, 4)))),
        "map": lambda: rng.integers(0, 2, (rows, *((3, 6) if kind == "map-all" else (4, 4)))),
        "vector": lambda: 5 + 3 * rng.normal(size=(rows, 6)),
        "text": lambda: [WORDS[k] for k in rng.integers(0, 4, rows)],
    }[kind.split("-", maxsplit=1)[0]]()


def make(parts, **changes) -> MultimodalDiffusion:
    return MultimodalDiffusion(parts, **SETTINGS | changes)


def fitted(*kinds: str, **changes) -> MultimodalDiffusion:
    parts = {kind: PARTS[kind]() for kind in kinds}
    return make(parts, **changes).fit({kind: values_of(kind) for kind in kinds})


def loaded(model, folder, **options) -> MultimodalDiffusion:
    model.save(folder / "copy")
    return MultimodalDiffusion.load(folder / "copy", device="cpu", **options)


def assert_same(one, other) -> None:
    """Check that two samples, or other nested values, are equal bit for bit, types included."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for name in one:
            assert_same(one[name], other[name])
    elif isinstance(one, list | tuple):
        assert_same(dict(enumerate(one)), dict(enumerate(other)))
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        if one.dtype == object:
            assert_same(one.tolist(), other.tolist())
        else:
            np.testing.assert_array_equal(one, other)
    elif isinstance(one, Modality | WordTokenizer | CharacterTokenizer):
        assert_same(one.settings(), other.settings())
    else:
        assert one == other


def assert_same_model(model, other) -> None:
    """Check weights, and samples with and without a seed, given nothing and given something."""
    mine, theirs = (m.denoiser_.state_dict() for m in (model, other))
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    model.reset_sampling()
    assert_same(other.sample(5), model.sample(5))
    name = model.form_.names[0]
    if name.split("-", maxsplit=1)[0] in KINDS:
        given = {"conditions": {name: values_of(name)[0]}, "random_state": 3}
        assert_same(other.sample(5, **given), model.sample(5, **given))


# --- What comes back ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PARTS)
def test_every_kind_samples_the_same_after_a_load(kind, tmp_path):
    model = fitted(kind)
    assert_same_model(model, loaded(model, tmp_path))


@pytest.mark.parametrize("kind", PARTS)
def test_a_loaded_model_can_be_fitted_again_to_the_same(kind, tmp_path):
    model = fitted(kind)
    again = loaded(model, tmp_path).fit({kind: values_of(kind)})
    assert_same_model(model, again)


def test_everything_fitted_comes_back(tmp_path):
    model = fitted("vector", "text", "image-all", "label")
    other = loaded(model, tmp_path)
    assert vars(other).keys() == vars(model).keys()
    assert_same(other.modalities, model.modalities)
    assert_same(other.denoiser_.joint.parts(), model.denoiser_.joint.parts())
    assert_same_rows(other.history_, model.history_)
    special = {"denoiser_", "history_", "modalities"}
    for name in vars(model).keys() - special:
        assert getattr(other, name) == getattr(model, name), name
    assert_same_model(model, other)
    # The fitted parts know what they learnt, those of the user do not.
    assert other.denoiser_.joint.parts()["text"].tokenizer.is_fitted
    assert not other.modalities["text"].tokenizer.is_fitted


def test_parameters_come_back_in_their_types(tmp_path):
    changes = {
        "given": ("code",),
        "stages": [Stage(0.5, hidden=["image"], losses=["vector"]), Stage(0.5)],
        "batch_size": np.int64(8),
        "learning_rate": np.float32(1e-3),
        "eta": 0.5,
        "random_state": np.uint32(4),
        "precision": "bfloat16",
    }
    model = fitted("code", "vector", "image", **changes)
    other = loaded(model, tmp_path)
    for name, value in changes.items():
        found = getattr(other, name)
        if name != "random_state":
            assert type(found) is type(value), name
        assert found == value, name
    given = {"conditions": {"code": 1}, "random_state": 0}
    assert_same(other.sample(4, **given), model.sample(4, **given))
    assert_same(
        other.sample(4, **given, only=["vector"]), model.sample(4, **given, only=["vector"])
    )


def test_a_preset_comes_back(tmp_path):
    recipe = MultimodalDiffusion.presets["fast"]
    model = fitted("code", preset=recipe)
    other = loaded(model, tmp_path)
    assert (other.preset, other.preset_) == (recipe, model.preset_)


def test_what_belongs_to_a_process_is_left_out(tmp_path):
    model = fitted(
        "code",
        random_state=np.random.default_rng(0),
        callbacks=[lambda progress, state: None],
        checkpoint=tmp_path / "checkpoint",
    )
    other = loaded(model, tmp_path)
    assert (other.random_state, other.callbacks, other.checkpoint) == (None, None, None)
    assert_same_model(model, other)


class Renamed(MultimodalDiffusion):
    """A subclass, which loads as itself."""


def test_a_subclass_loads_as_itself(tmp_path):
    fitted("code").save(tmp_path / "model")
    assert type(Renamed.load(tmp_path / "model", device="cpu")) is Renamed


# --- Shared processes -----------------------------------------------------------------------------

MEANS = np.random.default_rng(0).random((3, 4, 4))
SHARED = {
    "by default": Shared("image"),
    "by name": Shared(
        "image", {"code": "backbone", "vector": "generator"}, strength=0.5, task_weight=0.2
    ),
    "array": Shared("image", {"code": MEANS}, shows_known=False),
    "tensor": Shared("image", {"code": torch.as_tensor(MEANS)}),
    "list": Shared("image", {"code": MEANS.tolist()}),
}


@pytest.mark.parametrize("joint", SHARED.values(), ids=SHARED)
def test_a_shared_process_samples_the_same_after_a_load(joint, tmp_path):
    model = fitted("image", "code", "vector", joint=joint)
    other = loaded(model, tmp_path)
    assert type(other.joint_) is Shared
    assert_same_model(model, other)


def test_what_is_saved_is_how_the_modalities_were_tied(tmp_path):
    model = fitted("image", "code", joint=SHARED["array"])
    other = loaded(model.set_params(joint=None), tmp_path)
    assert other.joint is None
    assert_same_model(model, other)


class Halves(nn.Module):
    """An encoder of the user's with a weight of its own."""

    def __init__(self, categories: int) -> None:
        super().__init__()
        self.lift = nn.Linear(categories, 16)

    def settings(self):
        return {"categories": self.lift.in_features}

    def forward(self, mean: Tensor) -> Tensor:
        return self.lift(mean).view(len(mean), 4, 4)


def test_an_encoder_with_settings_and_weights_comes_back(tmp_path):
    model = fitted("image", "code", joint=Shared("image", {"code": Halves(3)}))
    torch.manual_seed(1)
    assert_same_model(model, loaded(model, tmp_path, classes=[Halves]))


# --- Frames ---------------------------------------------------------------------------------------


def frame(rows: int = 40) -> pd.DataFrame:
    """Make one column of each sort, four of modalities among them."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": rng.normal(size=rows),
            "picture": list(rng.random((rows, 4, 4)).astype(np.float32)),
            "kind": rng.choice(["cat", "dog"], rows),
            "gap": np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows)),
            "code": rng.integers(0, 3, rows).astype("int8"),
            "grade": pd.Categorical(rng.choice(["x", "y", "z"], rows), ordered=True),
            "caption": [WORDS[k] for k in rng.integers(0, 4, rows)],
            7: rng.integers(0, 5, rows),
        }
    ).astype({"caption": "string"})


def entries() -> dict[str, Modality]:
    return {
        "picture": ImageModality(4, 4),
        "grade": CategoricalModality(categories=["x", "y", "z"]),
        "code": CategoricalModality(3),
        "caption": TextModality(4),
    }


def assert_same_frames(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Check that two frames are equal bit for bit, pictures included."""
    assert_same_rows(one.drop(columns="picture"), other.drop(columns="picture"))
    assert list(one.columns) == list(other.columns)
    assert_same(list(one["picture"]), list(other["picture"]))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"schema": {7: "categorical"}},
        {"joint": Shared("picture")},
        {"preset": replace(MultimodalDiffusion.presets["fast"], one_token=False)},
    ],
    ids=["product", "schema", "shared", "two tokens"],
)
def test_frames_come_back_in_their_columns_and_types(changes, tmp_path):
    model = make(entries(), **changes).fit(frame())
    other = loaded(model, tmp_path)
    assert other.schema_ == model.schema_
    assert other.schema == model.schema
    assert vars(other).keys() == vars(model).keys()
    assert_same_frames(other.sample(20), model.sample(20))
    given = {"conditions": frame()[["picture", "size"]].head(3), "random_state": 0}
    assert_same_frames(other.sample(2, **given), model.sample(2, **given))


def test_a_frame_of_modalities_alone_comes_back(tmp_path):
    model = make({"picture": ImageModality(4, 4)}).fit(frame()[["picture"]])
    other = loaded(model, tmp_path)
    assert_same_frames(other.sample(3), model.sample(3))


# --- Classes of the user's ------------------------------------------------------------------------


class AngleModality(Modality):
    """One direction, as a point on the circle; it turns by what it learns."""

    process: GaussianProcess

    def __init__(self, turn: float | None = None) -> None:
        super().__init__()
        self.turn = turn
        self.process = GaussianProcess(RealSpace(1, 2))

    def prepare(self, values):
        self.turn = float(np.mean(values))

    def build(self, width):
        self.to_token, self.to_point = nn.Linear(2, width), nn.Linear(width, 2)
        self.register_buffer("sign", torch.ones(1))  # is stored like a weight

    def encode(self, values):
        angles = np.asarray(values, dtype=np.float32) - self.turn
        return torch.as_tensor(np.stack([np.cos(angles), np.sin(angles)], axis=-1))[:, None]

    def decode(self, state):
        x, y = state[:, 0].cpu().numpy().T
        return np.arctan2(y, x) + self.turn

    def embed(self, x):
        return self.to_token(x)

    def readout(self, h):
        return self.to_point(h) * self.sign


class SavedAngle(AngleModality):
    def settings(self):
        return {"turn": self.turn}


@dataclass(frozen=True)
class Ramp(VPCosine):
    """A schedule of the user's: a dataclass says its settings itself."""

    power: float = 1.0


class Stems(WordTokenizer):
    """A tokenizer of the user's that learns as those of the library do."""

    def split(self, text: str) -> list[str]:
        return [word[:3] for word in super().split(text)]


def with_own_classes(angle: Modality) -> MultimodalDiffusion:
    parts = {
        "wind": angle,
        "vector": VectorModality(6, schedule=Ramp(2.0)),
        "text": TextModality(6, tokenizer=Stems()),
    }
    data = {"wind": np.linspace(0, 6, ROWS)} | {n: values_of(n) for n in ("vector", "text")}
    return make(parts).fit(data)


def test_classes_of_the_user_come_back_when_they_are_passed(tmp_path):
    model = with_own_classes(SavedAngle())
    other = loaded(model, tmp_path, classes=[SavedAngle, Ramp, Stems])
    assert_same_model(model, other)
    assert other.denoiser_.joint.parts()["vector"].process.schedule == Ramp(2.0)
    assert type(other.denoiser_.joint.parts()["text"].tokenizer) is Stems
    card = members_of(tmp_path / "copy")["README.md"].decode()
    assert "load(path, classes=[SavedAngle, Ramp, Stems])" in card


def test_a_class_that_is_not_passed_is_named(tmp_path):
    with_own_classes(SavedAngle()).save(tmp_path / "model")
    with pytest.raises(ModelFileError, match=r"class 'SavedAngle', .* classes=\[SavedAngle\]"):
        MultimodalDiffusion.load(tmp_path / "model", classes=[Ramp, Stems])
    with pytest.raises(ParameterError, match="classes must be a list of classes"):
        MultimodalDiffusion.load(tmp_path / "model", classes=[SavedAngle()])


def test_a_class_of_the_user_does_not_pass_for_one_of_the_library(tmp_path):
    own = type("ImageModality", (ImageModality,), {})
    model = make({"image": own(4, 4)}).fit({"image": values_of("image")})
    with pytest.raises(ModelFileError, match="class 'ImageModality', which is not known here"):
        loaded(model, tmp_path)
    assert type(loaded(model, tmp_path, classes=[own]).modalities["image"]) is own


def bare_tokenizer():
    return SimpleNamespace(size=3, encode=lambda text: [0], decode=lambda codes: "a")


class Forgetful(ImageModality):
    """Inherits settings that do not know its own argument."""

    def __init__(self, height: int, width: int, blur: float = 0.0, **others: Any) -> None:
        super().__init__(height, width, **others)


class Blurred(ImageModality):
    def __init__(self, height: int, width: int, blur: float = 0.0) -> None:
        super().__init__(height, width)


def twins() -> dict[str, Modality]:
    """Two classes of one name."""
    return {name: type("Twin", (ImageModality,), {})(4, 4) for name in ("one", "two")}


REFUSED = {
    "modality without settings": (
        lambda: make({"wind": AngleModality()}).fit({"wind": np.linspace(0, 6, ROWS)}),
        r"modalities\['wind'\] is of the class AngleModality, which a model file cannot hold "
        r"yet\. Give it a method settings\(\) that returns the arguments of its constructor",
    ),
    "function as encoder": (
        lambda: fitted("image", "code", joint=Shared("image", {"code": lambda mean: MEAN(mean)})),
        r"joint\.encoders\['code'\] is <function .* as it holds no code\. Use an object of a class",
    ),
    "tokenizer without settings": (
        lambda: make({"text": TextModality(2, tokenizer=bare_tokenizer())}).fit({"text": WORDS}),
        r"modalities\['text'\]\.tokenizer is namespace\(.* of type SimpleNamespace, which a model",
    ),
    "settings that lack an argument": (
        lambda: make({"image": Blurred(4, 4)}).fit({"image": values_of("image")}),
        r"is of the class Blurred, whose method settings\(\) must name .*, 'blur'\]\. Got \[",
    ),
    "two classes of one name": (
        lambda: make(twins()).fit({n: values_of("image") for n in ("one", "two")}),
        r"modalities\['two'\] is of a class 'Twin', and so is another part",
    ),
    "categories of no plain type": (
        lambda: make(
            {"day": CategoricalModality(categories=np.array(["2020", "2021"], "M8[s]"))}
        ).fit({"day": np.array(["2020", "2021"] * 5, "M8[s]").astype(object)}),
        r"modalities\['day'\]\.categories\[0\] is .* of type \w+, which a model file cannot hold",
    ),
}


def MEAN(mean):
    """Encode a class as pictures of its number."""
    return mean.new_zeros(len(mean), 4, 4) + mean[:, :1, :1]


@pytest.mark.parametrize(("build", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_file_cannot_hold_is_refused_before_anything_is_written(build, message, tmp_path):
    with pytest.raises(ParameterError, match=message):
        build().save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_only_a_fitted_model_is_saved(tmp_path):
    with pytest.raises(NotFittedError):
        make({"code": CategoricalModality(3)}).save(tmp_path / "model")


# --- Files ----------------------------------------------------------------------------------------

MEMBERS = {
    "README.md",
    "config.json",
    "history.csv",
    "manifest.json",
    "modalities.json",
    "modalities.safetensors",
    "weights.safetensors",
}


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "model"
    fitted("text", "vector", "label").save(path)
    return path.read_bytes()


@pytest.fixture
def saved(content, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(content)
    return path


def test_members_are_text_and_tensors_and_nothing_else(saved):
    members = members_of(saved)
    assert members.keys() == MEMBERS
    for name, member in members.items():
        if not name.endswith(".safetensors"):
            member.decode()
        with pytest.raises((pickle.UnpicklingError, EOFError, ValueError, IndexError)):
            pickle.loads(member)


def test_model_card_names_modalities_and_columns(saved, tmp_path):
    card = members_of(saved)["README.md"].decode()
    assert "| vector | VectorModality | 1 | 1 |" in card
    make(entries(), given=["code"]).fit(frame()).save(tmp_path / "frame")
    card = members_of(tmp_path / "frame")["README.md"].decode()
    assert "| code | CategoricalModality | 1 | 1 | always |" in card
    assert "\n| size | numeric | float64 |" in card


def test_no_picture_is_in_the_file(tmp_path):
    model = fitted("image", "code")
    model.save(tmp_path / "model")
    content = (tmp_path / "model").read_bytes()
    for pixel in values_of("image").ravel()[:100]:
        assert pixel.tobytes() not in content
        assert repr(float(pixel)).encode() not in content


def test_a_failing_save_leaves_the_older_file(saved, monkeypatch):
    before = saved.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    model = fitted("code")
    with monkeypatch.context() as patch:
        patch.setattr("tabdiffuse.io.os.replace", full)
        with pytest.raises(OSError, match="No space left"):
            model.save(saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.999])
def test_truncated_file(saved, kept):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ModelFileError, match=r"is cut short or damaged|is empty"):
        MultimodalDiffusion.load(saved)


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_altered_member_is_named(saved, name):
    content, member = saved.read_bytes(), members_of(saved)[name]
    place = content.index(member) + len(member) // 2
    saved.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(ModelFileError, match=rf"{name}'? of '.*' was altered or damaged"):
        MultimodalDiffusion.load(saved)


def test_a_model_of_another_kind_is_refused(saved, tiny_frame, tmp_path):
    tiny_model().fit(tiny_frame).save(tmp_path / "table")
    make(entries()).fit(frame()).save(tmp_path / "frame")
    message = r"holds a table model\. Read it with TabularDiffusion\.load"
    with pytest.raises(ModelFileError, match=message):
        MultimodalDiffusion.load(tmp_path / "table")
    for path in (saved, tmp_path / "frame"):
        message = r"holds a multimodal model\. Read it with MultimodalDiffusion\.load"
        with pytest.raises(ModelFileError, match=message):
            TabularDiffusion.load(path)
    write_archive(tmp_path / "other", {"README.md": b""}, library_version="0")
    with pytest.raises(ModelFileError, match=r"holds no multimodal model: \['config\.json', .*"):
        MultimodalDiffusion.load(tmp_path / "other")


def edited(change):
    """Make an edit of the description of the vectors."""

    def edit(fitted_json):
        for name, own in fitted_json["modalities"]["mapping"]:
            if name == "vector":
                change(own)

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        lambda x: x.pop("form"),
        lambda x: x.update(modalities={"mapping": []}),
        lambda x: x.update(modalities={"unheard_of": []}),
        lambda x: x.update(modalities={"mapping": [["a", 1]]}),
        edited(lambda x: x["settings"].pop("features")),
        edited(lambda x: x["settings"].update(features=7)),
        edited(lambda x: x["settings"].update(mean={"array": "99"})),
        edited(lambda x: x.update({"class": "Preset"})),
    ],
)
def test_parts_that_make_no_sense(saved, edit):
    members = read_archive(saved)
    described = json.loads(members["modalities.json"])
    edit(described)
    changed = {"modalities.json": json.dumps(described).encode()}
    write_archive(saved, members | changed, library_version="0")
    with pytest.raises(ModelFileError, match=r"parts do not make a model|weights do not fit"):
        MultimodalDiffusion.load(saved)


def test_a_class_unknown_to_the_library_is_named(saved):
    members = read_archive(saved)
    described = members["modalities.json"].replace(b'"VectorModality"', b'"FutureModality"')
    write_archive(saved, members | {"modalities.json": described}, library_version="0")
    with pytest.raises(ModelFileError, match=r"class 'FutureModality', .* upgrade tabdiffuse"):
        MultimodalDiffusion.load(saved)


def test_weights_of_another_model(saved, tmp_path):
    fitted("text", "vector").save(tmp_path / "other")
    weights = read_archive(tmp_path / "other")["weights.safetensors"]
    members = read_archive(saved) | {"weights.safetensors": weights}
    write_archive(saved, members, library_version="0")
    with pytest.raises(ModelFileError, match="weights do not fit the modalities"):
        MultimodalDiffusion.load(saved)
