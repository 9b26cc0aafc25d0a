"""MultimodalDiffusion: any named modalities through the core that tables use."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import torch
from sklearn.utils.validation import check_is_fitted

from tabdiffuse._random import child_seed
from tabdiffuse.denoiser import Denoiser
from tabdiffuse.errors import ParameterError
from tabdiffuse.estimators.arrays import ArrayForm
from tabdiffuse.estimators.base import build_denoiser
from tabdiffuse.estimators.forms import Form, no_rows
from tabdiffuse.estimators.frames import FrameForm
from tabdiffuse.estimators.given import check_given, check_known, check_wanted
from tabdiffuse.estimators.modal_predictions import ModalPredictions
from tabdiffuse.estimators.multimodal_file import read_multimodal, write_multimodal
from tabdiffuse.estimators.parameters import make_guidance, resolve_device
from tabdiffuse.estimators.parts import copy_modalities
from tabdiffuse.estimators.presets import MULTIMODAL_PRESETS, Preset, check_no_table_fields
from tabdiffuse.estimators.variations import ArrayVariations
from tabdiffuse.joint import Batch, JointFamily
from tabdiffuse.modalities import Modality
from tabdiffuse.sampling.guidance import Guidance
from tabdiffuse.times import Clean
from tabdiffuse.training.stages import Stage, check_stages

__all__ = ["MultimodalDiffusion"]


class MultimodalDiffusion(ModalPredictions, ArrayVariations):
    """Model of the joint distribution of several modalities, for instance images and labels.

    Each modality keeps its own state space, its own forward process and its own time; one network
    gives the joint law and every conditional (Rojas et al. 2025, Diffuse Everything,
    arXiv 2506.07903).

    Parameters
    ----------
    modalities : mapping of str to Modality
        For instance ``{"image": ImageModality(8, 8), "label": CategoricalModality(10)}``. In a
        DataFrame the names are those of columns, and all other columns are a table. The modalities
        are copied by `fit`, not changed.
    joint : Shared, optional
        How the modalities are tied. By default each has a process of its own (the product process
        of Diffuse Everything); `Shared` is the one process of MT-Diffusion.
    given : sequence of str, optional
        Modalities that are always known, in training and in `sample`: with ``["label"]`` the model
        is a class-conditional model of the rest, and spends nothing on drawing labels. By default
        every modality is learnt.
    schema : mapping of column name to kind, optional
        Kinds of columns of a DataFrame that differ from the inferred ones, as for
        `TabularDiffusion`.
    preset, max_time, max_steps, batch_size, learning_rate, width, depth, n_steps, solver
        As for `TabularDiffusion`; the presets are those in ``MultimodalDiffusion.presets``, sized
        for tokens that carry more than a cell.
    eta : float
        Stochasticity of the sampler in [0, 1]; 0 is deterministic, 1 ancestral. Fresh noise
        corrects early mistakes: more images show what their label says. "heun" and "heun-tau" (Heun
        for numbers, tau-leaping for categories: the sampler of the paper) need 0.
    precision : {"auto", "float32", "bfloat16"}
        Type of the products of matrices in the network; weights and sums are float32. "auto" is
        "bfloat16" from a width of 64 on, on a GPU and on a processor that multiplies such numbers,
        where it takes half the time; otherwise "float32".
    optimizer : {"auto", "muon", "adamw"}
        What steps the matrices of the network; the rest is AdamW's. Muon steps equally far in all
        directions of a matrix and learns images in about a third of the steps. The learning rates
        of the presets are Muon's; "adamw" wants about half of them. "auto" is "muon" from a width
        of 64 on.
    stages : sequence of Stage, optional
        What is learnt in which part of the run, such as ``[Stage(0.4, hidden=["text"]),
        Stage(0.2, losses=["text"], trains=["text"]), Stage(0.4)]`` for images first, then the
        reading of text with everything else frozen, then both. By default everything is learnt
        throughout.
    checkpoint, random_state, device, verbose, callbacks
        As for `TabularDiffusion`.

    Attributes
    ----------
    schema_ : TableSchema
        After a fit to a DataFrame, the kinds of the columns that belong to no modality.
    joint_ : Shared or None
        How the modalities were tied in the fit.
    history_, stop_reason_, preset_, n_parameters_, n_iter_, n_rows_, fit_time_, denoiser_
        As for `TabularDiffusion`.

    Notes
    -----
    `save` writes a fitted model to one file, and `load` reads it: modalities with what they learnt,
    how they are tied, weights, and the columns of a DataFrame. Samples are the same, bit for bit.

    Examples
    --------
    >>> import numpy as np
    >>> from tabdiffuse import CategoricalModality, ImageModality, MultimodalDiffusion
    >>> pictures = np.zeros((20, 4, 4))
    >>> pictures[10:] = 1
    >>> model = MultimodalDiffusion(
    ...     {"image": ImageModality(4, 4), "label": CategoricalModality(2)},
    ...     max_steps=5,
    ...     random_state=0,
    ...     verbose=0,
    ... )
    >>> model = model.fit({"image": pictures, "label": np.repeat([0, 1], 10)})
    >>> model.sample(3, conditions={"label": 1})["image"].shape
    (3, 4, 4)
    """

    presets = MULTIMODAL_PRESETS
    block_rows = 64  # a picture costs as much as dozens of rows of a table

    def __init__(
        self,
        modalities: Mapping[str, Modality],
        *,
        joint: JointFamily | None = None,
        given: Sequence[str] | None = None,
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
        eta: float = 1.0,
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        optimizer: Literal["auto", "muon", "adamw"] = "muon",
        stages: Sequence[Stage] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: int = 1,
        callbacks: Sequence[Any] | None = None,
    ) -> None:
        self.modalities = modalities
        self.joint = joint
        self.given = given
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
        self.stages = stages
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.device = device
        self.verbose = verbose
        self.callbacks = callbacks

    def fit(self, X: Mapping[str, Any] | pd.DataFrame, y: Any = None) -> MultimodalDiffusion:
        """Learn the joint distribution of the modalities.

        Parameters
        ----------
        X : mapping of str to array_like, or DataFrame
            For each modality an array with one entry a row, in the form its ``encode`` takes. Or a
            DataFrame, in which the columns named like modalities hold such entries, for instance a
            picture in each row; all other columns are a table, as for `TabularDiffusion`.
        y : None
            Ignored.

        Returns
        -------
        MultimodalDiffusion
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
        form, modalities, data = self._read(X, setup.preset)
        always = check_given(self.given, modalities, self.modalities)
        stages = check_stages(self.stages, modalities)
        plan = self._plan(
            setup,
            len(next(iter(data.values()))),
            started,
            stages=stages,
        )
        seed = child_seed(plan.seed, "init")
        denoiser = self._build(form, self.joint, modalities, setup.preset, seed, setup.device)
        law = form.time_law(setup.preset)
        self._train(plan, denoiser, data, Clean(law, always) if always else law)
        self._set_form(form, self.joint, always)
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one file.

        A zip of JSON, CSV and safetensors with checksums and a model card: no pickle and no
        training rows, but what modalities learnt of them, such as the words of texts, and the
        categories and quantiles of the columns of a table. The file is written as a whole or not at
        all.

        Modalities, tokenizers, schedules and encoders are written as the arguments that make them
        again. Those of the library are all ready for it; for one of your own see
        `Modality.settings`.

        Parameters
        ----------
        path : str or path-like
            Where to write, for instance ``"digits.tabdiffuse"``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            When the model has a part that a file cannot hold, such as a function as encoder.
        """
        check_is_fitted(self, "denoiser_")
        write_multimodal(self, path)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        device: str = "auto",
        *,
        classes: Sequence[type] = (),
    ) -> MultimodalDiffusion:
        """Read a model written by `save`, on any device.

        Parameters
        ----------
        path : str or path-like
            The file.
        device : str
            Where to put the weights; "auto" takes a GPU if there is one. It becomes the ``device``
            of the estimator.
        classes : sequence of type
            Classes of your own of which the model has parts, for instance of a modality. A file
            holds no code; it knows them by their names.

        Returns
        -------
        MultimodalDiffusion
            A fitted estimator that samples the same rows.

        Raises
        ------
        ModelFileError
            When the file is damaged, altered, of a newer format or of another kind of model, or a
            class is missing.
        ParameterError
            When the device is not there, or there is something else than classes among them.
        OSError
            When there is no such file.
        """
        model = cls({})
        read_multimodal(model, path, resolve_device(device, f"{cls.__name__}.load"), classes)
        model.device = device
        return model

    def _build(
        self,
        form: Form,
        joint: JointFamily | None,
        modalities: Mapping[str, Modality],
        preset: Preset,
        seed: int,
        device: torch.device,
    ) -> Denoiser:
        """Build the network over all modalities; equal seeds give equal weights."""
        tie = form.tie if joint is None else joint.build
        return build_denoiser(modalities, preset.network, seed, self._products(device, preset), tie)

    def _set_form(self, form: Form, joint: JointFamily | None, given: tuple[str, ...]) -> None:
        """Set the form of rows, how modalities were tied, and which of them were always known."""
        self.form_ = form
        self.joint_ = joint
        self.given_ = given
        if isinstance(form, FrameForm):
            self.schema_ = form.codec.schema
        elif hasattr(self, "schema_"):
            del self.schema_  # of an earlier fit

    def _read(self, X: Any, preset: Preset) -> tuple[Form, dict[str, Modality], Batch]:
        """Check and encode the training data, in whichever form they are."""
        modalities = copy_modalities(self.modalities)
        if isinstance(X, pd.DataFrame):
            return FrameForm.fit(X, modalities, self.schema, preset)
        if self.schema is not None:
            raise ParameterError(
                "The 'schema' parameter of MultimodalDiffusion is for the columns of a DataFrame. "
                f"Got {self.schema!r} and X of type {type(X).__name__}; leave it None."
            )
        check_no_table_fields(preset)
        form, data = ArrayForm.fit(X, modalities)
        return form, modalities, data

    def sample(
        self,
        n_samples: int = 1,
        *,
        conditions: Mapping[Any, Any] | pd.DataFrame | Sequence[Mapping[Any, Any]] | None = None,
        only: Sequence[str] | None = None,
        guidance: float | Guidance | None = None,
        random_state: Any = None,
        batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> Any:
        """Draw from the joint law, or from a conditional or a marginal of it.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows, at least 1. With a DataFrame or a list of conditions, the number of rows
            for each of its entries, which then follow one another.
        conditions : mapping, DataFrame or list of mappings, optional
            Modalities that are known: one value for all rows, or an array with one for each row.
            They come back as they were given. A value may have gaps, which are drawn: NaN in
            pixels and numbers, -1 among codes. After a fit to a DataFrame also columns of its
            table, with all that `TabularDiffusion.sample` takes; and a DataFrame or a list of
            mappings with one entry for each row, in which NaN and None leave a cell open, a
            picture as well as a number.
        only : sequence of str, optional
            Modalities, or columns, that are wanted, all by default. They are drawn from their
            marginal, given the conditions: the others are held as noise and not returned.
        guidance : float or Guidance, optional
            How far to lean towards the conditions. A number is the strength: with 2, what the
            conditions change about a prediction is changed twice as far; 1 and None are no
            guidance. Rows then show their conditions more clearly and vary less than the data do.
            A `Guidance` also sets the times at which steps are guided, and how much of the
            conditions is hidden from the prediction to move away from. A guided step calls the
            network twice.
        random_state, batch_size, n_steps
            As for `TabularDiffusion.sample`.

        Returns
        -------
        dict of str to ndarray, or DataFrame
            Every modality that is wanted, as its ``decode`` returns it; conditions as they were
            given. After a fit to a DataFrame, one with its columns, their order and their dtypes;
            if conditions were given row by row, with their index and their other columns.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            When a parameter is out of range, a condition or ``only`` names no modality, or there is
            guidance without conditions.
        DataError
            When a condition does not fit its modality, for instance an unknown category.
        """
        check_is_fitted(self, "denoiser_")
        self._check_count(n_samples)
        form, parts = self.form_, self.denoiser_.joint.parts()
        wanted = check_wanted(only, form.names)
        given = form.read(conditions, int(n_samples), parts)
        check_known(self.given_, given.parts)
        owner = f"{type(self).__name__}.sample"
        lean = make_guidance(guidance, owner, has_evidence=given.any)
        shown = [name for name in form.names if name in wanted or name in given.names]
        rows = len(given.rows)
        if rows == 0:
            return form.answer(no_rows(parts), given, shown, parts)
        hidden = [part for part, own in form.columns.items() if not set(own) & set(shown)]
        state = self._sample_state(
            rows, random_state, batch_size, n_steps, given.evidence(), lean, hidden
        )
        return form.answer(state, given, shown, parts)
