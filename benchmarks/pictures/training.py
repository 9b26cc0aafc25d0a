"""How the methods of a task train: one recipe, one number of steps, one seed, stopped in time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.deadline import Watch
from benchmarks.settings import estimator_arguments

if TYPE_CHECKING:
    from tabdiffuse import MultimodalDiffusion


@dataclass
class Training:
    """What the command asks of a training, and the models that came of it.

    Parameters
    ----------
    seed : int
        Seed of the weights and batches, and of the first samples.
    steps : int
        Training steps of each model.
    recipe : mapping of str to object
        Parameters of `MultimodalDiffusion`, or fields of its preset, by the names of ``--set``.
    preset : str
        What the recipe starts from.
    device : str
        "auto", "cpu" or "cuda".
    max_time : float or None
        Seconds of each training, if they are limited.
    watch : Watch, optional
        Stops a training when the command must end.
    checkpoint : Path, optional
        File from which a stopped training goes on; the name of the model is added to it.

    Attributes
    ----------
    models : dict of str to MultimodalDiffusion
        What `fit` made, by name.
    """

    seed: int
    steps: int
    recipe: Mapping[str, Any] = field(default_factory=dict)
    preset: str = "fast"
    device: str = "auto"
    max_time: float | None = None
    watch: Watch | None = None
    checkpoint: Path | None = None
    models: dict[str, MultimodalDiffusion] = field(default_factory=dict, init=False)

    def fit(
        self,
        modalities: Mapping[str, Any],
        data: Mapping[str, Any],
        *,
        name: str = "model",
        **settings: Any,
    ) -> MultimodalDiffusion:
        """Train one model.

        Parameters
        ----------
        modalities, data : mapping of str to object
            As `MultimodalDiffusion` and its ``fit`` take them.
        name : str
            Tells the models of a method apart that trains several.
        **settings
            Parameters of `MultimodalDiffusion`, or fields of its preset, of this model alone:
            ``joint``, ``given``, ``max_steps``. They win over the recipe of the task; what the
            command sets with ``--set`` is in that recipe, so leave to it what can be.

        Returns
        -------
        MultimodalDiffusion
            Trained, and silent when it samples.

        Raises
        ------
        UsageError
            If the recipe is not one; in the words of the library.
        TimeIsUp
            When the command must end before the training does. Its checkpoint is kept.
        """
        from tabdiffuse import MultimodalDiffusion
        from tabdiffuse.errors import ModelFileError, ParameterError

        assert name not in self.models, f"two models of one method are called {name!r}"
        wanted = {"max_steps": self.steps, **self.recipe, **settings}
        model = MultimodalDiffusion(
            modalities,
            **estimator_arguments(MultimodalDiffusion, self.preset, wanted),
            max_time=self.max_time,
            device=self.device,
            random_state=self.seed,
            checkpoint=self._checkpoint(name),
            callbacks=None if self.watch is None else [self.watch],
        )
        try:
            model.fit(data)
        except ParameterError as error:
            raise click.UsageError(str(error)) from error
        except ModelFileError as error:
            raise click.ClickException(f"{error} --force deletes it.") from error
        model.set_params(verbose=0, callbacks=None, checkpoint=None)
        self.models[name] = model
        return model

    def forget(self) -> None:
        """Delete what stopped trainings have left."""
        if self.checkpoint is not None:
            for path in self.checkpoint.parent.glob(f"{self.checkpoint.name}-*"):
                path.unlink()

    @property
    def info(self) -> dict[str, Any]:
        """What a line says about the models: the first one's recipe, and the sums over all."""
        models = list(self.models.values())
        return {
            "n_parameters": sum(int(model.n_parameters_) for model in models),
            "steps": sum(int(model.n_iter_) for model in models),
            "rows_seen": sum(int(model.n_iter_ * model.batch_size_) for model in models),
            "stop_reason": ", ".join(dict.fromkeys(str(model.stop_reason_) for model in models)),
            "recipe": models[0].preset_.to_dict() if models else None,
        }

    def _checkpoint(self, name: str) -> Path | None:
        if self.checkpoint is None:
            return None
        mark = hashlib.sha256(name.encode()).hexdigest()[:6]
        return self.checkpoint.with_name(f"{self.checkpoint.name}-{mark}")
