"""What names the data of a checkpointed fit."""

import tracemalloc

import pytest
import torch

from tabdiffuse.estimators.base import _fingerprint


def test_it_depends_on_values_names_and_shapes():
    x = torch.arange(6.0)
    found = [
        _fingerprint({"x": x}),
        _fingerprint({"x": x + 1}),
        _fingerprint({"y": x}),
        _fingerprint({"x": x.reshape(2, 3)}),
        _fingerprint({"x": x.reshape(2, 3).T}),
    ]
    assert len(set(found)) == len(found)
    assert _fingerprint({"x": x.clone()}) == found[0]


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32])
def test_it_takes_every_dtype_and_empty_and_scalar_tensors(dtype):
    tensors = [torch.ones(2, 3).to(dtype), torch.ones(0, 3).to(dtype), torch.ones(()).to(dtype)]
    assert len({_fingerprint({"x": x}) for x in tensors}) == 3


def test_it_holds_no_copy_of_the_data():
    x = torch.zeros(1_000_000, 2)
    tracemalloc.start()
    try:
        _fingerprint({"x": x})
        held = tracemalloc.get_traced_memory()[1]
        x.numpy().tobytes()
        copied = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert held < 1e6 < 8e6 <= copied
