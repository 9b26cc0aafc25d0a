"""Lattices are found, intervals survive float32, tables are monotone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from tabdiffuse.tables.lattice import Lattice, find_lattice
from tabdiffuse.tables.quantiles import CellTable, SmoothTable, distinct, inner_intervals
from tests.strategies import draw_scores


@pytest.mark.parametrize(
    ("values", "lattice"),
    [
        ([3, 7, 11, 19], Lattice(0, 3, 4)),
        ([0.1, 0.2, 0.7], Lattice(1, 1, 1)),
        ([0.25, 0.5, 1.75], Lattice(2, 25, 25)),
        ([1e12, 1e12 + 5, 3e12], Lattice(0, 10**12, 5)),
        ([-0.003, 0.001], Lattice(3, -3, 4)),
        ([1 / 3, 2 / 3], None),
        ([5e-324, 1e-300], None),
        ([1e300, 2e300], None),
    ],
)
def test_the_coarsest_lattice_is_found(values, lattice):
    assert find_lattice(np.array(values)) == lattice


def test_a_float32_lattice_is_found_to_the_precision_of_float32():
    values = np.array([0.1, 0.2, 0.7], dtype=np.float32)
    assert find_lattice(values.astype(np.float64), np.float32) == Lattice(1, 1, 1)
    assert find_lattice(values.astype(np.float64)) is None
    noise = np.random.default_rng(0).normal(10, 3, 500).astype(np.float32)
    assert find_lattice(noise.astype(np.float64), np.float32) is None


def test_one_value_off_the_lattice_of_the_others_counts():
    values = np.arange(5000.0)
    assert find_lattice(values) == Lattice(0, 0, 1)
    values[4321] = 0.5  # not among the values that are looked at first
    assert find_lattice(values) == Lattice(1, 0, 5)
    values[4321] = 1 / 3
    assert find_lattice(values) is None


def test_lattice_values_are_what_parsing_the_decimal_gives():
    index = np.arange(-200_000, 200_000, 7)
    values = Lattice(3, 0, 1).value(index)
    assert [float(f"{k // 1000}.{k % 1000:03}") for k in index[index >= 0]] == list(
        values[index >= 0]
    )
    assert (Lattice(3, 0, 1).index(values) == index).all()


@pytest.mark.parametrize(
    "values", [[], [2.0], [3.0, 1.0, 3.0, -1.0, 1.0, 1.0], [0.0, -0.0], range(100)]
)
def test_distinct_values_are_counted_as_numpy_does(values):
    support, counts = distinct(np.array(values, dtype=np.float64))
    expected, times = np.unique(np.array(values, dtype=np.float64), return_counts=True)
    assert np.array_equal(support, expected)
    assert np.array_equal(counts, times)


def test_narrowed_intervals_decode_to_their_own_cell():
    edges = np.unique(np.random.default_rng(1).random(40_000))
    edges = np.concatenate([[0], edges[np.diff(edges, prepend=0) > 2e-6], [1]])
    intervals = inner_intervals(edges[:-1], edges[1:])
    for where in ("inside", "low", "high"):
        u = ndtr(draw_scores(intervals, where).astype(np.float64))
        assert (u > edges[:-1]).all(), where
        assert (u < edges[1:]).all(), where


def test_without_narrowing_the_ends_leak():
    edges = np.linspace(0, 1, 20_001)
    leaky = np.stack([edges[:-1], edges[1:]], axis=1).astype(np.float32)
    u = ndtr(draw_scores(leaky, "low").astype(np.float64))
    assert (u < edges[:-1]).any()


def test_an_interval_too_narrow_for_float32_is_its_midpoint():
    interval = inner_intervals(np.array([0.7]), np.array([0.7 + 1e-9]))[0]
    assert interval[0] == interval[1]
    assert interval[0] == pytest.approx(0.7, abs=1e-7)


@pytest.mark.parametrize("width", [0, 1])
def test_smooth_tables_are_monotone_and_small(width):
    rng = np.random.default_rng(2)
    support, counts = np.unique(np.floor(rng.lognormal(8, 3, 50_000)), return_counts=True)
    table = SmoothTable.fit(support, counts, width)
    assert len(table.knots) <= 1001
    assert (np.diff(table.places) >= 0).all()
    assert (np.diff(table.knots) >= 0).all()
    assert (table.places[0], table.places[-1]) == (0, 1)
    assert (np.diff(table.quantile(np.linspace(0, 1, 100_000))) >= 0).all()


def test_rare_values_keep_a_cell_that_float32_can_hit():
    support, counts = np.arange(4.0), np.array([1, 10**9, 1, 10**9])
    for table in (CellTable.fit(support, counts), SmoothTable.fit(support, counts, 1)):
        places = table.edges if isinstance(table, CellTable) else np.unique(table.places)
        assert np.diff(places).min() > 0.9 * 2.0**-20


def test_a_smooth_table_passes_through_the_middle_ranks():
    table = SmoothTable.fit(np.array([1.0, 2, 4, 8]), np.array([1, 1, 1, 1]), 0)
    np.testing.assert_allclose(table.lower(np.array([1.0, 2, 4, 8])), [0, 3 / 8, 5 / 8, 3 / 4])
    np.testing.assert_allclose(table.upper(np.array([1.0, 2, 4, 8])), [1 / 4, 3 / 8, 5 / 8, 1])
    np.testing.assert_allclose(table.quantile(np.array([0.2, 0.5, 0.9])), [1, 3, 8])


@pytest.mark.parametrize("seed", range(5))
def test_the_light_knots_are_the_values_whose_middles_reach_an_even_grid(seed):
    rng = np.random.default_rng(seed)
    support = np.arange(3000.0)
    counts = rng.integers(1, 6, 3000)  # none owns a knot but the extremes
    above = np.cumsum(counts)
    middle = 0.5 * ((above - counts) / above[-1] + above / above[-1])
    chosen = support[np.minimum(np.searchsorted(middle, np.linspace(0, 1, 996)), 2999)]
    expected = np.unique([0, *chosen, 2999])
    assert np.array_equal(np.unique(SmoothTable.fit(support, counts, 0).knots), expected)


def test_both_ends_at_once_are_the_ends_one_by_one():
    rng = np.random.default_rng(4)
    support, counts = np.unique(np.round(rng.lognormal(0, 1, 20_000), 2), return_counts=True)
    table = SmoothTable.fit(support, counts, 0)
    values = np.concatenate([support, table.knots, rng.uniform(-1, 40, 5000), [-1.0, 1e9]])
    lower, upper = table.ends(values)
    assert np.array_equal(lower, table.lower(values))
    assert np.array_equal(upper, table.upper(values))
    assert (lower < upper).any()
