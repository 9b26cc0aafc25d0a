"""Missing cells, under three reasons for being missing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.impute import KNNImputer

from benchmarks.columns import Column
from benchmarks.questions.distances import Floats, energy_distance
from benchmarks.questions.holes import MECHANISMS, Mask, punch
from benchmarks.questions.iterative import ROUNDS, iterative
from benchmarks.questions.matrix import Matrix
from benchmarks.questions.question import Question, Scores
from benchmarks.questions.task import OURS, Task

DRAWS = 10
ROWS = 1000  # test rows to fill at most: each is drawn ten times for each mechanism
NEIGHBOURS = 5
KNN_ROWS, ITERATIVE_ROWS = 10_000, 2000  # train rows that each can use within seconds
ONE, MEAN = f"{OURS}, one draw", f"{OURS}, mean of {DRAWS}"
USUAL, KNN, ITERATIVE, POSTERIOR = (
    "mean or mode",
    "KNNImputer",
    "IterativeImputer",
    "IterativeImputer, posterior draw",
)
REAL, MARGINAL = "other real rows", "columns' marginals"

TEXT = f"""\
Holes in at most {ROWS:,} test rows, filled by `model.impute`. *{ONE}*: each of {DRAWS} draws
scored on its own, the scores averaged (energy distance: of the first). *{MEAN}*: the mean of the
draws, for a category their mode.

- **MCAR**: each cell is missing with probability .3.
- **MAR**: a random 30 % of the columns stay whole. In each other column a cell is missing with
  probability logistic(2 s + b): s is a random normal combination of the signals of the whole
  columns, standardised; b makes the mean .3. The signal of a number is its rank, that of a
  category the rank of its level in a random order of the levels.
- **MNAR**: the same law, where s is the standardised signal of the hidden value itself.

*RMSE*: over the missing numbers of all columns, in standard deviations of the train rows.
*Accuracy*: over the missing categories. *Energy*: the energy distance between the completed rows
and the true ones times 1,000, on standardised numbers and one-hot categories (two levels 1
apart); it sees what means hide, that filled cells are too alike. RMSE and accuracy ask for the
middle of a law, energy for a draw from it: no one table is best in both. *{USUAL}* and
*{MARGINAL}* (draws) use all train rows. scikit-learn's imputers work on the same standardised
matrix, where the largest of a category's cells wins: `KNNImputer(n_neighbors={NEIGHBOURS})` with
{KNN_ROWS:,} train rows, and `IterativeImputer(max_iter={ROUNDS})`, Bayesian ridge, with
{ITERATIVE_ROWS:,} stacked on the test rows and the most frequent level of each category left out
(with all levels a category's cells explain each other, and none is ever filled by anything but
the mode); *{POSTERIOR}* samples its predictive law. *{REAL}*: as many train rows in place of the
filled ones."""


def ask(question: Question, model: Any) -> Scores:
    """Fill the holes by the model."""
    truth, matrix = question.asked(ROWS), Matrix.fit(question.train, question.categorical)
    scores: Scores = {ONE: {}, MEAN: {}}
    for name in MECHANISMS:
        holes = punched(truth, name, question)
        draws = model.impute(punch(truth, holes), n_draws=DRAWS, random_state=question.seed)
        for method, tables in ((ONE, draws), (MEAN, [combined(draws, question)])):
            scores[method] |= score(tables, truth, holes, matrix, name)
    return scores


def baselines(question: Question) -> Scores:
    """Fill the holes by what is usual."""
    truth, matrix = question.asked(ROWS), Matrix.fit(question.train, question.categorical)
    scores: Scores = {}
    for name in MECHANISMS:
        holes = punched(truth, name, question)
        for method, table in filled(punch(truth, holes), matrix, question).items():
            scores.setdefault(method, {}).update(score([table], truth, holes, matrix, name))
        others = matrix(question.known(len(truth)))
        energy = 1e3 * energy_distance(others, matrix(truth))
        scores.setdefault(REAL, {})[f"{name}_energy"] = energy
    return scores


def punched(truth: pd.DataFrame, mechanism: str, question: Question) -> Mask:
    """Make the holes of one mechanism."""
    return MECHANISMS[mechanism](truth, question.random(mechanism))


def filled(holed: pd.DataFrame, matrix: Matrix, question: Question) -> dict[str, pd.DataFrame]:
    """Fill a table by each baseline."""
    random = question.random("fill")
    usual = {
        name: (column.mode()[0] if name in question.categorical else column.mean())
        for name, column in question.train.items()
    }
    draws = {
        name: column.to_numpy()[random.integers(len(column), size=len(holed))]
        for name, column in question.train.items()
    }
    cells, rows = matrix(holed), matrix(question.known(ITERATIVE_ROWS))
    neighbours = KNNImputer(n_neighbors=NEIGHBOURS).fit(matrix(question.known(KNN_ROWS)))
    solved = {
        KNN: neighbours.transform(cells),
        ITERATIVE: iterative(rows, cells, matrix, question.seed),
        POSTERIOR: iterative(rows, cells, matrix, question.seed, posterior=True),
    }
    return {
        USUAL: holed.fillna(usual),
        MARGINAL: holed.fillna(pd.DataFrame(draws, index=holed.index)),
        **{name: _back(each, holed, matrix) for name, each in solved.items()},
    }


def combined(draws: Sequence[pd.DataFrame], question: Question) -> pd.DataFrame:
    """Mean of the draws of numbers; of categories the most frequent draw, the first of ties."""
    columns = {}
    for name in question.columns:
        stacked = pd.concat([draw[name] for draw in draws], axis=1)
        if name in question.categorical:
            columns[name] = stacked.mode(axis=1)[0]
        else:
            columns[name] = stacked.astype(np.float64).mean(axis=1)
    return pd.DataFrame(columns)


def score(
    tables: Sequence[pd.DataFrame], truth: pd.DataFrame, holes: Mask, matrix: Matrix, prefix: str
) -> dict[str, float]:
    """Score filled tables on average; the first alone for the energy distance."""
    numbers = [place for place, name in enumerate(matrix.names) if name in matrix.scales]
    classes = [place for place, name in enumerate(matrix.names) if name in matrix.levels]
    spread = matrix.spread(holes)
    is_number = np.concatenate(
        [np.full(s.stop - s.start, name in matrix.scales) for name, s in matrix.slices.items()]
    )
    exact, squares, right = matrix(truth), [], []
    for table in tables:
        differences = (matrix(table[matrix.names]) - exact)[:, is_number]
        squares.append(_mean(differences[spread[:, is_number]] ** 2))
        same = table[matrix.names].to_numpy(object) == truth.to_numpy(object)
        right.append(_mean(same[:, classes][holes[:, classes]]))
    scores = {f"{prefix}_energy": 1e3 * energy_distance(matrix(tables[0][matrix.names]), exact)}
    if numbers:
        scores[f"{prefix}_rmse"] = float(np.sqrt(np.mean(squares)))
    if classes:
        scores[f"{prefix}_accuracy"] = float(np.mean(right))
    return scores


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _back(cells: Floats, holed: pd.DataFrame, matrix: Matrix) -> pd.DataFrame:
    """Decode solved cells, and keep what was seen as it was."""
    return holed.fillna(matrix.decode(cells).set_axis(holed.index, axis=0))


TASK = Task(
    name="imputation",
    title="Missing cells",
    text=TEXT,
    tables={
        name.upper(): (
            Column(f"{name}_rmse", "RMSE", better="down"),
            Column(f"{name}_accuracy", "Accuracy"),
            Column(f"{name}_energy", "Energy", digits=2, better="down"),
        )
        for name in MECHANISMS
    },
    baselines=baselines,
    ask=ask,
    bounds=frozenset({REAL, MARGINAL}),
)
