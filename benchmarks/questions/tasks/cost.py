"""What conditions cost."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.columns import Column
from benchmarks.questions.holes import punch, random_half
from benchmarks.questions.question import Question, Scores
from benchmarks.questions.task import Task
from tabdiffuse import Between

ROWS = 1024  # at most
ROUNDS = 2
GUIDANCE = 1.5
FREE, HALF, INTERVAL, GUIDED = (
    "unconditional",
    "half of the cells fixed",
    "a number within its quartiles",
    f"half of the cells fixed, guidance {GUIDANCE}",
)

TEXT = f"""\
Seconds of `model.sample` for {ROWS:,} rows (at most `--rows`), the faster of {ROUNDS} rounds in
which the ways take turns, on the machine of the line. *Times of* {FREE}: how many times as long
it takes as sampling without conditions. *{HALF}*: a random half in each row. *{INTERVAL}*: one
`Between` on the numeric column with the most values."""


def ask(question: Question, model: Any) -> Scores:
    """Time the ways to sample."""
    taken: dict[str, list[float]] = {}
    ways = _ways(question, model)
    ways[FREE](0)  # what is set up once is not counted
    for turn in range(ROUNDS):
        for name, sample in ways.items():
            start = time.perf_counter()
            sample(turn)
            taken.setdefault(name, []).append(time.perf_counter() - start)
    rows, free = len(question.asked(ROWS)), min(taken[FREE])
    return {
        name: {"rows_per_second": rows / min(seconds), "times": min(seconds) / free}
        for name, seconds in taken.items()
    }


def _ways(question: Question, model: Any) -> Mapping[str, Callable[[int], Any]]:
    rows = question.asked(ROWS)
    halves = punch(rows, random_half(rows, question.random("half of the cells")))
    name = question.train[question.numeric].nunique().idxmax()
    low, high = question.train[name].quantile([0.25, 0.75], interpolation="nearest")
    interval = {name: Between(low, high)}
    count = len(rows)
    return {
        FREE: lambda turn: model.sample(count, random_state=turn),
        HALF: lambda turn: model.sample(conditions=halves, random_state=turn),
        INTERVAL: lambda turn: model.sample(count, conditions=interval, random_state=turn),
        GUIDED: lambda turn: model.sample(conditions=halves, guidance=GUIDANCE, random_state=turn),
    }


TASK = Task(
    name="cost",
    title="Cost",
    text=TEXT,
    tables={
        "": (
            Column("times", f"Times of {FREE}", digits=2, better="down"),
            Column("rows_per_second", "Rows a second", digits=0),
        )
    },
    ask=ask,
    ranked=False,
)
