"""TabularARGN of the package mostlyai-engine."""

import os
import tempfile
from pathlib import Path

import pandas as pd

from benchmarks.rivals.exchange import Info, Job, main

PACKAGES = ("mostlyai-engine", "torch", "pandas")


class Argn:
    """Train TabularARGN with the package's defaults; overrides choose order and protection."""

    def __init__(self, job: Job) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"  # the table half of the package downloads nothing
        from mostlyai.engine import TabularARGN  # type: ignore[import-not-found]

        self.job = job
        self.folder = tempfile.TemporaryDirectory()
        self.arguments = job.arguments(device=None if job.device == "auto" else job.device)
        if job.max_time is not None:
            self.arguments["max_training_time"] = job.max_time / 60  # minutes
        self.model = TabularARGN(
            workspace_dir=self.folder.name, random_state=job.seed, **self.arguments
        )

    def fit(self) -> None:
        """Split, analyze, encode, train until the validation loss stops falling."""
        self.model.fit(self.job.train)

    def sample(self) -> pd.DataFrame:
        """Draw the rows."""
        rows: pd.DataFrame = self.model.sample(self.job.rows)
        return rows

    def describe(self) -> Info:
        """Count the saved weights."""
        return {
            "n_parameters": self._count(),
            "parameters": self.arguments,
            "seeding": "random_state, which seeds the global generators of python, numpy and torch",
            "notes": "a part of the train rows is kept back for early stopping",
        }

    def _count(self) -> int:
        import torch

        (path,) = Path(self.folder.name).rglob("model-weights.pt")
        weights = torch.load(path, map_location="cpu", weights_only=True)
        return sum(int(weight.numel()) for weight in weights.values())


if __name__ == "__main__":
    main(Argn, PACKAGES)
