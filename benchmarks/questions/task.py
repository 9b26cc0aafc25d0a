"""A task: what is asked, what answers it beside the model, and how its scores are shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.columns import Column
from benchmarks.questions.question import Question, Scores

OURS = "tabdiffuse"


@dataclass(frozen=True)
class Task:
    """One evaluation.

    Parameters
    ----------
    name : str
        Its name on the command line.
    title : str
        Its heading on the page.
    text : str
        What is done, for a reader who wants to do the same.
    tables : mapping of str to sequence of Column
        Scores by heading of their table; an empty heading where there is one table.
    ask : callable
        Scores of a fitted model.
    baselines : callable, optional
        Scores of methods that need no model of ours.
    bounds : collection of str
        Methods that are no contestants: what could be had at best, and the floor.
    kinds : collection of str
        Kinds of target that the task is for.
    trained_on : {"train", "scarce"}
        Rows the model is trained on: all train rows, or those with few of one class.
    ranked : bool
        Whether the page marks the best method.
    """

    name: str
    title: str
    text: str
    tables: Mapping[str, Sequence[Column]]
    ask: Callable[[Question, Any], Scores]
    baselines: Callable[[Question], Scores] | None = None
    bounds: frozenset[str] = field(default_factory=frozenset)
    kinds: tuple[str, ...] = ("binclass", "regression")
    trained_on: Literal["train", "scarce"] = "train"
    ranked: bool = True
