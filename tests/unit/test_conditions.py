"""Conditions come into one form, and say of the model columns what they say in words."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr, ndtri

from tabdiffuse import Approx, Between, Missing, OneOf
from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.tables.answers import with_given
from tabdiffuse.tables.asked import read_conditions
from tabdiffuse.tables.balancing import level_counts
from tabdiffuse.tables.conditions import PRESENT
from tabdiffuse.tables.filling import aggregated, filled
from tabdiffuse.tables.places import covered, score_at, seen_range
from tabdiffuse.tables.restricting import column_evidence
from tests.tiny_tables import fit_codec

ROWS = 4000
RNG = np.random.default_rng(0)
NUMBER = RNG.normal(size=ROWS)
FRAME = pd.DataFrame(
    {
        "real": NUMBER,  # a smooth table
        "single": np.round(NUMBER, 2).astype("float32"),
        "count": RNG.poisson(400, ROWS),  # a lattice in cells
        "wide": RNG.integers(0, 10**6, ROWS) * 5 + 2,  # a lattice in a smooth table
        "gain": np.where(RNG.random(ROWS) < 0.6, 0.0, RNG.gamma(2.0, 1000.0, ROWS)),
        "hours": np.where(RNG.random(ROWS) < 0.5, 40, RNG.integers(1, 99, ROWS)),
        "holes": np.where(RNG.random(ROWS) < 0.1, np.nan, NUMBER),
        "both": np.where(
            RNG.random(ROWS) < 0.2, np.nan, np.where(RNG.random(ROWS) < 0.5, 0.0, 5 + NUMBER)
        ),
        "stars": RNG.integers(1, 6, ROWS),  # all atoms
        "city": RNG.choice(["a", "b", "c"], ROWS),
        "maybe": pd.Series(RNG.choice(["u", "v"], ROWS), dtype=object).mask(
            pd.Series(RNG.random(ROWS) < 0.2)
        ),
        "flag": RNG.random(ROWS) < 0.3,
        "same": 7,
    }
)
CODEC = fit_codec(FRAME)


def codec_of(name):
    return CODEC.codecs[CODEC.schema.names.index(name)]


def evidence_of(name, *cells):
    """Translate some cells of one column."""
    asked = read_conditions([{name: cell} for cell in cells], CODEC.schema)
    return column_evidence(codec_of(name), CODEC.schema[name], asked.columns[name])


def decoded(name, score, code=0):
    """Decode one cell of a column of numbers."""
    codec = codec_of(name)
    codes = np.array([code]) if codec.cardinality else None
    return codec.decode(1, np.array([score]), codes).iloc[0]


# --- the types that users write ----------------------------------------------------------------


def test_there_is_one_missing():
    for other in (copy.copy(Missing), copy.deepcopy(Missing), pickle.loads(pickle.dumps(Missing))):
        assert other is Missing
    assert repr(Missing) == "Missing"


def test_equal_conditions_are_one_key():
    pairs = [
        (Between(1, 2), Between(1.0, 2.0)),
        (OneOf(["a", "b"]), OneOf(("a", "b"))),
        (Approx(1, 2), Approx(1, sd=2.0)),
    ]
    for one, other in pairs:
        assert one == other
        assert len({one, other, pickle.loads(pickle.dumps(one))}) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Between(2, 1), r"low <= high\. Got low=2 and high=1 .*Between\(1, 2\)\?"),
        (
            lambda: Between(cast(Any, "a"), 1),
            r"'low' of Between must be a number or None\. Got 'a'",
        ),
        (lambda: Between(0, math.nan), r"'high' of Between must be a number or None\. Got nan"),
        (lambda: Between(True, 2), r"'low' of Between .* Got True"),
        (lambda: OneOf([]), r"at least one value"),
        (lambda: OneOf("Paris"), r"Got 'Paris' instead; write OneOf\(\['Paris'\]\)"),
        (lambda: OneOf([None]), r"or Missing for a gap\. Got None"),
        (lambda: OneOf([Between(1, 2)]), r"must be plain values"),
        (lambda: OneOf([[1]]), r"must be plain values"),
        (lambda: Approx(1, 0), r"'sd' of Approx must be a positive.* Got 0 .*written as 1\."),
        (lambda: Approx(1, -1), r"'sd' of Approx"),
        (lambda: Approx(1, math.inf), r"'sd' of Approx"),
        (lambda: Approx(cast(Any, "1"), 1), r"'value' of Approx must be a finite number\. Got '1'"),
        (lambda: Approx(math.inf, 1), r"'value' of Approx"),
    ],
)
def test_impossible_conditions_cannot_be_made(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


# --- one form ----------------------------------------------------------------------------------


def test_mapping_list_and_frame_say_the_same():
    cells = {"count": Between(390, 400), "city": "a", "flag": np.nan}
    one = read_conditions(cells, CODEC.schema)
    assert one.is_one
    for given in ([cells], pd.DataFrame([cells], dtype=object)):
        other = read_conditions(given, CODEC.schema)
        assert not other.is_one
        assert list(other.columns) == list(one.columns) == ["count", "city", "flag"]
        assert other.columns["city"].fixed.tolist() == [True]
        assert other.columns["flag"].asked.tolist() == [False]
        ((condition, rows),) = other.columns["count"].others.items()
        assert condition == Between(390, 400)
        assert rows.tolist() == [0]


def test_rows_in_the_same_words_are_one_group():
    frame = pd.DataFrame(
        {
            "count": [Between(1, 500), 400, Between(1, 500), None, Between(1.0, 500.0), 400.0],
            "city": ["a", "a", "a", "a", "a", "b"],
        }
    )
    groups = read_conditions(frame, CODEC.schema).groups()
    assert groups[0] == groups[2] == groups[4]
    assert len(set(groups)) == 4


def test_take_repeats_rows_and_their_conditions():
    asked = read_conditions([{"count": Between(1, 500)}, {"count": 400}, {}], CODEC.schema)
    taken = asked.take(np.array([2, 0, 0, 1])).columns["count"]
    assert taken.asked.tolist() == [False, True, True, True]
    assert taken.fixed.tolist() == [False, False, False, True]
    assert taken.others[Between(1, 500)].tolist() == [1, 2]


def test_conditions_that_go_first_replace_others():
    base = read_conditions([{"count": 1}, {"count": Between(1, 2)}, {"count": 3}], CODEC.schema)
    first = read_conditions([{"count": OneOf([400])}, {"count": 5}, {}], CODEC.schema)
    merged = base.columns["count"].with_first(first.columns["count"])
    assert merged.fixed.tolist() == [False, True, True]
    assert merged.values[1:].tolist() == [5, 3]
    assert {c: list(r) for c, r in merged.others.items() if len(r)} == {OneOf([400]): [0]}


def test_columns_that_the_table_has_not_are_extra_in_a_frame_only():
    frame = pd.DataFrame({"zip": ["x"], "count": [400]}, index=["label"])
    asked = read_conditions(frame, CODEC.schema)
    assert list(asked.extra.columns) == ["zip"]
    assert list(asked.index) == ["label"]
    with pytest.raises(DataError, match=r"unknown column 'cuont' \(row 0\)\. Did you mean 'count'"):
        read_conditions({"cuont": 400}, CODEC.schema)


# --- plain values ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [("real", 0.25), ("single", np.float32(0.3)), ("count", 402), ("wide", 5 * 77_777 + 2)],
)
def test_number_becomes_the_score_of_the_middle_of_its_share(name, value):
    value = float(FRAME[name].iloc[(FRAME[name] - value).abs().argmin()])
    got = evidence_of(name, value)
    assert got.score_known.all()
    assert not got.times.any()
    assert abs(float(decoded(name, got.scores[0])) - value) <= 1e-6
    intervals = codec_of(name).encode(pd.Series([value])).intervals
    np.testing.assert_allclose(ndtr(got.scores), intervals.mean(axis=1), atol=1e-7)


@pytest.mark.parametrize(("name", "atom", "other"), [("gain", 0.0, 1500.0), ("hours", 40, 50)])
def test_number_with_an_event_of_its_own_is_the_event(name, atom, other):
    got = evidence_of(name, atom, other, None)
    assert got.code_known.tolist() == got.score_known.tolist() == [True, True, False]
    assert got.codes.tolist() == [1, 0, 0]
    assert got.scores[0] == 0
    assert abs(float(decoded(name, got.scores[1])) - other) <= 2e-3
    assert not got.weighted.any()


@pytest.mark.parametrize(
    ("name", "cells", "codes"),
    [("city", ["b", "a", "c"], [1, 0, 2]), ("flag", [True, False], [1, 0]), ("stars", [4], [3])],
)
def test_category_becomes_its_code(name, cells, codes):
    got = evidence_of(name, *cells)
    assert got.codes.tolist() == codes
    assert got.code_known.all()
    assert not got.score_known.any()


def test_missing_is_the_last_event_and_nan_is_open():
    for name, last, number in [("holes", 1, True), ("both", 2, True), ("maybe", 2, False)]:
        got = evidence_of(name, Missing, np.nan, None)
        assert got.code_known.tolist() == [True, False, False]
        assert got.codes[0] == last
        assert got.score_known.tolist() == [number, False, False]


def test_single_precision_numbers_are_found_whatever_they_are_written_in():
    codec = codec_of("single")
    in_double, in_single = evidence_of("single", 0.3), evidence_of("single", np.float32(0.3))
    assert in_double.scores == in_single.scores
    assert float(np.float32(0.3)) != 0.3  # otherwise this shows nothing
    assert covered(codec, 0.3, 0.3) is None  # what would happen without rounding
    low, high = evidence_of("single", Between(0.3, 0.3)).intervals[0, 0]
    assert low < in_double.scores[0] < high


# --- restrictions ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["real", "count", "wide", "single"])
@pytest.mark.parametrize("bounds", [(0.2, 0.7), (None, 0.4), (0.9, None), (0.5, 0.52)])
def test_between_covers_the_mass_of_its_numbers_and_both_ends(name, bounds):
    column = FRAME[name].sort_values().to_numpy()
    low, high = (None if q is None else column[int(q * ROWS)] for q in bounds)
    got = evidence_of(name, Between(low, high))
    assert got.bounded.all()
    assert not got.score_known.any()
    ends = got.intervals[0, 0]
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    mass = ((column >= low) & (column <= high)).mean()
    assert abs(np.diff(ndtr(ends))[0] - mass) < 2e-3
    inside = np.clip(ends, -8, 8)
    first, last = (float(decoded(name, score)) for score in inside)
    possible = column[(column >= low) & (column <= high)]
    within = np.abs(np.array([first - possible[0], last - possible[-1]]))
    assert (within <= 1e-5).all()
    if name in ("count", "wide"):  # beyond the ends lie the next numbers of the lattice
        assert np.isinf(ends[0]) or decoded(name, ends[0] - 1e-4) < low
        assert np.isinf(ends[1]) or decoded(name, ends[1] + 1e-4) > high


def test_between_weighs_events():
    got = evidence_of("both", Between(0, 6), Between(None, 1), Between(5, 6), Between())
    no = -np.inf
    assert got.log_weights[[0, 2, 3]].tolist() == [[0, 0, no], [0, no, no], [0, 0, no]]
    assert got.bounded.tolist() == [True, False, True, True]
    assert got.intervals[3].tolist() == [[-np.inf, np.inf]]
    # Nothing but the atom lies below 1, so that is known.
    assert (got.code_known[1], got.codes[1], got.scores[1]) == (True, 1, 0)


def test_between_on_values_that_are_all_events_chooses_among_them():
    got = evidence_of("stars", Between(2, 3.5), Between(4.5, None))
    assert np.isneginf(got.log_weights[0]).tolist() == [True, False, False, True, True]
    assert not got.bounded.any()
    assert (got.code_known[1], got.codes[1]) == (True, 4)


def test_between_equal_bounds_is_that_number():
    for name, value in [("count", 400), ("wide", int(FRAME["wide"].iloc[0]))]:
        assert evidence_of(name, Between(value, value)).bounded.all()
        ends = evidence_of(name, Between(value, value)).intervals[0, 0]
        assert decoded(name, ends.mean()) == value
    real = float(FRAME["real"].iloc[0])
    assert evidence_of("gain", Between(0, 0)).codes.tolist() == [1]
    with pytest.raises(DataError, match=r"Column 'real': no possible value satisfies Between"):
        evidence_of("real", Between(real + 1e-13, real + 1e-13))


def test_one_of_is_a_set_of_codes():
    no = -np.inf
    got = evidence_of("maybe", OneOf(["u", Missing]), OneOf(["v"]), OneOf(["v", "u"]))
    assert got.log_weights[0].tolist() == [0, no, 0]
    assert (got.code_known[1], got.codes[1]) == (True, 1)
    assert got.log_weights[2].tolist() == [0, 0, no]
    got = evidence_of("stars", OneOf([1, 5.0]))
    assert np.isfinite(got.log_weights[0]).tolist() == [True, False, False, False, True]


def stretches(name, evidence, row=0):
    """Decode the ends of the intervals of a row; the empty ones, at the end, are left out."""
    bounds = evidence.intervals[row]
    is_empty = bounds[:, 0] > bounds[:, 1]
    assert (np.diff(is_empty.astype(int)) >= 0).all()
    assert (bounds[is_empty] == [np.inf, -np.inf]).all()
    return [tuple(decoded(name, end) for end in ends) for ends in np.clip(bounds[~is_empty], -8, 8)]


def test_one_of_numbers_takes_events_and_stretches_of_neighbours():
    no = -np.inf
    got = evidence_of("both", OneOf([0, Missing]))
    assert got.log_weights[0].tolist() == [no, 0, 0]
    got = evidence_of("hours", OneOf([50, 49, 40]), OneOf([60, 70, 71, 50, 20]), OneOf([40]), None)
    assert got.log_weights.tolist() == [[0, 0], [0, no], [0, 0], [0, 0]]
    assert got.bounded.tolist() == [True, True, False, False]
    assert got.intervals.shape == (4, 4, 2)
    assert stretches("hours", got) == [(49, 50)]
    assert stretches("hours", got, 1) == [(20, 20), (50, 50), (60, 60), (70, 71)]
    assert (got.code_known[2], got.codes[2]) == (True, 1)
    # The event 40 has no place among the others, so that nothing is between 39 and 41.
    assert stretches("hours", evidence_of("hours", OneOf([41, 39]))) == [(39, 41)]


@pytest.mark.parametrize("name", ["count", "hours", "single"])
def test_one_of_numbers_covers_the_mass_of_each(name):
    column = FRAME[name].sort_values(ignore_index=True)
    column = column[column != 40].reset_index(drop=True)  # an event of "hours"
    values = [column[int(q * (len(column) - 1))] for q in (0.01, 0.12, 0.3, 0.8, 1)]
    got = evidence_of(name, OneOf(values))
    assert stretches(name, got) == [(value, value) for value in values]
    mass = np.diff(ndtr(got.intervals[0]))[:, 0]
    share = [(column == value).mean() for value in values]
    np.testing.assert_allclose(mass, share, rtol=0.01)


def test_one_of_numbers_that_have_next_to_no_mass_is_refused_unless_it_is_one():
    one, *_, other = FRAME["wide"].drop_duplicates().iloc[:9].sort_values()
    for cells in ([one, other], [other, one, one + 5]):
        with pytest.raises(DataError, match=r"'wide' holds so many different numbers.*plain value"):
            evidence_of("wide", OneOf(cells))
    assert stretches("wide", evidence_of("wide", OneOf([one]))) == [(one, one)]
    run = range(one, one + 500, 5)
    assert stretches("wide", evidence_of("wide", OneOf(run))) == [(one, one + 495)]


def test_one_of_one_number_too_narrow_for_an_interval_is_that_number():
    frame = pd.DataFrame({"id": RNG.integers(0, 2**45, ROWS)})
    codec = fit_codec(frame)
    asked = read_conditions({"id": OneOf(frame["id"][:1])}, codec.schema).columns["id"]
    got = column_evidence(codec.codecs[0], codec.schema["id"], asked)
    assert got.score_known.all()
    assert not got.bounded.any()


def test_present_excludes_the_missing_event_alone():
    no = -np.inf
    for name, weights in {"both": [0, 0, no], "maybe": [0, 0, no]}.items():
        asked = read_conditions({name: Missing}, CODEC.schema).columns[name]
        asked = type(asked)(asked.values, {PRESENT: np.array([0])})
        got = column_evidence(codec_of(name), CODEC.schema[name], asked)
        assert got.log_weights[0].tolist() == weights
        assert not got.bounded.any()
    asked = type(asked)(asked.values, {PRESENT: np.array([0])})
    got = column_evidence(codec_of("holes"), CODEC.schema["holes"], asked)
    # One event is left: it is known, and the number is open.
    assert (got.code_known[0], got.codes[0], got.score_known[0]) == (True, 0, False)


# --- soft evidence -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["real", "count", "wide", "single"])
@pytest.mark.parametrize("place", [0.01, 0.3, 0.9])
def test_approx_leaves_the_moments_that_a_measurement_leaves(name, place):
    """By itself a column is N(0, 1) in scores, so its law given the state is in closed form."""
    column = FRAME[name].astype(float)
    value, sd = float(column.quantile(place)), 0.3 * float(column.std())
    got = evidence_of(name, Approx(value, sd))
    phi = math.pi * got.times[0] / 2
    weight = np.exp(-0.5 * ((column - value) / sd) ** 2)
    scores = ndtri((column.rank() - 0.5) / ROWS)
    mean = np.average(scores, weights=weight)
    spread = math.sqrt(np.average((scores - mean) ** 2, weights=weight))
    assert abs(math.cos(phi) * got.scores[0] - mean) < 0.03
    assert abs(math.sin(phi) - spread) < 0.02
    assert got.score_known.all()
    assert not got.weighted.any()


def test_approx_weighs_atoms_by_their_likelihood():
    value, sd = 300, 200
    got = evidence_of("gain", Approx(value, sd))
    assert got.score_known.all()
    assert not got.code_known.any()
    others = FRAME["gain"][FRAME["gain"] > 0]
    average = np.exp(-0.5 * ((others - value) / sd) ** 2).mean()
    weight = -0.5 * (value / sd) ** 2 - math.log(average)
    np.testing.assert_allclose(got.log_weights[0], [0, weight], atol=0.02)
    got = evidence_of("stars", Approx(3, 0.5))
    np.testing.assert_allclose(got.log_weights[0], -0.5 * (np.arange(-2, 3) / 0.5) ** 2)
    assert not got.times.any()
    assert np.isneginf(evidence_of("both", Approx(3, 0.5)).log_weights[0, 2])
    got = evidence_of("holes", Approx(0, 0.5))  # no atoms: it is a number
    assert (got.code_known[0], got.codes[0], got.weighted[0]) == (True, 0, False)


def test_weight_of_an_atom_is_that_of_the_state_where_the_scores_are_straight():
    """With normal numbers the density of the state is known, and with it the weight."""
    numbers = ndtri((np.arange(ROWS) + 0.5) / ROWS)
    codec = fit_codec(pd.DataFrame({"x": np.append(numbers, [9.0] * ROWS)}))
    asked = read_conditions({"x": Approx(0.5, 1.5)}, codec.schema).columns["x"]
    got = column_evidence(codec.codecs[0], codec.schema["x"], asked)
    phi, state = math.pi * got.times[0] / 2, got.scores[0]
    assert abs(math.tan(phi) - 1.5) < 0.02
    assert abs(state - 0.5 * math.cos(phi)) < 0.01
    weight = -0.5 * ((9 - 0.5) / 1.5) ** 2 + state**2 / 2 - math.log(math.sin(phi))
    assert abs(got.log_weights[0, 1] - weight) < 0.02


@pytest.mark.parametrize(("value", "sd"), [(1e20, 1), (1e300, 1e-3), (-1e300, 1e-300)])
def test_approx_at_any_distance_or_precision_is_the_nearest_number(value, sd):
    end = value > 0
    stars = evidence_of("stars", Approx(value, sd)).log_weights[0]
    assert np.argmax(stars) == (len(stars) - 1 if end else 0)
    assert np.isfinite(stars).all()
    assert (np.delete(stars, np.argmax(stars)) < -1000).all()
    for name in ("real", "single", "wide", "both"):
        got = evidence_of(name, Approx(value, sd))
        assert np.sign(got.scores[0]) == np.sign(value)
        assert 0 < got.times[0] < 1
        with np.errstate(over="raise"):
            assert not np.isinf(got.log_weights[:, :2].astype(np.float32)).any()


def test_wider_noise_is_later():
    for name, sds in {"real": [1e-3, 0.1, 1, 10, 1e6], "wide": [10, 1e5, 1e6, 1e7]}.items():
        middle = float(FRAME[name].median())
        times = evidence_of(name, *(Approx(middle, sd) for sd in sds)).times
        assert (np.diff(times) > 0).all()
        assert ((times > 0) & (times < 1)).all()


@pytest.mark.parametrize("distance", [0.1, 1, 10, 1000])
def test_approx_far_beyond_the_range_is_the_end(distance):
    low, high = seen_range(codec_of("wide"))
    got = evidence_of("wide", Approx(high + distance * (high - low), (high - low) / 10))
    assert "outside the range seen" in got.note
    assert 0 < got.times[0] < 1
    assert 1 < got.scores[0] < 6


def test_scores_increase_without_steps():
    for name in ("real", "count", "wide", "single", "gain"):
        codec = codec_of(name)
        values = np.linspace(*seen_range(codec), 5001)
        scores = score_at(codec, values)
        assert (np.diff(scores) >= 0).all()
        assert np.isfinite(scores).all()
        assert np.diff(scores).max() < 0.7


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cell", "error", "message"),
    [
        ("city", Between(1, 2), DataTypeError, r"'city' is categorical.* needs numbers.*OneOf"),
        ("flag", Approx(1, 2), DataTypeError, r"'flag' is boolean"),
        ("city", Missing, DataError, r"'city' has no missing values in the training data"),
        ("city", OneOf(["a", Missing]), DataError, r"'city' has no missing values"),
        ("real", Missing, DataError, r"'real' has no missing values.*write None or NaN"),
        ("city", "z", DataError, r"'city': 1 of 1 values were never seen.*Known: 'a', 'b', 'c'"),
        ("city", OneOf(["a", "z"]), DataError, r"never seen.*'z'"),
        ("stars", Between(5.5, 9), DataError, r"'stars': no possible .*hold 1, 2, 3, 4, 5\."),
        ("stars", OneOf([2.5]), DataError, r"no possible value satisfies 2\.5 of OneOf"),
        ("count", Between(400.2, 400.8), DataError, r"no possible.*between .* in steps of 1\."),
        ("count", Between(10**6, None), DataError, r"no possible value satisfies Between"),
        (
            "real",
            OneOf([0.5, 1]),
            DataError,
            r"a single one has no .*satisfies 0\.5 of OneOf\. Write",
        ),
        (
            "gain",
            OneOf([0, 17.25]),
            DataError,
            r"satisfies 17\.25 of OneOf\. Write Between.*Approx",
        ),
        ("real", OneOf([1e9]), DataError, r"no possible value satisfies .* lie between"),
        ("hours", OneOf([40, 50.5]), DataError, r"no possible value satisfies 50\.5 of OneOf"),
        ("count", OneOf(["a"]), DataTypeError, r"'count' holds numbers; OneOf has 'a' of type str"),
        ("count", 37.5, DataError, r"whole numbers \(int64\).*37\.5.*Write 37 or 38, Between\("),
        ("count", "37", DataTypeError, r"'count': 1 of 1 values are not numbers"),
        ("count", True, DataTypeError, r"'count' holds numbers; got True of type bool \(row 0\)"),
        ("count", 1j, DataTypeError, r"'count' holds numbers; got 1j of type complex"),
        ("real", math.inf, DataError, r"'real': 1 of 1 values are infinite"),
        ("real", [1, 2], DataTypeError, r"'real' is \[1, 2\] of type list.*OneOf\(\[\.\.\.\]\)"),
        ("same", 8, DataError, r"'same': 1 of 1 values were never seen.*Known: 7"),
        ("same", Between(8, 9), DataError, r"'same' is constant: every value is 7, which does not"),
        ("same", OneOf([8]), DataError, r"'same' is constant"),
    ],
)
def test_condition_that_cannot_be_is_refused(name, cell, error, message):
    with pytest.raises(error, match=message):
        evidence_of(name, cell)


@pytest.mark.parametrize("cell", [7, 7.0, Between(0, 10), OneOf([7, 9]), Approx(3, 1), None])
def test_condition_that_a_constant_satisfies_says_nothing(cell):
    got = evidence_of("same", cell)
    assert not (got.code_known | got.score_known | got.weighted | got.bounded).any()


def test_numbers_never_seen_are_noted():
    assert evidence_of("count", 400, None).note == ""
    assert (
        "column 'count': 1 of 2 values are outside the range" in evidence_of("count", 1, 400).note
    )
    frame = pd.DataFrame({"x": [1.0, 2.0, 4.0] * 20})
    codec = fit_codec(frame)
    asked = read_conditions({"x": 3}, codec.schema).columns["x"]
    note = column_evidence(codec.codecs[0], codec.schema["x"], asked).note
    assert "1 of 1 values are not among the 3 numbers seen in training (first: 3, row 0)" in note


# --- answers -----------------------------------------------------------------------------------


def test_drawn_numbers_are_within_bounds_to_the_last_bit_and_given_ones_are_as_they_were():
    asked = read_conditions({"real": Between(-0.1, 0.5), "gain": 0.1 + 0.2}, CODEC.schema)
    drawn = FRAME.head(3).assign(real=[0.5 + 1e-9, 0.25, -0.1 - 1e-9], gain=0.3)
    answer = with_given(drawn, CODEC, asked, np.zeros(3, dtype=np.intp))
    assert answer["real"].tolist() == [0.5, 0.25, -0.1]
    assert answer["gain"].tolist() == [0.1 + 0.2] * 3
    others = FRAME.columns.drop(["real", "gain"])
    pd.testing.assert_frame_equal(answer[others], drawn[others])


def test_restricted_whole_numbers_are_exact_where_float32_cannot_tell_neighbours_apart():
    codec = fit_codec(pd.DataFrame({"id": RNG.integers(2**30, 2**40, 200)}))
    low, high = 2**39, 2**39 + 10
    cells = [Between(low, high), Between(low + 0.5, high), OneOf([low + 3]), None]
    asked = read_conditions([{"id": cell} for cell in cells], codec.schema)
    rows = np.repeat(np.arange(4), 2)
    drawn = pd.DataFrame({"id": [low - 999, high + 999] * 4})
    answer = with_given(drawn, codec, asked, rows)["id"].tolist()
    assert answer == [low, high, low + 1, high, low + 3, low + 3, low - 999, high + 999]


def test_counts_are_shares_by_largest_remainder():
    assert level_counts({"a": 0.5, "b": 0.3, "c": 0.2}, 9) == {"a": 4, "b": 3, "c": 2}
    assert level_counts({"a": 0.29, "b": 0.71}, 100) == {"a": 29, "b": 71}
    assert level_counts({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, 10) == {"a": 4, "b": 3, "c": 3}
    assert level_counts({"a": 0.0, "b": 1.0}, 7) == {"a": 0, "b": 7}
    for rows in range(30):
        assert sum(level_counts({"a": 0.123, "b": 0.456, "c": 0.421}, rows).values()) == rows


def test_draws_of_numbers_become_one_possible_number():
    count, real, hours = (codec_of(name) for name in ("count", "real", "stars"))
    draws = [pd.Series([400, 401]), pd.Series([400, 405]), pd.Series([403, 410])]
    found = {
        how: aggregated(draws, how, count, CODEC.schema["count"]).tolist()
        for how in ("mean", "median", "mode")
    }
    assert found == {"mean": [401, 405], "median": [400, 405], "mode": [400, 405]}
    draws = [pd.Series([0.0]), pd.Series([1.0]), pd.Series([5.0])]
    assert aggregated(draws, "mean", real, CODEC.schema["real"]).tolist() == [2.0]
    draws = [pd.Series([1]), pd.Series([1]), pd.Series([5])]
    assert aggregated(draws, "mean", hours, CODEC.schema["stars"]).tolist() == [2]


@pytest.mark.parametrize("how", ["mean", "median", "mode"])
def test_draws_of_categories_become_the_most_frequent_one(how):
    draws = [pd.Series(["c", "a"]), pd.Series(["c", "b"]), pd.Series(["a", "b"])]
    found = aggregated(draws, how, codec_of("city"), CODEC.schema["city"])
    assert found.tolist() == ["c", "b"]


def test_holes_are_filled_in_the_dtype_of_the_column_where_that_can_hold_the_value():
    holes = np.array([True, False])
    for column, values, dtype in [
        (pd.Series([np.nan, 2.0]), pd.Series([7]), "float64"),
        (pd.Series([pd.NA, 2], dtype="Int64"), pd.Series([7]), "Int64"),
        (pd.Series([None, "a"], dtype="category"), pd.Series(["b"]), object),
        (pd.Series([None, "a"]), pd.Series(["b"], dtype="category"), object),
        (pd.Series([None, True]), pd.Series([False]), object),
    ]:
        full = filled(column, holes, values)
        assert full.dtype == dtype
        assert full.tolist() == [values[0], column[1]]
        assert column.isna().tolist() == [True, False]
