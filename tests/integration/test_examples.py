"""Everything shown to users runs: the examples, and the code in the README."""

import re
import runpy
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.data import load
from tabdiffuse import MultimodalDiffusion, TabularDiffusion
from tabdiffuse.estimators import base

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[!_]*.py"))
VERBS = {"conditions", "guidance", "impute", "predict", "resample", "surprise", "vary"}


@pytest.fixture(autouse=True)
def _short_and_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Train for a handful of steps, and write into a folder of the test."""

    def plan(self: base.DiffusionEstimator, setup: Any, *data: Any, **more: Any) -> Any:
        quick = replace(setup, preset=replace(setup.preset, n_steps=3))
        self.max_time, self.max_steps = None, 8
        return original(self, quick, *data, **more)

    original = base.DiffusionEstimator._plan
    monkeypatch.setattr(base.DiffusionEstimator, "_plan", plan)
    monkeypatch.chdir(tmp_path)
    # As when an example is run as a script.
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.setattr(sys, "argv", ["example.py"])


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {"digits", "table"} | VERBS


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_leaves_a_picture(path: Path, tmp_path: Path) -> None:
    runpy.run_path(str(path), run_name="__main__")
    assert (tmp_path / "results" / f"example-{path.stem}.png").stat().st_size > 5_000


def test_readme_code_runs() -> None:
    people = load("adult").train.head(600)
    people.to_csv("people.csv", index=False)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 3
    table = _run(blocks[0])
    assert isinstance(table["model"], TabularDiffusion)
    assert len(table["rows"]) == 1000
    assert list(table["rows"]) == list(table["people"])
    _run(blocks[1], table)
    digits = _run(blocks[2])
    assert isinstance(digits["model"], MultimodalDiffusion)
    assert digits["sevens"].shape == (16, 8, 8)
    assert digits["labels"].shape == (1797,)


def _run(block: str, names: dict[str, Any] | None = None) -> dict[str, Any]:
    names = {} if names is None else names
    exec(compile(block, "README.md", "exec"), names)
    return names
