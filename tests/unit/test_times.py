"""Time laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from tabdiffuse._random import Noise, generator
from tabdiffuse.times import (
    Clean,
    Independent,
    Mixed,
    RandomClean,
    RandomGiven,
    Tied,
    TimeLaw,
    low_discrepancy,
)
from tests.oracles import RARE

CELLS = {"x": 3, "c": 2}
MINIMUM = 1e-3


def noise(*labels: int) -> Noise:
    return Noise([generator(0, *labels)])


@pytest.mark.parametrize("rows", [1, 2, 7, 1000])
def test_every_column_has_one_point_in_every_stratum(rows):
    points = low_discrepancy(rows, 4, noise())
    assert points.shape == (rows, 4)
    strata = (points.double() * rows).floor().long().sort(dim=0).values
    assert torch.equal(strata, torch.arange(rows)[:, None].expand(rows, 4))


def test_columns_of_points_are_not_in_step():
    points = low_discrepancy(2000, 3, noise())
    # sqrt(n) times a rank correlation is a standard normal: 4.9 once in a million, 5.2 of 3.
    correlation = np.corrcoef(points.numpy().T) - np.eye(3)
    assert np.abs(correlation).max() < 5.2 / np.sqrt(2000)


def test_one_point_of_a_batch_is_uniform():
    # One row of each of 2,000 batches: independent draws, tested by Kolmogorov and Smirnov.
    drawn = [float(low_discrepancy(8, 1, noise(i))[3]) for i in range(2000)]
    assert stats.kstest(drawn, "uniform").pvalue > RARE
    assert stats.kstest(np.square(drawn), "uniform").pvalue < RARE  # the control


def test_tied_times_are_one_tensor_for_all_modalities():
    times = Tied().sample(CELLS, 64, noise())
    assert times["x"] is times["c"]
    assert times["x"].shape == (64, 1)


@pytest.mark.parametrize(
    ("per_cell", "shapes"), [(False, [(64, 1), (64, 1)]), (True, [(64, 3), (64, 2)])]
)
def test_independent_times_are_one_for_each_modality_or_cell(per_cell, shapes):
    times = Independent(per_cell).sample(CELLS, 64, noise())
    assert [times[name].shape for name in CELLS] == shapes
    columns = torch.cat(list(times.values()), dim=1)
    assert len(columns.T.unique(dim=0)) == columns.shape[1]


@pytest.mark.parametrize("law", [Tied(), Independent(), Independent(per_cell=True)], ids=repr)
def test_times_are_spread_evenly_from_the_minimum_to_one(law):
    for t in law.sample(CELLS, 500, noise()).values():
        grid = MINIMUM + (1 - MINIMUM) * (torch.arange(500)[:, None] + 0.5) / 500
        assert (t.sort(dim=0).values - grid).abs().max() < 0.6 / 500
        assert t.min() >= MINIMUM
        assert t.max() <= 1


def test_number_of_clean_cells_is_uniform():
    # A uniform share makes every number of clean cells out of 5 equally likely, 1 in 6.
    times = RandomClean().sample(CELLS, 12_000, noise())
    clean = torch.cat([times["x"] == 0, times["c"] == 0], dim=1)
    counts = np.bincount(clean.sum(dim=1), minlength=6)
    assert stats.chisquare(counts).pvalue > RARE
    fixed_share = np.random.default_rng(0).binomial(5, 0.5, 12_000)  # the control
    assert stats.chisquare(np.bincount(fixed_share, minlength=6)).pvalue < RARE
    # No cell is clean more often than another: 4.9 sqrt(1/4 / 12000), 5.3 for 5 of them.
    assert (clean.float().mean(dim=0) - 0.5).abs().max() < 5.3 * 0.5 / np.sqrt(12_000)


def test_cells_that_are_not_clean_keep_the_time_of_the_law_within():
    times = RandomClean(Tied()).sample(CELLS, 200, noise())
    joined = torch.cat([times["x"], times["c"]], dim=1)
    assert joined.shape == (200, 5)
    for row in joined:
        assert len(row[row > 0].unique()) <= 1


def test_whole_modalities_can_be_clean():
    times = RandomClean(Independent(), per_cell=False).sample(CELLS, 200, noise())
    assert {t.shape for t in times.values()} == {(200, 1)}
    both = {(bool(x == 0), bool(c == 0)) for x, c in zip(times["x"], times["c"], strict=True)}
    assert len(both) == 4


@pytest.mark.parametrize("law", [Tied(), Independent(per_cell=True), RandomClean()], ids=repr)
def test_what_is_always_clean_is_at_time_zero_and_the_rest_follows_its_law(law):
    times = Clean(law, ["c"]).sample(CELLS, 64, noise())
    alone = law.sample(CELLS, 64, noise())
    assert torch.equal(times["x"], alone["x"])
    assert times["c"].shape == alone["c"].shape
    assert not times["c"].any()
    assert alone["c"].any()  # the control


class _Marked(TimeLaw):
    def __init__(self, mark: float) -> None:
        self.mark = mark

    def sample(self, cells, rows, noise):
        return {name: torch.full((rows, 1), self.mark) for name in cells}


def test_a_mixture_follows_each_law_in_its_share_of_the_batches():
    shares = [0.5, 0.3, 0.2]
    law = Mixed([_Marked(0.1), _Marked(0.2), _Marked(0.3)], shares)
    marks = [float(law.sample(CELLS, 4, noise(i))["x"][0]) for i in range(2000)]
    counts = np.array([np.isclose(marks, mark).sum() for mark in (0.1, 0.2, 0.3)])
    assert stats.chisquare(counts, 2000 * np.array(shares)).pvalue > RARE
    assert stats.chisquare(counts).pvalue < RARE  # the control: equal shares


@pytest.mark.parametrize("shares", [[0.5, 0.4], [0.5], [1.5, -0.5], [0.5, 0.25, 0.25]])
def test_shares_that_do_not_fit_are_refused(shares):
    with pytest.raises(ValueError, match=r"shares must match the laws.*Got"):
        Mixed([Tied(), Independent()], shares)


def test_equal_seeds_give_equal_times():
    law = Mixed([Tied(), RandomClean(Independent(per_cell=True))], [0.5, 0.5])
    first, second = (law.sample(CELLS, 32, noise(9)) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in CELLS)


def test_whole_modalities_are_given_in_every_row_but_never_all():
    cells = {"x": 3, "c": 2, "y": 1, "z": 4}
    times = RandomGiven(Tied(MINIMUM)).sample(cells, 4000, noise())
    given = torch.cat([times[name] == 0 for name in cells], dim=1)
    assert [tuple(t.shape) for t in times.values()] == [(4000, 1)] * 4
    counts = torch.bincount(given.sum(dim=1), minlength=5)
    assert counts[0] == counts[4] == 0
    assert (counts[1:4] - 4000 / 3).abs().max() <= 2  # low discrepancy
    # Each modality is given in half of the rows: z of a share of 4,000 is 4.9 once in a million.
    assert ((given.float().mean(dim=0) - 0.5) * 2 * 4000**0.5).abs().max() < 5.2
    moving = torch.cat(list(times.values()), dim=1)
    latest = moving.max(dim=1, keepdim=True).values
    assert torch.equal(torch.where(given, latest, moving), latest.expand(-1, 4))


def test_one_modality_alone_is_never_given():
    times = RandomGiven(Tied(MINIMUM)).sample({"x": 3}, 100, noise())
    assert (times["x"] >= MINIMUM).all()
