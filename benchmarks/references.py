"""The two rows every table needs: real rows as ceiling, shuffled columns as floor.

They do not depend on any model, so they are computed once and kept, under a key of everything
that can move them: the code of the metrics, the data, the libraries. The files in
``benchmarks/references/`` are committed; where their key is not this machine's, a run computes
the rows anew (seconds) and keeps them beside its own results.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import scores as scores_module
from benchmarks.data import Dataset
from benchmarks.environment import METRIC_LIBRARIES, versions
from benchmarks.scores import Scores, evaluate

FOLDER = Path(__file__).resolve().parent / "references"
METRICS = Path(__file__).resolve().parent / "metrics"
SHUFFLE_SEED = 0
SCORE_NAMES = ("shape", "trend", "mle", "c2st", "c2st_holdout")

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class References:
    """Scores of the two reference rows.

    Parameters
    ----------
    real : dict of str to float
        Shape, Trend, XGB-C2ST of the real test rows against the train rows; MLE of the real train
        rows. ``c2st_holdout`` is of equally many train and test rows.
    shuffled : dict of str to float
        The same of the train rows with each column permuted on its own.
    key : dict
        What the scores depend on.
    """

    real: dict[str, float]
    shuffled: dict[str, float]
    key: dict[str, Any]


def key(dataset: Dataset) -> dict[str, Any]:
    """Everything that can move a reference score."""
    return {
        "metrics": code_digest(),
        "data": dataset.sha256,
        "rows": [len(dataset.train), len(dataset.test)],
        "libraries": versions(METRIC_LIBRARIES),
    }


def code_digest() -> str:
    """Digest of the source of the metrics, line ends aside."""
    files = [*sorted(METRICS.glob("*.py")), Path(scores_module.__file__), Path(__file__)]
    sources = (path.read_text(encoding="utf-8") for path in files)
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]


def committed(name: str) -> Path:
    """File of the committed references of a data set."""
    return FOLDER / f"{name}.json"


def find(dataset: Dataset, places: list[Path]) -> References | None:
    """First file whose key is this machine's."""
    wanted = key(dataset)
    for path in places:
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["key"] == wanted:
                return References(found["real"], found["shuffled"], found["key"])
    return None


def compute(dataset: Dataset, progress: Progress) -> References:
    """Score the two reference rows."""
    shuffled = shuffle_columns(dataset.train, SHUFFLE_SEED)
    return References(
        real=_plain(evaluate(dataset, dataset.test, for_utility=dataset.train, progress=progress)),
        shuffled=_plain(evaluate(dataset, shuffled, progress=progress)),
        key=key(dataset),
    )


def save(references: References, path: Path) -> None:
    """Write references as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "key": references.key,
        "real": references.real,
        "shuffled": references.shuffled,
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def shuffle_columns(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Permute each column on its own: marginals kept, every dependence gone."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {name: column.to_numpy()[rng.permutation(len(table))] for name, column in table.items()}
    )


def _plain(scores: Scores) -> dict[str, float]:
    return {name: getattr(scores, name) for name in SCORE_NAMES}
