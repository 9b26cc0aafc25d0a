"""A model is the same on a GPU and on a CPU, up to the order of float sums.

The noise of a sample is drawn on the CPU, so the rows agree but for rounding: a category flips
where a probability is within rounding of the number drawn, a continuous number moves a little.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from tabdiffuse import Approx, Between, Guidance, TabularDiffusion
from tabdiffuse.estimators.checkpoint import Checkpoint
from tabdiffuse.estimators.presets import PRESETS
from tests.tiny_tables import assert_like, tiny_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

ROWS = 2000
LEAST_EQUAL = 0.99  # share of rows with equal categories and lattice numbers
TOLERANCE = 1e-3  # of the range of a continuous column, in that share of rows


def assert_close_rows(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Check that almost all rows agree."""
    agree = np.ones(len(one), dtype=bool)
    for name in one.columns:
        mine, theirs = one[name], other[name]
        same = (mine == theirs) | (mine.isna() & theirs.isna())
        if name == "height":  # the only column on no lattice
            scale = mine.max() - mine.min()
            same |= (mine - theirs).abs() <= TOLERANCE * scale
        agree &= same.to_numpy(dtype=bool)
    assert agree.mean() >= LEAST_EQUAL


def fitted(frame: pd.DataFrame, device: str) -> TabularDiffusion:
    return tiny_model(max_steps=200, width=16, n_steps=20, device=device).fit(frame)


@pytest.mark.parametrize(("fit_on", "load_on"), [("cuda", "cpu"), ("cpu", "cuda")])
def test_rows_are_the_same_on_the_other_device(tiny_frame, tmp_path, fit_on, load_on):
    model = fitted(tiny_frame, fit_on)
    model.save(tmp_path / "model")
    loaded = TabularDiffusion.load(tmp_path / "model", device=load_on)
    assert next(loaded.denoiser_.parameters()).device.type == load_on
    one, other = (m.sample(ROWS, random_state=1) for m in (model, loaded))
    assert_like(other, tiny_frame)
    assert_close_rows(one, other)
    with pytest.raises(AssertionError):
        assert_close_rows(one, loaded.sample(ROWS, random_state=2))


def test_rows_hardly_depend_on_batch_size(tiny_frame):
    model = fitted(tiny_frame, "cuda")
    rows = model.sample(ROWS, random_state=1)
    pd.testing.assert_frame_equal(model.sample(ROWS, random_state=1), rows)
    for batch_size in (1, 512, 600, 4096):
        assert_close_rows(model.sample(ROWS, random_state=1, batch_size=batch_size), rows)


ASKED = {
    "exact": lambda model, rows: model.sample(conditions=holed(rows), random_state=1),
    "guided": lambda model, rows: model.sample(
        conditions=holed(rows), guidance=Guidance(2.0, reference_time=0.5), random_state=1
    ),
    "restricted": lambda model, rows: model.sample(
        ROWS, conditions={"height": Between(*middle(rows["height"]))}, random_state=1
    ),
    "soft": lambda model, rows: model.sample(
        ROWS, conditions={"height": Approx(rows["height"].median(), 1.0)}, random_state=1
    ),
    "imputed": lambda model, rows: model.impute(holed(rows), random_state=1),
    "varied": lambda model, rows: model.vary(rows, strength=0.4, random_state=1),
}


def holed(rows: pd.DataFrame) -> pd.DataFrame:
    """Hide a random third of the cells."""
    return rows.mask(np.random.default_rng(0).random(rows.shape) < 1 / 3)


def middle(column: pd.Series) -> list[float]:
    return column.quantile([0.25, 0.75]).tolist()


@pytest.fixture
def pair(tiny_frame, tmp_path):
    """One model on the GPU, and on the CPU."""
    model = fitted(tiny_frame, "cuda")
    model.save(tmp_path / "model")
    return model, TabularDiffusion.load(tmp_path / "model", device="cpu")


@pytest.mark.parametrize("verb", ASKED)
def test_rows_given_conditions_are_the_same_on_the_other_device(pair, tiny_frame, verb):
    one, other = (ASKED[verb](model, tiny_frame) for model in pair)
    assert_close_rows(one, other)


def test_scores_and_predictions_are_the_same_on_the_other_device(pair, tiny_frame):
    few = {"n_draws": 2, "n_steps": 4}
    one, other = (model.score_samples(tiny_frame, **few) for model in pair)
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-2)
    one, other = (model.score_cells(tiny_frame, **few) for model in pair)
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-2)
    one, other = (model.predict(tiny_frame, "height", **few) for model in pair)
    np.testing.assert_allclose(one, other, rtol=1e-3)


def test_auto_takes_the_gpu_and_the_balanced_preset(tiny_frame):
    model = TabularDiffusion(max_steps=2, verbose=0).fit(tiny_frame)
    assert model.device_.type == "cuda"
    assert model.denoiser_.backbone.config == PRESETS["balanced"].network
    assert_like(model.sample(5), tiny_frame)


def test_global_cuda_random_state_is_left_alone(tiny_frame):
    before = torch.cuda.get_rng_state()
    fitted(tiny_frame, "cuda").sample(5)
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_killed_fit_goes_on(tiny_frame, tmp_path, monkeypatch):
    def interrupt(progress, state):
        if progress.step >= 50:
            raise KeyboardInterrupt

    monkeypatch.setattr("tabdiffuse.estimators.base.Checkpoint", partial(Checkpoint, every=0.0))
    model = tiny_model(
        max_steps=100, device="cuda", checkpoint=tmp_path / "x", callbacks=[interrupt]
    )
    with pytest.raises(KeyboardInterrupt):
        model.fit(tiny_frame)
    assert (tmp_path / "x").exists()
    model.set_params(callbacks=None).fit(tiny_frame)
    assert model.n_iter_ == 100
    assert_like(model.sample(5), tiny_frame)
