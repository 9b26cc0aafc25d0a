"""A killed fit goes on from its checkpoint and ends as if nothing had happened."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from tabdiffuse.errors import ModelFileError, ParameterError
from tabdiffuse.estimators.checkpoint import Checkpoint
from tabdiffuse.training.loop import TrainConfig
from tests.tiny_tables import assert_same_rows, assert_same_weights, mixed_frame, tiny_model

SETTINGS = {"max_steps": 20, "batch_size": 64}
EVERY = 5


@pytest.fixture(autouse=True)
def write_at_once(monkeypatch):
    """Report and write a checkpoint every five steps, not twice a minute."""
    monkeypatch.setattr("tabdiffuse.estimators.base.Checkpoint", partial(Checkpoint, every=0.0))
    often = partial(TrainConfig, log_every=EVERY)
    monkeypatch.setattr("tabdiffuse.estimators.base.TrainConfig", often)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.checkpoint"


def kill(model, X, step=10):
    """Interrupt a fit at a step; the last checkpoint is the one before."""

    def interrupt(progress, state):
        if progress.step >= step:
            raise KeyboardInterrupt

    callbacks = model.callbacks
    model.set_params(callbacks=[interrupt])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    return model.set_params(callbacks=callbacks)


def assert_same_fit(one, other):
    assert_same_weights(one, other)
    assert_same_rows(one.sample(50), other.sample(50))
    columns = one.history_.columns.drop("seconds")
    assert_same_rows(one.history_[columns], other.history_[columns])
    assert (one.n_iter_, one.stop_reason_) == (other.n_iter_, other.stop_reason_)


@pytest.mark.parametrize(
    "settings",
    [{}, {"max_time": 1e5}, {"learning_rate": 1e-2, "width": 16}],
    ids=["steps", "time too", "other settings"],
)
@pytest.mark.parametrize("step", [10, 20])
def test_killed_fit_ends_bit_identical(path, tiny_frame, settings, step):
    steps = []
    whole = tiny_model(**SETTINGS | settings).fit(tiny_frame)
    model = tiny_model(**SETTINGS | settings, checkpoint=path)
    kill(model, tiny_frame, step)
    assert path.exists()
    model.set_params(callbacks=[lambda progress, state: steps.append(progress.step)])
    model.fit(tiny_frame)
    assert steps == list(range(step, 21, EVERY))  # it did go on, not start anew
    assert_same_fit(model, whole)
    assert not path.exists()


def test_fit_killed_twice(path, tiny_frame):
    model = tiny_model(**SETTINGS, checkpoint=path)
    kill(model, tiny_frame, 10)
    kill(model, tiny_frame, 15)
    assert_same_fit(model.fit(tiny_frame), tiny_model(**SETTINGS).fit(tiny_frame))


def test_a_new_process_can_go_on(path, tiny_frame):
    kill(tiny_model(**SETTINGS, checkpoint=path), tiny_frame)
    model = tiny_model(**SETTINGS, checkpoint=str(path)).fit(tiny_frame)
    assert_same_fit(model, tiny_model(**SETTINGS).fit(tiny_frame))


def test_checkpoint_changes_nothing(path, tiny_frame):
    model = tiny_model(**SETTINGS, checkpoint=path).fit(tiny_frame)
    assert_same_fit(model, tiny_model(**SETTINGS).fit(tiny_frame))
    assert not path.exists()


def test_fit_without_a_seed_goes_on_with_the_one_it_had(path, tiny_frame):
    model = tiny_model(**SETTINGS, random_state=None, checkpoint=path)
    kill(model, tiny_frame)
    model.fit(tiny_frame)
    whole = tiny_model(**SETTINGS).set_params(random_state=model.seed_).fit(tiny_frame)
    assert_same_fit(model, whole)


def test_fit_seeded_by_a_generator_goes_on(path, tiny_frame):
    make = partial(np.random.default_rng, 5)
    model = tiny_model(**SETTINGS | {"random_state": make()}, checkpoint=path)
    kill(model, tiny_frame)
    model.set_params(random_state=make()).fit(tiny_frame)
    assert_same_fit(model, tiny_model(**SETTINGS | {"random_state": make()}).fit(tiny_frame))


def test_killed_warm_start_goes_on(path, tiny_frame):
    def start():
        model = tiny_model(**SETTINGS | {"max_steps": 5}).fit(tiny_frame)
        return model.set_params(warm_start=True, max_steps=20)

    model = kill(start().set_params(checkpoint=path), tiny_frame)
    assert_same_fit(model.fit(tiny_frame), start().fit(tiny_frame))


OTHERS = {
    "data": ({}, lambda X: X.assign(age=X["age"].replace({int(X["age"][0]): int(X["age"][1])}))),
    "rows": ({}, lambda X: X[::-1]),
    "learning rate": ({"learning_rate": 1e-3}, lambda X: X),
    "steps": ({"max_steps": 30}, lambda X: X),
    "time": ({"max_time": 60}, lambda X: X),
    "batch size": ({"batch_size": 32}, lambda X: X),
    "width": ({"width": 16}, lambda X: X),
    "seed": ({"random_state": 1}, lambda X: X),
}


@pytest.mark.parametrize(("changes", "change"), OTHERS.values(), ids=OTHERS)
def test_checkpoint_of_another_fit_is_refused(path, tiny_frame, forbid_training, changes, change):
    kill(tiny_model(**SETTINGS, checkpoint=path), tiny_frame)
    before = path.read_bytes()
    forbid_training()
    with pytest.raises(
        ModelFileError, match=r"belongs to a fit with other data, parameters or seed.* Delete it to"
    ):
        tiny_model(**SETTINGS | changes, checkpoint=path).fit(change(tiny_frame))
    assert path.read_bytes() == before


def test_checkpoint_of_a_cold_start_is_refused_by_a_warm_one(path, tiny_frame, forbid_training):
    kill(tiny_model(**SETTINGS, checkpoint=path), tiny_frame)
    model = tiny_model(**SETTINGS).fit(tiny_frame).set_params(warm_start=True, checkpoint=path)
    forbid_training()
    with pytest.raises(ModelFileError, match="belongs to a fit with other"):
        model.fit(tiny_frame)


def truncated(content):
    return content[: len(content) // 2]


def altered(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncated, "cut short or damaged"),
        (altered, "was altered or damaged"),
        (lambda content: b"", "is empty"),
        (lambda content: b"a,b\n1,2\n", "not a tabdiffuse model file"),
    ],
)
def test_damaged_checkpoint_is_refused(path, tiny_frame, forbid_training, damage, message):
    kill(tiny_model(**SETTINGS, checkpoint=path), tiny_frame)
    path.write_bytes(damage(path.read_bytes()))
    forbid_training()
    with pytest.raises(
        ModelFileError,
        match=rf"(?s)checkpoint cannot be read: .*{message}.*Delete it to start anew",
    ):
        tiny_model(**SETTINGS, checkpoint=path).fit(tiny_frame)
    assert path.exists()


def test_model_file_is_no_checkpoint(path, forbid_training):
    tiny_model().fit(mixed_frame(30)).save(path)
    before = path.read_bytes()
    forbid_training()
    with pytest.raises(ModelFileError, match=r"is not a checkpoint\. Pass another path"):
        tiny_model(checkpoint=path).fit(mixed_frame(30))
    assert path.read_bytes() == before


def test_path_that_cannot_be_written_is_refused_before_any_work(tmp_path, forbid_training):
    forbid_training()
    with pytest.raises(
        ParameterError, match=r"checkpoint='.*absent/x' lies in a folder that is not"
    ):
        tiny_model(checkpoint=tmp_path / "absent" / "x").fit(None)
    with pytest.raises(
        ParameterError, match=r"checkpoint='.*' is a folder\. Pass the path of a file"
    ):
        tiny_model(checkpoint=str(tmp_path)).fit(None)


def test_folder_without_permission_is_refused(tmp_path, monkeypatch, forbid_training):
    forbid_training()
    monkeypatch.setattr("tabdiffuse.estimators.checkpoint.os.access", lambda *args: False)
    with pytest.raises(ParameterError, match="folder that cannot be written to"):
        tiny_model(checkpoint=tmp_path / "x").fit(None)


def test_checkpoint_may_lie_in_the_working_folder(tmp_path, monkeypatch, tiny_frame):
    monkeypatch.chdir(tmp_path)
    tiny_model(checkpoint="x").fit(tiny_frame)


def test_verbose_tells_that_a_fit_goes_on(path, tiny_frame, capfd):
    kill(tiny_model(**SETTINGS, checkpoint=path), tiny_frame)
    tiny_model(**SETTINGS | {"verbose": 1}, checkpoint=path).fit(tiny_frame)
    assert "Going on from the checkpoint after step 5." in capfd.readouterr().err


def test_checkpoints_are_written_from_time_to_time(path, monkeypatch, tiny_frame):
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("tabdiffuse.estimators.checkpoint.time", clock)
    monkeypatch.setattr("tabdiffuse.estimators.base.Checkpoint", partial(Checkpoint, every=30.0))
    written = []

    def tick(progress, state):
        written.append(path.exists())
        now[0] += 11

    tiny_model(**SETTINGS, checkpoint=path, callbacks=[tick]).fit(tiny_frame)
    assert written == [False, False, False, True]  # at 11, 22, 33 seconds: seen by the next call
