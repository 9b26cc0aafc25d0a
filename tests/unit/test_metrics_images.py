"""Distances between laws of features: each against its definition, written out literally."""

import itertools

import numpy as np
import pytest
from scipy import linalg
from scipy.spatial.distance import cdist

from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.metrics import (
    KernelDistance,
    PrecisionRecall,
    extract_features,
    frechet_distance,
    kernel_distance,
    precision_recall,
)
from tests.oracles import largest_z

METRICS = [frechet_distance, kernel_distance, precision_recall]


def features(rows: int, columns: int, seed: int) -> np.ndarray:
    """Draw correlated rows about a mean."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(columns, columns))
    return rng.normal(size=(rows, columns)) @ mixing + rng.normal(size=columns)


def gaussian(rows: int, mean: np.ndarray, covariance: np.ndarray, seed: int) -> np.ndarray:
    """Rows whose sample mean and sample covariance are exactly the given ones."""
    white = np.random.default_rng(seed).normal(size=(rows, len(mean)))
    white -= white.mean(axis=0)
    white = linalg.solve_triangular(linalg.cholesky(np.cov(white.T)), white.T, trans="T").T
    return mean + white @ linalg.sqrtm(covariance).real


def literal_frechet(real: np.ndarray, made: np.ndarray) -> float:
    ours, theirs = np.cov(real.T), np.cov(made.T)
    root = linalg.sqrtm(ours @ theirs).real
    shift = real.mean(axis=0) - made.mean(axis=0)
    return float(shift @ shift + np.trace(ours + theirs - 2 * root))


@pytest.mark.parametrize(("rows", "columns"), [(30, 2), (200, 16), (65, 64)])
def test_frechet_distance_is_the_one_with_the_root_of_the_product(rows, columns):
    real, made = features(rows, columns, 0), features(rows + 7, columns, 1)
    assert frechet_distance(real, made) == pytest.approx(literal_frechet(real, made), rel=1e-6)
    assert frechet_distance(made, real) == pytest.approx(frechet_distance(real, made), rel=1e-9)


def test_frechet_distance_of_gaussians_whose_covariances_commute():
    """With common axes the formula is the sum of squared differences of standard deviations."""
    axes = linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    sds = np.array([[3.0, 2.0, 1.0, 0.5, 0.1, 1e-6], [1.0, 2.5, 1.0, 0.1, 0.4, 1e-5]])
    means = np.random.default_rng(1).normal(size=(2, 6))
    real, made = (
        gaussian(50, mean, axes @ np.diag(sd**2) @ axes.T, seed)
        for mean, sd, seed in zip(means, sds, (2, 3), strict=True)
    )
    exact = ((means[0] - means[1]) ** 2).sum() + ((sds[0] - sds[1]) ** 2).sum()
    assert frechet_distance(real, made) == pytest.approx(exact, rel=1e-7)


def test_frechet_distance_sees_a_sign_of_a_correlation():
    """Every mean and variance agrees, and yet the laws differ."""
    rho = 0.6
    real, made = (
        gaussian(40, np.zeros(2), np.array([[1.0, sign * rho], [sign * rho, 1.0]]), 0)
        for sign in (1, -1)
    )
    exact = 2 * (np.sqrt(1 + rho) - np.sqrt(1 - rho)) ** 2
    assert frechet_distance(real, made) == pytest.approx(exact, rel=1e-7)
    assert exact > 0.5


@pytest.mark.parametrize(("rows", "columns"), [(20, 3), (10, 40)])
def test_frechet_distance_of_shifted_features_is_the_shift(rows, columns):
    """Also with fewer rows than features, where no covariance has an inverse."""
    real, shift = features(rows, columns, 0), np.linspace(-1, 2, columns)
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-10)
    moved = real[::-1] + shift
    assert frechet_distance(real, moved) == pytest.approx((shift**2).sum(), rel=1e-9)


def test_frechet_distance_ignores_features_that_never_vary():
    real, made = features(30, 4, 0), features(30, 4, 1)
    dead = [np.hstack([each, np.full((30, 3), 5.0)]) for each in (real, made)]
    assert frechet_distance(*dead) == pytest.approx(frechet_distance(real, made), rel=1e-9)


def kernel(x: np.ndarray, y: np.ndarray) -> float:
    return (float(np.dot(x, y)) / len(x) + 1) ** 3


def literal_kernel_distance(real: np.ndarray, made: np.ndarray) -> float:
    def within(rows):
        return np.mean([kernel(x, y) for x, y in itertools.permutations(rows, 2)])

    across = np.mean([kernel(x, y) for x in real for y in made])
    return float(within(real) + within(made) - 2 * across)


def test_kernel_distance_is_the_mean_over_pairs_of_different_rows():
    real, made = features(7, 3, 0), features(9, 3, 1)
    found = kernel_distance(real, made)
    assert found.mean == pytest.approx(literal_kernel_distance(real, made), rel=1e-9)
    assert found.std == 0


def test_subsets_estimate_what_all_rows_give():
    """The estimate from all rows is the mean over all subsets, as for any U-statistic."""
    real, made = features(12, 2, 0), features(12, 2, 1)
    exact = literal_kernel_distance(real, made)
    subsets = 4000
    found = kernel_distance(real, made, subsets=subsets, subset_size=6, seed=0)
    assert found.std > 0
    assert abs(found.mean - exact) < largest_z() * found.std / np.sqrt(subsets)
    # The control keeps the pairs of a row with itself.
    with_itself = np.mean([kernel(x, x) for x in real]) + np.mean([kernel(x, x) for x in made])
    bias = (with_itself + exact) / 6
    assert abs(bias) > 2 * largest_z() * found.std / np.sqrt(subsets)


def test_kernel_distance_is_unbiased_for_the_squared_differences_of_three_moments():
    """In one dimension, ``(xy + 1)³`` compares the first three moments with weights 3, 3, 1."""
    shift, runs, rows = 0.4, 2000, 20
    rng = np.random.default_rng(0)
    for m, law in ((shift, shift), (0.0, 0.0)):
        exact = 3 * m**2 + 3 * m**4 + (m**3 + 3 * m) ** 2
        estimates = [
            kernel_distance(rng.normal(size=(rows, 1)), rng.normal(law, size=(rows, 1))).mean
            for _ in range(runs)
        ]
        error = np.std(estimates) / np.sqrt(runs)
        assert abs(np.mean(estimates) - exact) < largest_z() * error
        # A control: the same draws do not agree with another shift.
        assert abs(np.mean(estimates) - 3) > largest_z() * error


def test_kernel_distance_depends_on_its_seed_alone():
    real, made = features(50, 4, 0), features(60, 4, 1)
    one, same, other = (
        kernel_distance(real, made, subsets=5, subset_size=10, seed=s) for s in (3, 3, 4)
    )
    assert one == same != other
    assert isinstance(one, KernelDistance)


def literal_precision_recall(real: np.ndarray, made: np.ndarray, k: int) -> PrecisionRecall:
    def inside(point, others):
        for i, center in enumerate(others):
            radius = sorted(
                np.linalg.norm(center - other) for j, other in enumerate(others) if j != i
            )[k - 1]
            if np.linalg.norm(point - center) <= radius:
                return True
        return False

    return PrecisionRecall(
        float(np.mean([inside(x, real) for x in made])),
        float(np.mean([inside(x, made) for x in real])),
    )


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_and_recall_are_shares_of_points_in_balls(k):
    real, made = features(20, 3, 0), 1.5 * features(25, 3, 1)
    found, literal = precision_recall(real, made, k=k), literal_precision_recall(real, made, k)
    assert found.precision == pytest.approx(literal.precision)
    assert found.recall == pytest.approx(literal.recall)
    assert 0 < found.precision < 1
    assert 0 < found.recall < 1


def test_blocks_of_rows_change_nothing():
    real, made = features(1100, 3, 0), 1.5 * features(700, 3, 1)
    shares = []
    for points, others in ((made, real), (real, made)):
        radii = np.sort(cdist(others, others), axis=1)[:, 3]  # at 0 each row itself
        shares.append((cdist(points, others) <= radii).any(axis=1).mean())
    assert precision_recall(real, made) == PrecisionRecall(*map(float, shares))


def test_a_copy_has_full_precision_and_recall_even_with_repeated_rows():
    """The balls of repeated rows have the radius 0, and rounding must not push them out."""
    once = features(300, 37, 0)
    real = np.repeat(once, 4, axis=0)
    assert precision_recall(real, np.tile(once, (5, 1))) == PrecisionRecall(1.0, 1.0)
    assert precision_recall(real, real + 0.01) == PrecisionRecall(0.0, 0.0)
    # Products of other shapes round otherwise.
    for rows, columns in ((301, 37), (51, 129)):
        once = features(rows, columns, 0)
        assert precision_recall(np.repeat(once, 2, axis=0), once[:5], k=1).precision == 1.0


def test_disjoint_sets_have_neither():
    real = features(40, 3, 0)
    assert precision_recall(real, real + 1000) == PrecisionRecall(0.0, 0.0)


def test_a_part_of_the_real_rows_is_precise_and_recalls_itself():
    near, far = features(40, 3, 0), features(60, 3, 1) + 1000
    both = np.concatenate([near, far])
    assert precision_recall(both, near) == PrecisionRecall(1.0, 0.4)
    assert precision_recall(near, both) == PrecisionRecall(0.4, 1.0)


def test_features_are_extracted_in_order_whatever_the_batch():
    images = np.random.default_rng(0).random((7, 4, 5))
    seen = []

    def extractor(batch):
        seen.append(len(batch))
        return batch.reshape(len(batch), -1).astype(np.float32)

    found = extract_features(extractor, images, batch_size=3)
    assert seen == [3, 3, 1]
    assert found == pytest.approx(images.reshape(7, -1), abs=1e-7)


def test_extractor_that_gives_maps_is_refused():
    with pytest.raises(DataError, match=r"for 7 images it gave shape \(7, 4, 5\)"):
        extract_features(lambda batch: batch, np.zeros((7, 4, 5)))
    with pytest.raises(DataError, match=r"shape \(0, 4, 5\)|got \(0, 4, 5\)"):
        extract_features(lambda batch: batch, np.zeros((0, 4, 5)))
    with pytest.raises(ParameterError, match="batch_size must be at least 1; got 0"):
        extract_features(lambda batch: batch, np.zeros((7, 4, 5)), batch_size=0)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (np.zeros(5), DataError, r"must have shape \(n, F\).*\(5,\)"),
        (np.zeros((5, 0)), DataError, r"must have shape \(n, F\).*\(5, 0\)"),
        (np.zeros((1, 3)), DataError, "has 1 rows; at least"),
        (np.zeros((9, 4)), DataError, "columns and features_made"),
        (np.full((9, 3), np.nan), DataError, r"27 of 27 values are not finite \(first: nan at"),
        (np.full((9, 3), np.inf), DataError, "not finite"),
        (np.full((9, 3), "a"), DataTypeError, "real numbers"),
        (np.zeros((9, 3), dtype=complex), DataTypeError, "real numbers"),
    ],
)
def test_features_that_cannot_be_compared_are_refused(metric, swapped, bad, error, words):
    good = features(9, 3, 0)
    with pytest.raises(error, match=words):
        metric(*((bad, good) if swapped else (good, bad)))


def test_parameters_out_of_range_are_refused():
    real = features(9, 3, 0)
    with pytest.raises(ParameterError, match="k must be at least 1; got 0"):
        precision_recall(real, real, k=0)
    with pytest.raises(DataError, match="has 9 rows; at least 10"):
        precision_recall(real, real, k=9)
    with pytest.raises(ParameterError, match="subsets must be at least 1"):
        kernel_distance(real, real, subsets=0)
    with pytest.raises(ParameterError, match="subset_size must be at least 2"):
        kernel_distance(real, real, subset_size=1)
