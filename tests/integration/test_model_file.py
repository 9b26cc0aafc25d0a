"""Model files: the same rows after a load, nothing of the training rows, clear refusals."""

from __future__ import annotations

import copy
import json
import pickle
import struct
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from tabdiffuse import TabularDiffusion, __version__
from tabdiffuse.errors import ParameterError
from tabdiffuse.io import read_archive, tensors_from_bytes
from tests.tiny_tables import (
    MEMBERS,
    assert_same_rows,
    assert_same_weights,
    members_of,
    mixed_frame,
    tiny_model,
)


@pytest.fixture
def model(tiny_frame):
    return tiny_model().fit(tiny_frame)


@pytest.fixture
def saved(model, tmp_path):
    model.save(tmp_path / "model")
    return tmp_path / "model"


def saved_and_loaded(model, folder):
    model.save(folder / "copy")
    return TabularDiffusion.load(folder / "copy", device="cpu")


COPIES = {
    "load": saved_and_loaded,
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, folder: copy.deepcopy(model),
}


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
def test_a_copy_samples_the_same_rows(model, tmp_path, make_copy):
    rows = model.sample(30)
    other = make_copy(model, tmp_path)
    other.reset_sampling()
    assert_same_rows(other.sample(30), rows)
    assert_same_rows(other.sample(600, random_state=3), model.sample(600, random_state=3))
    assert_same_weights(other, model)


def test_first_sample_after_a_load_is_the_first_one_after_the_fit(model, tmp_path):
    first = model.sample(30)
    model.sample(30)
    assert_same_rows(saved_and_loaded(model, tmp_path).sample(30), first)


def test_everything_fitted_comes_back(model, tmp_path):
    other = saved_and_loaded(model, tmp_path)
    assert vars(other).keys() == vars(model).keys()
    assert other.get_params() == model.get_params()
    assert_same_rows(other.history_, model.history_)
    assert other.schema_ == model.schema_
    assert list(other.feature_names_in_) == list(model.feature_names_in_)
    special = {"denoiser_", "codec_", "history_", "schema_", "feature_names_in_"}
    for name in vars(model).keys() - special:
        assert getattr(other, name) == getattr(model, name), name
    assert other.fit(mixed_frame()).n_features_in_ == 4  # it can be fitted again


def test_a_load_may_choose_the_device(saved):
    for device in ("cpu", "auto"):
        assert TabularDiffusion.load(saved, device=device).device == device
    with pytest.raises(ParameterError, match=r"'device' parameter of TabularDiffusion\.load must"):
        TabularDiffusion.load(saved, device="gpu-card")


def test_a_subclass_loads_as_itself(saved):
    class Mine(TabularDiffusion):
        pass

    assert type(Mine.load(saved, device="cpu")) is Mine


def test_a_clone_fits_the_same_model(model, tiny_frame):
    other = clone(model)
    assert not hasattr(other, "denoiser_")
    assert_same_weights(other.fit(tiny_frame), model)


NUMPY_VALUES = {
    "batch_size": np.int64(64),
    "width": np.int64(8),
    "depth": np.int32(1),
    "max_steps": np.int64(3),
    "n_steps": np.uint8(4),
    "learning_rate": np.float32(1e-3),
    "eta": np.float64(0.5),
    "warm_start": np.True_,
    "random_state": np.uint32(7),
}


def test_parameters_of_numpy_types_can_be_stored(tmp_path):
    model = tiny_model(**NUMPY_VALUES, schema={"x": "numeric"}).fit(mixed_frame())
    other = saved_and_loaded(model, tmp_path)
    assert other.get_params() == model.get_params()
    assert_same_rows(other.sample(10), model.sample(10))


def test_what_belongs_to_a_process_is_left_out(tmp_path):
    model = tiny_model(
        random_state=np.random.default_rng(0),
        callbacks=[lambda progress, state: None],
        checkpoint=tmp_path / "checkpoint",
        schema={1: "categorical"},
    ).fit(pd.DataFrame({1: [1, 2, 3] * 10, "1": range(30)}))
    other = saved_and_loaded(model, tmp_path)
    assert other.random_state is None
    assert other.callbacks is None
    assert other.checkpoint is None
    assert other.schema == {1: "categorical"}
    assert not hasattr(other, "feature_names_in_")
    assert_same_rows(other.sample(10), model.sample(10))


def test_members_are_text_and_tensors_and_nothing_else(saved):
    members = members_of(saved)
    assert members.keys() == set(MEMBERS)
    for name, content in members.items():
        if name.endswith(".safetensors"):
            (length,) = struct.unpack("<Q", content[:8])
            json.loads(content[8 : 8 + length])
        else:
            content.decode()
        with pytest.raises((pickle.UnpicklingError, EOFError, ValueError, IndexError)):
            pickle.loads(content)


def test_config_holds_parameters_and_versions(saved):
    config = json.loads(members_of(saved)["config.json"])
    assert config["parameters"]["max_steps"] == 5
    assert config["network"]["width"] == 8
    assert config["versions"]["numpy"] == np.__version__
    assert datetime.fromisoformat(config["written"]).tzinfo is not None


def test_model_card_names_columns_size_and_version(model, tiny_frame, saved):
    card = members_of(saved)["README.md"].decode()
    assert f"{model.n_parameters_:,} parameters" in card
    assert f"{len(tiny_frame)} rows" in card
    assert __version__ in card
    for name in tiny_frame.columns:
        assert f"\n| {name} | {model.schema_[name].kind} | {tiny_frame[name].dtype} |" in card


def test_model_card_survives_any_name(tmp_path):
    frame = mixed_frame(30).rename(columns={"x": "a|b\nc"})
    tiny_model().fit(frame).save(tmp_path / "model")
    card = members_of(tmp_path / "model")["README.md"].decode()
    assert r"| a\|b c | numeric |" in card


def test_only_the_date_differs_between_two_files(model, tmp_path, monkeypatch):
    model.save(tmp_path / "one")
    tomorrow = SimpleNamespace(now=lambda zone: datetime(2031, 1, 1, tzinfo=UTC))
    monkeypatch.setattr("tabdiffuse.estimators.members.datetime", tomorrow)
    model.sample(5)
    for name in ("two", "three"):
        model.save(tmp_path / name)
    assert (tmp_path / "two").read_bytes() == (tmp_path / "three").read_bytes()
    one, two = (read_archive(tmp_path / name) for name in ("one", "two"))
    assert {name for name in one if one[name] != two[name]} == {"config.json"}
    config, later = (json.loads(members["config.json"]) for members in (one, two))
    assert config.pop("written") != later.pop("written")
    assert config == later


def float64(value):
    return struct.pack("<d", value)


def test_what_a_file_holds_of_the_training_data(tmp_path):
    rng = np.random.default_rng(0)
    rows = 4000
    frame = pd.DataFrame(
        {
            "smooth": rng.normal(size=rows),
            "city": rng.choice(["Paris", "Oslo"], rows),
            "few": rng.normal(size=50)[rng.integers(0, 50, rows)],
        },
        index=[f"customer-{i}" for i in range(rows)],
    )
    frame.attrs["owner"] = "secret owner"
    frame.loc["customer-77", "city"] = "Ultima Thule"
    tiny_model().fit(frame).save(tmp_path / "model")
    content = (tmp_path / "model").read_bytes()
    # Not stored: row labels, attributes, and most numbers of a column with many distinct ones.
    assert b"customer" not in content
    assert b"secret" not in content
    held = [
        v for v in frame["smooth"] if float64(v) in content or repr(float(v)).encode() in content
    ]
    assert len(held) <= 1100
    # Stored, and said so in the model card: every category, even one of a single row; the extremes
    # of each column of numbers; all numbers of a column that has few.
    assert b"Ultima Thule" in content
    assert float64(frame["smooth"].min()) in content
    assert float64(frame["smooth"].max()) in content
    assert all(float64(v) in content for v in frame["few"])
    # No row is stored: what is held of a column is in order of size.
    arrays = tensors_from_bytes(read_archive(tmp_path / "model")["codec.safetensors"])
    longest = {name: value for name, value in arrays.items() if len(value) > 10}
    assert longest
    assert all((np.diff(value) >= 0).all() for value in longest.values())


def test_size_does_not_grow_with_the_rows(tmp_path):
    for rows in (3000, 12_000):
        tiny_model().fit(mixed_frame(rows)).save(tmp_path / str(rows))
    small, large = ((tmp_path / str(rows)).stat().st_size for rows in (3000, 12_000))
    assert large < 1.2 * small


def disk_full(*args, **kwargs):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("target", ["tabdiffuse.io.os.fsync", "tabdiffuse.io.os.replace"])
def test_failing_save_leaves_the_older_file(model, saved, monkeypatch, target):
    before = saved.read_bytes()
    model.sample(1)
    with monkeypatch.context() as patch:
        patch.setattr(target, disk_full)
        with pytest.raises(OSError, match="No space left"):
            model.save(saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["model"]
    with pytest.raises(FileNotFoundError):
        model.save(saved.parent / "absent" / "model")


def test_save_replaces_an_older_file(saved):
    other = tiny_model().fit(mixed_frame())
    other.save(saved)
    assert_same_rows(TabularDiffusion.load(saved, device="cpu").sample(5), other.sample(5))
