"""The rows every table of results needs beside it: what is best, what copying gets, and the floor.

They do not depend on any model, so they are computed once and kept, under a key of everything
that can move them: the code of the metrics, the data, the libraries. The files in
``benchmarks/references/``, one for each data set and split, are committed and made by
``python -m benchmarks references NAME``; where their key is not this machine's, a run computes the
rows anew (minutes) and keeps them beside its own results.
"""

import ast
import hashlib
import io
import json
import math
import tokenize
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

import tabdiffuse.metrics
from benchmarks import scores as scores_module
from benchmarks.data import Dataset
from benchmarks.environment import METRIC_LIBRARIES, versions
from benchmarks.scores import Scores, evaluate
from tabdiffuse.metrics.rows import shuffle_columns

FOLDER = Path(__file__).resolve().parent / "references"
METRICS = Path(tabdiffuse.metrics.__file__).resolve().parent
REPORTING = ("__init__", "evaluation", "inputs", "judge", "report")  # move no score of a benchmark
DRAW_SEED = 0
SCORE_NAMES = tuple(f.name for f in fields(Scores) if f.name not in ("detail", "seconds"))

Progress = Callable[[str, float], None]
Row = dict[str, Any]  # a number or None


@dataclass(frozen=True)
class References:
    """Scores of the reference rows.

    A score is None where it is not finite, or does not apply to the split.

    Parameters
    ----------
    real : dict of str to float or None
        The real test rows in place of synthetic ones, so that what remains is the noise of finite
        tables; there may be far fewer of them than train rows, which costs Shape and Trend. MLE is
        that of the train rows, and ``c2st_holdout`` compares equally many train and test rows.
        ``dcr_share`` and ``nn_ratio`` are those of a random half of the test rows, as near to
        equally many train rows as to the other half: rows that nothing has seen, about .5 and 1.
    bootstrap : dict of str to float or None
        The train rows drawn with replacement, as many as there are: the perfect sampler of what was
        there to learn from, and a copier of rows. The ceiling of Shape and Trend; in β-recall,
        ``dcr_share`` and ``nn_ratio``, and in C2ST against the train rows, the mark of a copy.
    shuffled : dict of str to float or None
        The train rows with each column permuted on its own: the floor of all that needs
        dependence, and the ceiling of Shape. ``dcr_share`` and ``nn_ratio`` are near fair, as no
        row is copied.
    key : dict
        What the scores depend on.
    """

    real: Row
    bootstrap: Row
    shuffled: Row
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
    """Digest of the code that makes a score; its comments and docstrings may change."""
    modules = (path for path in sorted(METRICS.glob("*.py")) if path.stem not in REPORTING)
    files = [*modules, Path(scores_module.__file__), Path(__file__)]
    sources = (without_words(path.read_text(encoding="utf-8")) for path in files)
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]


def without_words(source: str) -> str:
    """Python source without comments, docstrings and empty lines."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            words = node.body[0]
            stretch = slice(words.lineno - 1, words.end_lineno)
            lines[stretch] = [""] * len(lines[stretch])
    return "\n".join(line.rstrip() for line in lines if line.strip())


def committed(name: str, split: str = "protocol") -> Path:
    """File of the committed references of a data set and split."""
    return FOLDER / f"{stem(name, split)}.json"


def stem(name: str, split: str) -> str:
    """Name of a data set and split, in file names."""
    return name if split == "protocol" else f"{name}-{split}"


def find(dataset: Dataset, places: list[Path]) -> References | None:
    """First file whose key is this machine's."""
    wanted = key(dataset)
    for path in places:
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found.get("key") == wanted:
                return References(**found)
    return None


def compute(dataset: Dataset, progress: Progress) -> References:
    """Score the reference rows.

    Parameters
    ----------
    dataset : Dataset
        Train and test rows.
    progress : callable
        Called with the name and the seconds of each finished metric of each row.
    """
    made_with = key(dataset)  # before the minutes in which a file may be edited
    train = dataset.train
    drawn = train.sample(len(train), replace=True, random_state=DRAW_SEED, ignore_index=True)

    def row(name: str, rows: pd.DataFrame, for_utility: pd.DataFrame | None = None) -> Row:
        def announce(metric: str, seconds: float) -> None:
            progress(f"{name}: {metric}", seconds)

        return plain(evaluate(dataset, rows, for_utility=for_utility, progress=announce))

    return References(
        real=row("real", dataset.test, train),
        bootstrap=row("bootstrap", drawn),
        shuffled=row("shuffled", shuffle_columns(train, DRAW_SEED)),
        key=made_with,
    )


def save(references: References, path: Path) -> None:
    """Write references as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(vars(references), indent=2, allow_nan=False)
    path.write_text(content + "\n", encoding="utf-8")


def plain(scores: Scores) -> Row:
    """Scores without detail, for JSON, which knows no infinity."""
    values = {name: getattr(scores, name) for name in SCORE_NAMES}
    return {
        name: value if value is None or math.isfinite(value) else None
        for name, value in values.items()
    }
