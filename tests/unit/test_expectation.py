"""What is expected of hidden cells, in one call: against exact conditionals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tabdiffuse import CategoricalModality, ImageModality, MultimodalDiffusion, Shared
from tabdiffuse.errors import ParameterError
from tabdiffuse.joint import Observed
from tabdiffuse.schedules import VPCosine
from tabdiffuse.scoring.expectation import expectation
from tests.oracles import PAIR, CategoricalOracle, GaussianOracle
from tests.shared_oracles import ClassOracle

CPU = torch.device("cpu")
SETTINGS = {"seed": 0, "batch_size": 4, "device": CPU}


def gaussian():
    mean = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    root = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.3, 0.4, 0.9]], dtype=torch.float64)
    return GaussianOracle(VPCosine(), mean, root @ root.T)


def test_numbers_are_their_regression_on_what_is_known():
    oracle = gaussian()
    x = torch.randn(10, 3, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    known = torch.tensor([[True, False, True]]).expand(10, 3)
    found = expectation(oracle, oracle.joint, Observed({"x": x}, {"x": known}), "x", **SETTINGS)
    rest = [0, 2]
    gain = torch.linalg.solve(oracle.covariance[rest][:, rest], oracle.covariance[rest][:, [1]])
    expected = oracle.mean[1] + (x[:, rest, 0] - oracle.mean[rest]) @ gain[:, 0]
    torch.testing.assert_close(found[:, 1, 0], expected.float())
    torch.testing.assert_close(found[:, rest, 0], x[:, rest, 0].float())
    assert not torch.allclose(expected, oracle.mean[1].expand(10), atol=0.1)  # it depends on them


def test_categories_have_their_conditional_law():
    oracle = CategoricalOracle(PAIR)
    codes = torch.tensor([[0, 0], [1, 0], [0, 0], [1, 0], [1, 0]])
    known = torch.tensor([[True, False]]).expand(5, 2)
    observed = Observed({"c": codes}, {"c": known})
    found = expectation(oracle, oracle.joint(), observed, "c", **SETTINGS)[:, 1].exp()
    law = PAIR / PAIR.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.numpy(), law[codes[:, 0]], atol=1e-6)


def test_of_a_shared_process_the_latent_is_expected_given_a_category():
    oracle = ClassOracle()
    observed = Observed({"c": torch.tensor([[0], [2]])}, {"c": torch.ones(2, 1) > 0})
    found = expectation(oracle, oracle.joint, observed, "z", **SETTINGS)
    torch.testing.assert_close(found[:, 0, 0], oracle.means[[0, 2]].float())


def test_a_network_that_sees_the_latent_alone_is_not_asked_what_it_cannot_see():
    """MT-U: in one call a label tells nothing about the picture, but the picture of the label."""
    pictures = np.zeros((8, 4, 4))
    pictures[4:] = 1
    data = {"picture": pictures, "label": np.repeat([0, 1], 4)}
    parts = {"picture": ImageModality(4, 4), "label": CategoricalModality(2)}
    joint = Shared("picture", shows_known=False)
    settings = {"max_steps": 2, "width": 8, "depth": 1, "verbose": 0, "random_state": 0}
    model = MultimodalDiffusion(parts, joint=joint, **settings).fit(data)
    blank = np.full((2, 4, 4), np.nan)
    for told in ({"label": [0, 1]}, {"picture": blank}):
        with pytest.raises(ParameterError, match=r"sees the latent 'picture' alone"):
            model.predict(told, "picture" if "label" in told else "label")
    assert model.predict({"picture": pictures}, "label").shape == (8,)
    seeing = MultimodalDiffusion(parts, joint=Shared("picture"), **settings).fit(data)
    assert seeing.predict({"label": [0, 1]}, "picture").shape == (2, 4, 4)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_a_row_is_answered_alike_in_any_batch(batch_size):
    oracle = gaussian()
    x = torch.arange(21, dtype=torch.float64).reshape(7, 3, 1) / 5
    known = torch.tensor([[True, False, False]]).expand(7, 3)
    whole = expectation(oracle, oracle.joint, Observed({"x": x}, {"x": known}), "x", **SETTINGS)
    settings = SETTINGS | {"batch_size": batch_size}
    again = expectation(oracle, oracle.joint, Observed({"x": x}, {"x": known}), "x", **settings)
    torch.testing.assert_close(again, whole)
