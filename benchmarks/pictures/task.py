"""What a task on pictures is made of: data, methods that learn them, questions, scores, a picture.

A task is one module in this folder with one constant ``TASK = PictureTask(...)``; its name and the
constant go into `benchmarks.pictures.catalogue`. Then ``python -m benchmarks run NAME`` trains
every method of the task with every seed and asks it, ``list`` names it, and ``report`` gives it a
section in ``MULTIMODAL.md``. What an author writes:

``load(train_rows)``
    Returns the data: any object with ``train`` and ``test`` (something with a length) and
    ``sha256`` (of the content that decides the result). ``train_rows`` is a quick look at as many
    train rows; None is all. `benchmarks.pictures.data` reads the archives of ``datasets/``. Other
    things that methods and questions share, such as a trained judge, belong to it as a
    ``cached_property``: the data are loaded once a command.
``methods``
    Name to `Method`. ``Method.fit(data, training)`` trains and returns whatever ``ask`` wants: one
    model, or a dict of them. It calls ``training.fit(modalities, arrays)``, which makes a
    `MultimodalDiffusion` of the task's recipe and the command's options; a method that trains two
    models calls it twice, with a ``name`` each. **Methods with the same ``fit`` function share one
    training** of a seed: what differs only in how it samples (SDEdit, strengths of guidance) costs
    no second one.
``ask(model, data, seed, method)``
    Draws from the model, seeded by ``seed`` (``random_state=seed``), and returns the scores: a
    mapping of names to numbers, as fractions and not as percent. Only keys of ``columns`` are
    shown; anything that JSON can hold may be kept beside them. A score that a method does not have
    is left out.
``show(model, data, seed, method)``
    Draws the few pictures that the grid shows, as named arrays (text as an array of strings). They
    are kept beside the lines, so that a grid needs no model and methods may be run one by one. What
    needs time, such as the reading of a judge, belongs here and not into ``draw``.
``draw(shown, data, path)``
    Writes the grid as PNG from what all methods of one seed showed: ``shown[method][name]``. Use
    `benchmarks.pictures.grid.draw_grid`.
``references``
    Name to a function of the data that returns scores: the ceiling (real data asked the same
    questions) and the floor (shuffled pairs). Each becomes a line, as a method does.
``columns``
    The scores in the table: key, title, ``factor`` (100 for percent), digits, what is better.
``remarks(scores)``
    Optional paragraphs below the table on the page, from ``scores[method]``, the list of the scores
    of its seeds; for instance whether a claim holds for every seed.

``steps`` and ``recipe`` belong to the task: all methods of a comparison train with equal steps and,
unless a method says otherwise in its own call, with equal networks. ``--max-steps`` and ``--set``
win over both, so a quick look is ``run NAME --max-steps 100 --train-rows 500``. A line is skipped
when one with the same task, method, seed, steps, recipe and data is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from benchmarks.columns import Column
from benchmarks.pictures.training import Training
from benchmarks.results import Data

__all__ = ["Column", "Method", "PictureTask", "Scores", "Shown", "Training"]

Scores = Mapping[str, Any]
Shown = Mapping[str, NDArray[Any]]
D = TypeVar("D", bound=Data)


def no_remarks(scores: Mapping[str, Sequence[Scores]]) -> list[str]:
    """Say nothing below the table."""
    return []


@dataclass(frozen=True)
class Method(Generic[D]):
    """A way to learn the data of a task.

    Parameters
    ----------
    fit : callable
        Takes the data and a `Training`; returns what the questions of the task want.
    text : str
        What it is, in a few words for the page: "product process", "MT-X, encoder identity".
    """

    fit: Callable[[D, Training], Any]
    text: str


@dataclass(frozen=True)
class PictureTask(Generic[D]):
    """One experiment on pictures; the module's docstring tells how to write one.

    Parameters
    ----------
    name : str
        Name on the command line, of the files and in the lines.
    title : str
        One line for ``list`` and the heading of the page.
    text : str
        What is measured and how, in Markdown: the paragraph of the page.
    load : callable
        ``train_rows or None -> data``.
    methods : mapping of str to Method
        In the order of the table.
    ask : callable
        ``(model, data, seed, method) -> scores``.
    references : mapping of str to callable
        ``data -> scores``, by name; ceiling and floor.
    show : callable
        ``(model, data, seed, method) -> arrays``, by name.
    draw : callable
        ``(arrays by method, data, path)``; writes a PNG.
    columns : sequence of Column
        Scores of the table.
    steps : int
        Training steps of every model.
    recipe : mapping of str to object
        Parameters of `MultimodalDiffusion`, or fields of its preset, that differ from the defaults
        of ``preset``; named as for ``--set``.
    preset : str
        What the recipe starts from.
    remarks : callable
        ``scores of all seeds by method -> paragraphs``.
    """

    name: str
    title: str
    text: str
    load: Callable[[int | None], D]
    methods: Mapping[str, Method[D]]
    ask: Callable[[Any, D, int, str], Scores]
    references: Mapping[str, Callable[[D], Scores]]
    show: Callable[[Any, D, int, str], Shown]
    draw: Callable[[Mapping[str, Shown], D, Path], None]
    columns: Sequence[Column]
    steps: int
    recipe: Mapping[str, Any] = field(default_factory=dict)
    preset: str = "fast"
    remarks: Callable[[Mapping[str, Sequence[Scores]]], Sequence[str]] = no_remarks
