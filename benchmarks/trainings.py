"""Trained models on disk, so that what only changes the sampling need not train again."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.results import Config, write_atomically

if TYPE_CHECKING:
    from tabdiffuse import TabularDiffusion

SAMPLING_PARAMETERS = ("solver", "eta", "n_steps")
SAMPLING_FIELDS = ("n_steps", "prior_scale")
"""Parameters of the estimator, and fields of its preset, that a trained model can change."""


@dataclass(frozen=True)
class Training:
    """The training behind a run of ours; runs that differ in how they sample have the same one.

    Parameters
    ----------
    config : Config
        The run.
    data_sha256 : str
        Digest of its data.
    folder : Path
        Where models are kept.
    """

    config: Config
    data_sha256: str
    folder: Path

    @property
    def path(self) -> Path:
        """File of the model, ``DATASET-PRESET-SEED-DIGEST.tabdiffuse``."""
        stem = f"{self.config.dataset}-{self.config.preset}-seed{self.config.seed}"
        return self.folder / f"{stem}-{self._digest()}.tabdiffuse"

    def find(self) -> tuple["TabularDiffusion", dict[str, Any]] | None:
        """Read the model and what was told of its training; None where they are not there.

        The model samples as this run asks for, whatever the run did that trained it.
        """
        from tabdiffuse import TabularDiffusion

        if not (self.path.is_file() and self._record.is_file()):
            return None
        info: dict[str, Any] = json.loads(self._record.read_text(encoding="utf-8"))
        model = TabularDiffusion.load(self.path, self.config.device)
        recipe = self._recipe()
        model.preset_ = replace(model.preset_, **{name: recipe[name] for name in SAMPLING_FIELDS})
        usual = TabularDiffusion()
        wanted = {name: getattr(usual, name) for name in SAMPLING_PARAMETERS}
        wanted |= {k: v for k, v in self.config.overrides.items() if k in SAMPLING_PARAMETERS}
        return model.set_params(**wanted), {**info, "recipe": model.preset_.to_dict()}

    def keep(self, model: "TabularDiffusion", info: dict[str, Any]) -> None:
        """Write the model, then the record: where that is, the model is whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        model.save(self.path)
        write_atomically(json.dumps(info, default=str, indent=2).encode(), self._record)

    @property
    def _record(self) -> Path:
        return self.path.with_suffix(".json")

    def _recipe(self) -> dict[str, Any]:
        """Constants of the preset, with what the run overrides."""
        from tabdiffuse import PRESETS

        return {**PRESETS[self.config.preset].to_dict(), **self.config.overrides}

    def _digest(self) -> str:
        """Hash everything that decides the weights."""
        settings = {**self.config.to_dict(), "data": self.data_sha256}
        del settings["device"], settings["overrides"]
        free = {*SAMPLING_PARAMETERS, *SAMPLING_FIELDS}
        settings["recipe"] = {k: v for k, v in self._recipe().items() if k not in free}
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
