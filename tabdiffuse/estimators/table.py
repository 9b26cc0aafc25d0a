"""TabularDiffusion: a DataFrame in, one model of its joint distribution, DataFrames out."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from rich.table import Table
from rich.text import Text
from sklearn.utils.validation import check_is_fitted

from tabdiffuse._random import child_seed
from tabdiffuse.estimators.base import DiffusionEstimator
from tabdiffuse.estimators.layout import table_denoiser, table_modalities
from tabdiffuse.estimators.model_file import read_model, write_model
from tabdiffuse.estimators.parameters import resolve_device
from tabdiffuse.estimators.presets import Preset
from tabdiffuse.estimators.questions import TableQuestions
from tabdiffuse.estimators.scores import TableScores
from tabdiffuse.tables import TableCodec, TableSchema, check_frame, check_same_columns
from tabdiffuse.times import Independent, Mixed, RandomClean, Tied, TimeLaw

__all__ = ["TabularDiffusion"]


def _time_law(preset: Preset) -> TimeLaw:
    laws = (Tied(), RandomClean(Tied()), Independent(per_cell=True))
    return Mixed(laws, (preset.tied, preset.clean, preset.independent))


class TabularDiffusion(TableQuestions, TableScores, DiffusionEstimator):
    """Model of the joint distribution of a table with mixed columns.

    One small diffusion transformer with a token for each column: Gaussian diffusion on numbers,
    masked diffusion on categories, with a time of its own for every cell (Rojas et al. 2025,
    Diffuse Everything, arXiv 2506.07903).

    Parameters
    ----------
    schema : mapping of column name to kind, optional
        Kinds that differ from the inferred ones: "numeric", "categorical" or "boolean".
    preset : {"auto", "fast", "balanced", "best"} or Preset
        Defaults for size, training and sampling, which the other parameters change one by one.
        "auto" is "fast" on a CPU and "balanced" on a GPU. Any constant of the recipe can be set:
        ``preset=replace(PRESETS["fast"], heads=4)``.
    max_time : float, optional
        Budget of `fit` in seconds. The learning-rate schedule is laid over it, so the run ends
        annealed, not cut off. Results then depend on the speed of the machine.
    max_steps : int, optional
        Training steps; with ``max_time`` too, whichever limit is reached first ends the run. By
        default the preset decides, unless ``max_time`` is given.
    batch_size : int, optional
        Rows of a training step.
    learning_rate : float, optional
        Peak of the learning rate.
    width, depth : int, optional
        Width of a token (a multiple of 8) and number of blocks.
    n_steps : int, optional
        Sampling steps.
    solver : {"2m", "euler", "heun", "heun-tau"}
        How the numbers are integrated: second order with one network call a step, first order, or
        second order with two calls. "heun-tau" draws the categories by tau-leaping, as
        Diffuse Everything does; all others by ancestral steps, which need fewer of them.
    eta : float
        Stochasticity of the sampler in [0, 1]; 0 is deterministic, 1 ancestral.
    precision : {"auto", "float32", "bfloat16"}
        Type of the products of matrices in the network; weights and sums are float32. "auto" is
        "bfloat16" from a width of 64 on, on a GPU and on a processor that multiplies such numbers,
        where it takes half the time; otherwise "float32".
    optimizer : {"auto", "muon", "adamw"}
        What steps the matrices of the network; the rest is AdamW's. Muon (arXiv 2502.16982) learns
        more from a step from a width of 64 on, which is when "auto" takes it.
    warm_start : bool
        Whether `fit` goes on from the weights of the last fit. The columns must be the same ones,
        and the network stays as it is, whatever the preset.
    checkpoint : path, optional
        File in which a running `fit` keeps its state. If it is there when `fit` starts, the fit
        goes on from it; on a CPU it ends bit-identical to one that was never interrupted.
    random_state : int, numpy random generator or None
        Seed of everything random. An int makes `fit` bit-reproducible on a CPU.
    device : str
        "auto" takes a GPU if there is one.
    verbose : int
        0 is silent; 1 shows what was inferred, a progress bar and a summary on standard error.
    callbacks : list of callable, optional
        Called as ``callback(progress, state)`` during training; returning True stops it.

    Attributes
    ----------
    schema_ : TableSchema
        Kind of each column; ``schema_.describe()`` is a table.
    history_ : DataFrame
        Loss, learning rate and gradient norm over the run.
    stop_reason_ : str
        "max_steps", "max_time" or "callback".
    preset_ : Preset
        The preset, with the width and the depth that were trained.
    n_parameters_, n_iter_, n_rows_, n_features_in_ : int
        Trained weights, steps taken, rows and columns seen.
    feature_names_in_ : ndarray
        Names of the columns, if all are strings.
    fit_time_ : float
        Seconds of training.
    denoiser_ : Denoiser
        The network.

    Examples
    --------
    >>> import pandas as pd
    >>> from tabdiffuse import TabularDiffusion
    >>> people = pd.DataFrame({"age": [31, 42, 27, 58] * 25, "sex": ["F", "M", "F", "M"] * 25})
    >>> model = TabularDiffusion(max_steps=20, random_state=0, verbose=0).fit(people)
    >>> list(model.sample(3).columns)
    ['age', 'sex']
    """

    schema_: TableSchema
    codec_: TableCodec
    history_: pd.DataFrame

    def __init__(
        self,
        *,
        schema: Mapping[Any, str] | None = None,
        preset: Literal["auto", "fast", "balanced", "best"] | Preset = "auto",
        max_time: float | None = None,
        max_steps: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        width: int | None = None,
        depth: int | None = None,
        n_steps: int | None = None,
        solver: Literal["2m", "euler", "heun", "heun-tau"] = "2m",
        eta: float = 0.0,
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        optimizer: Literal["auto", "muon", "adamw"] = "auto",
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: int = 1,
        callbacks: Sequence[Any] | None = None,
    ) -> None:
        self.schema = schema
        self.preset = preset
        self.max_time = max_time
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.width = width
        self.depth = depth
        self.n_steps = n_steps
        self.solver = solver
        self.eta = eta
        self.precision = precision
        self.optimizer = optimizer
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.device = device
        self.verbose = verbose
        self.callbacks = callbacks

    def fit(self, X: pd.DataFrame, y: Any = None) -> TabularDiffusion:
        """Learn the joint distribution of the columns of a table.

        Parameters
        ----------
        X : DataFrame
            At least two rows, mixed columns, missing values allowed. It is not changed.
        y : None
            Ignored; a target is a column like any other.

        Returns
        -------
        TabularDiffusion
            This estimator.

        Raises
        ------
        ParameterError, DataError, DataTypeError, SchemaError
            What is wrong, where, and what to do, before any work.
        TrainingDivergedError
            When the loss stops being finite.
        """
        started = time.perf_counter()
        setup = self._set_up()
        if setup.warm:
            X = check_same_columns(check_frame(X), self.schema_)
            schema, codec = self.schema_, self.codec_
        else:
            schema = TableSchema.infer(X, self.schema)
            codec = TableCodec.fit(
                X,
                schema,
                min_atom_mass=setup.preset.min_atom_mass,
                max_atoms=setup.preset.max_atoms,
            )
        self._show(schema)
        arrays = codec.encode(X)
        plan = self._plan(setup, len(X), started)
        modalities = table_modalities(codec.layout, setup.preset)
        seed = child_seed(plan.seed, "init")
        precision = self._products(setup.device, setup.preset)
        denoiser = table_denoiser(codec.layout, modalities, setup.preset, seed, precision)
        if setup.warm:
            denoiser.load_state_dict(self.denoiser_.state_dict())
        data = {name: modalities[name].encode(values) for name, values in arrays.items()}
        self._train(plan, denoiser, data, _time_law(setup.preset))
        self._set_table(schema, codec)
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one file.

        A zip of JSON, CSV and safetensors with checksums and a model card: no pickle and no
        training rows, but the categories and the quantiles of the columns. The file is written as
        a whole or not at all.

        Parameters
        ----------
        path : str or path-like
            Where to write, for instance ``"adult.tabdiffuse"``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        check_is_fitted(self, "denoiser_")
        write_model(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str = "auto") -> TabularDiffusion:
        """Read a model written by `save`, on any device.

        Parameters
        ----------
        path : str or path-like
            The file.
        device : str
            Where to put the weights; "auto" takes a GPU if there is one. It becomes the ``device``
            of the estimator.

        Returns
        -------
        TabularDiffusion
            A fitted estimator that samples the same rows.

        Raises
        ------
        ModelFileError
            When the file is damaged, altered, or of a newer format.
        ParameterError
            When the device is not there.
        OSError
            When there is no such file.
        """
        model = cls()
        read_model(model, path, resolve_device(device, f"{cls.__name__}.load"))
        model.device = device
        return model

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inputs = tags.input_tags
        inputs.allow_nan = inputs.string = inputs.categorical = True
        return tags

    def _set_table(self, schema: TableSchema, codec: TableCodec) -> None:
        """Set what is known of the columns; as in scikit-learn, names only if all are strings."""
        self.schema_ = schema
        self.codec_ = codec
        self.n_features_in_ = len(schema.names)
        if all(isinstance(name, str) for name in schema.names):
            self.feature_names_in_ = np.array(schema.names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _show(self, schema: TableSchema) -> None:
        """Show what was inferred."""
        console = self._console()
        if console is None:
            return
        described = schema.describe().astype(str)
        table = Table(*described.columns, title="Columns")
        for row in described.itertuples(index=False):
            table.add_row(*map(Text, row))  # names are no markup
        console.print(table)
