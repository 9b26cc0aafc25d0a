"""One run on the digits: train, draw all three ways, score, write, draw the picture."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import RenderableType

from benchmarks import results
from benchmarks.digits.data import Digits, Labelled, load
from benchmarks.digits.figure import draw
from benchmarks.digits.report import render
from benchmarks.digits.scores import LABELS, Generated, Judge, evaluate, references
from benchmarks.formats import duration
from benchmarks.reporter import Reporter
from benchmarks.results import Config, Line
from benchmarks.runner import Outcome, Runner
from benchmarks.settings import estimator_arguments

PER_LABEL = 100
JOINT = 1000


def run(configs: Sequence[Config], runner: Runner, outcome: Outcome) -> RenderableType | None:
    """Train and score once for each configuration that is not finished.

    Returns
    -------
    RenderableType or None
        The table of all these runs; None if none could be finished.
    """
    _check(configs, runner)
    digits = load(configs[0].train_rows)
    judge = Judge(digits.train)
    mine = Outcome()
    for config in configs:
        if runner.skips(config, config.digest(digits.sha256), mine):
            continue
        needed = runner.expected.generation(config)
        if runner.deadline.allows(needed):
            runner.keep(_run(config, digits, judge, runner.output, runner.reporter), mine)
        else:
            mine.left.append(f"run {config.stem} (needs about {duration(needed)})")
    outcome.lines += mine.lines
    outcome.left += mine.left
    return render(mine.lines, references(digits, judge)) if mine.lines else None


def report(lines: Sequence[Line]) -> RenderableType:
    """Build the table from finished lines."""
    digits = load()
    return render(lines, references(digits, Judge(digits.train)))


def generate(config: Config, digits: Digits) -> tuple[Generated, dict[str, Any]]:
    """Train a model, then draw images from labels and both, and tell the labels of images."""
    from tabdiffuse import CategoricalModality, ImageModality, MultimodalDiffusion
    from tabdiffuse.errors import ParameterError

    height, width = digits.train.images.shape[1:]
    modalities = {"image": ImageModality(height, width), "label": CategoricalModality(LABELS)}
    arguments = estimator_arguments(MultimodalDiffusion, config.preset, config.overrides)
    settings = {"device": config.device, "max_time": config.max_time, **arguments}
    model = MultimodalDiffusion(modalities, random_state=config.seed, **settings)
    start = time.perf_counter()
    try:
        model.fit({"image": digits.train.images, "label": digits.train.labels})
    except ParameterError as error:
        raise click.UsageError(str(error)) from error
    fitted = time.perf_counter()
    asked = np.repeat(np.arange(LABELS), PER_LABEL)
    generated = Generated(
        conditional=_labelled(model.sample(len(asked), conditions={"label": asked})),
        joint=_labelled(model.sample(JOINT)),
        guesses=model.predict({"image": digits.test.images}, "label"),
    )
    info = {
        "fit_seconds": fitted - start,
        "sample_seconds": time.perf_counter() - fitted,
        "n_parameters": int(model.n_parameters_),
        "steps": int(model.n_iter_),
        "rows_seen": int(model.n_iter_ * model.batch_size_),
        "stop_reason": model.stop_reason_,
        "parameters": model.get_params(deep=False)
        | {"modalities": sorted(modalities), "preset": config.preset},
        "recipe": model.preset_.to_dict(),
    }
    return generated, info


def _check(configs: Sequence[Config], runner: Runner) -> None:
    """Refuse options that mean nothing here."""
    if any(config.method != "tabdiffuse" for config in configs):
        raise click.UsageError("digits runs with --method tabdiffuse only.")
    if any(config.split != "protocol" for config in configs) or runner.only is not None:
        raise click.UsageError("digits has one split, and runs as a whole: no --split, no --only.")


def _run(config: Config, digits: Digits, judge: Judge, output: Path, reporter: Reporter) -> Line:
    title = f"Train {config.method} ({config.preset}, seed {config.seed}) and sample"
    with reporter.phase(title):
        generated, info = generate(config, digits)
        training, sampling = (duration(info[f"{part}_seconds"]) for part in ("fit", "sample"))
        reporter.note(f"training {training}, sampling all three ways {sampling}")
    with reporter.phase("Score and draw"):
        start = time.perf_counter()
        scores = evaluate(generated, digits, judge)
        seconds = time.perf_counter() - start
        record = results.line(results.made(config, digits, info), scores, seconds)
        path = output / f"{config.stem}.png"
        draw(generated, digits, judge, scores, path)
        reporter.note(str(path))
    return record


def _labelled(sample: dict[str, NDArray[Any]]) -> Labelled:
    return Labelled(sample["image"], sample["label"])
