"""Trained models: one for each data set, seed and recipe, kept in a file and found again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pandas as pd

from benchmarks.deadline import Deadline, Watch
from benchmarks.methods import METHODS, Info
from benchmarks.results import OWN_METHOD, Config
from benchmarks.trainings import Training

if TYPE_CHECKING:
    from tabdiffuse import TabularDiffusion


class Models:
    """Trains models, or loads them.

    Parameters
    ----------
    folder : Path
        Folder of the models, and of the checkpoint of a training that was stopped.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def training(self, config: Config, data_sha256: str, rows: str) -> Training:
        """Name the training of a recipe on a choice of the train rows."""
        data = data_sha256 if rows == "train" else f"{data_sha256} {rows}"
        return Training(config, data, self.folder)

    def find(self, training: Training) -> tuple["TabularDiffusion", Info] | None:
        """Load a model; None if it is not there.

        Raises
        ------
        ClickException
            If its file cannot be read.
        """
        from tabdiffuse.errors import ModelFileError

        try:
            return training.find()
        except ModelFileError as error:
            raise click.ClickException(f"{error} Delete it to train it again.") from error

    def train(
        self, training: Training, rows: pd.DataFrame, deadline: Deadline, reserve: float
    ) -> tuple["TabularDiffusion", Info]:
        """Train a model from its checkpoint, if there is one, and keep it.

        Parameters
        ----------
        training : Training
            Recipe, seed and place.
        rows : DataFrame
            What to train on.
        deadline : Deadline
            When the command ends.
        reserve : float
            Seconds that must be left after the training.

        Returns
        -------
        model : TabularDiffusion
            Fitted.
        info : dict
            What the training took.

        Raises
        ------
        TimeIsUp
            When the deadline came first. The checkpoint is kept.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        watch = Watch(deadline, reserve)
        method: Any = METHODS[OWN_METHOD]()
        checkpoint = training.path.with_suffix(".checkpoint")
        means = {"checkpoint": checkpoint, "callbacks": [watch]}
        config = training.config
        model, info = method.fit(rows, config.seed, {**config.options, **means})
        model.set_params(checkpoint=None, callbacks=None)
        info = {name: value for name, value in info.items() if name != "parameters"}
        training.keep(model, info)
        return model, info
