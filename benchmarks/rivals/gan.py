"""CTGAN and TVAE of the package ctgan."""

import pandas as pd

from benchmarks.rivals.exchange import Info, Job, count_parameters, main

PACKAGES = ("ctgan", "rdt", "torch", "pandas")


class Gan:
    """Train CTGAN (option "model": "CTGAN") or TVAE ("TVAE") with the package's defaults."""

    def __init__(self, job: Job) -> None:
        import ctgan  # type: ignore[import-not-found]

        self.job = job
        self.name = job.options.get("model", "CTGAN")
        self.arguments = job.arguments(enable_gpu=job.device != "cpu")
        self.model = getattr(ctgan, self.name)(**self.arguments)
        self.model.set_random_state(job.seed)

    def fit(self) -> None:
        """Fit; 300 epochs unless overridden."""
        self.model.fit(self.job.train, self.job.categorical)

    def sample(self) -> pd.DataFrame:
        """Draw the rows."""
        rows: pd.DataFrame = self.model.sample(self.job.rows)
        return rows

    def describe(self) -> Info:
        """Count the weights that sampling uses."""
        network = self.model._generator if self.name == "CTGAN" else self.model.decoder
        return {
            "n_parameters": count_parameters(network),
            "parameters": self.arguments,
            "seeding": "set_random_state; the mixture fits of the preprocessing draw from it too",
            "notes": "n_parameters counts the generator (CTGAN) or the decoder (TVAE) only",
        }


if __name__ == "__main__":
    main(Gan, PACKAGES)
