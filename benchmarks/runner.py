"""Many runs, one after another: what is finished is skipped, what cannot finish is left."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import Dataset, load
from benchmarks.deadline import Deadline, Expectations, TimeIsUp
from benchmarks.formats import duration
from benchmarks.generate import RESUMABLE, forget, generate, generated
from benchmarks.reporter import Reporter
from benchmarks.results import LINES, Config, Line, append, quick_look, read_lines

if TYPE_CHECKING:
    from benchmarks.references import References

FIRST_STEPS = 15.0  # seconds of training below which a start is not worth its preparation
MISSING_ROWS = "There are no rows of {stem} in {output} to evaluate. Generate them first."


@dataclass
class Outcome:
    """What came of a call.

    Parameters
    ----------
    lines : list of dict
        Finished runs, those of earlier calls among them.
    left : list of str
        What is still to be done, in words.
    """

    lines: list[Line] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


class Runner:
    """Runs configurations within one command.

    Parameters
    ----------
    output : Path
        Folder of tables, records, figures and lines.
    deadline : Deadline
        When the command ends.
    reporter : Reporter
        Where to say what happens.
    only : str, optional
        "generate" or "evaluate" for one half of each run.
    force : bool
        Run anew what is there already.
    models : Path, optional
        Folder in which trained models are kept, and found again.
    """

    def __init__(
        self,
        output: Path,
        deadline: Deadline,
        reporter: Reporter,
        *,
        only: str | None = None,
        force: bool = False,
        models: Path | None = None,
    ) -> None:
        self.output = output
        self.deadline = deadline
        self.reporter = reporter
        self.only = only
        self.force = force
        self.models = models
        own = output / LINES
        self.finished = read_lines([own]) if own.is_file() else []
        self.expected = Expectations(self.finished)
        self._bounds: dict[str, References | None] = {}
        self._loaded = lru_cache(maxsize=2)(load)

    def run(self, configs: Sequence[Config]) -> Outcome:
        """Run each configuration as far as time allows."""
        outcome = Outcome()
        for config in configs:
            self._run(config, outcome)
        return outcome

    def dataset(self, config: Config) -> Dataset:
        """Load what a configuration trains on."""
        return quick_look(self._loaded(config.dataset, config.split), config.train_rows)

    def _run(self, config: Config, outcome: Outcome) -> None:
        dataset = self.dataset(config)
        if self.skips(config, config.digest(dataset.sha256), outcome):
            return
        if self.force and self.only != "evaluate":
            forget(config, self.output)
        record = self._generate(config, dataset, outcome)
        if record is not None and self.only != "generate":
            self._evaluate(config, record, dataset, outcome)

    def skips(self, config: Config, digest: str, outcome: Outcome) -> bool:
        """Take over the line of an earlier call with that digest, and say that it is there."""
        same = [line for line in self.finished if line["config_hash"] == digest]
        if not same or self.force:
            return False
        commit = same[-1]["git"]["commit"]
        self.reporter.note(
            f"{config.stem}: finished {same[-1]['finished']}"
            f"{f' at commit {commit[:7]}' if commit else ''}, skipped; --force runs it anew."
        )
        outcome.lines.append(same[-1])
        return True

    def keep(self, record: Line, outcome: Outcome) -> None:
        """Append a line to ``results.jsonl``, and learn from the time it took."""
        append(record, self.output / LINES)
        outcome.lines.append(record)
        self.finished.append(record)
        self.expected.add(record)

    def _generate(self, config: Config, dataset: Dataset, outcome: Outcome) -> Line | None:
        """Find rows that are there, or make them; None where neither is possible."""
        record = generated(config, dataset, self.output)
        if record is not None:
            self.reporter.note(f"{config.stem}: rows are there, not generated again.")
            return record
        if self.only == "evaluate":
            missing = MISSING_ROWS.format(stem=config.stem, output=self.output)
            self.reporter.note(missing)
            outcome.left.append(f"generate {config.stem}")
            return None
        reserve = self._reserve(config)
        needed = self._needed(config, reserve)
        if not self.deadline.allows(needed):
            outcome.left.append(f"generate {config.stem} (needs about {duration(needed)})")
            return None
        with self.reporter.phase(f"Train {config.title}, seed {config.seed}, on {config.dataset}"):
            try:
                record = generate(
                    config, dataset, self.output, self.deadline, reserve, models=self.models
                )
            except TimeIsUp as stop:
                self.reporter.note(f"{stop}; the same command goes on from there")
                outcome.left.append(f"generate {config.stem} (begun, {stop})")
                return None
            training, sampling = (duration(record[f"{part}_seconds"]) for part in ("fit", "sample"))
            rows = f"{len(dataset.train):,} rows"
            self.reporter.note(f"training {training}, sampling {rows} {sampling}")
        return record

    def _evaluate(self, config: Config, record: Line, dataset: Dataset, outcome: Outcome) -> None:
        needed = self.expected.evaluation(config)
        if not self.deadline.allows(needed):
            outcome.left.append(f"evaluate {config.stem} (needs about {duration(needed)})")
            return
        from benchmarks.evaluate import evaluate, picture

        with self.reporter.phase(f"Score {config.stem}"):
            line = evaluate(config, record, dataset, self.output, self.reporter)
        self.keep(line, outcome)
        bounds = self.references(dataset)
        if bounds is not None:
            with self.reporter.phase("Draw"):
                path = picture(config, line, dataset, bounds, self.output)
                self.reporter.note(str(path))

    def references(self, dataset: Dataset) -> "References | None":
        """Take the reference rows that are kept, or compute them if there is time."""
        from benchmarks import references

        known = f"{dataset.sha256}/{len(dataset.train)}"
        if known not in self._bounds:
            stem = references.stem(dataset.name, dataset.split)
            own = self.output / f"{stem}-references-{len(dataset.train)}.json"
            places = [references.committed(dataset.name, dataset.split), own]
            found = references.find(dataset, places)
            if found is None and self.deadline.limit is None:
                with self.reporter.phase("Score the reference rows"):
                    found = references.compute(dataset, self.reporter.metric)
                    references.save(found, own)
            self._bounds[known] = found
        return self._bounds[known]

    def _reserve(self, config: Config) -> float:
        """Seconds to keep for what follows the training."""
        return self.expected.sampling(config)

    def _needed(self, config: Config, reserve: float) -> float:
        """Seconds without which generating is not begun."""
        if config.method in RESUMABLE:
            return reserve + FIRST_STEPS
        return self.expected.generation(config)
