"""MultimodalDiffusion: any named modalities through the core that tables use."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from tabdiffuse._random import child_seed
from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.estimators.base import DiffusionEstimator, build_denoiser
from tabdiffuse.estimators.parameters import make_guidance, resolve_precision
from tabdiffuse.estimators.presets import MULTIMODAL_PRESETS, TABLES_ONLY, Preset
from tabdiffuse.joint import JointFamily, Observed, ProductProcess
from tabdiffuse.modalities import Modality
from tabdiffuse.sampling.evidence import Evidence
from tabdiffuse.sampling.guidance import Guidance
from tabdiffuse.times import Independent, Mixed, RandomClean, Tied, TimeLaw

__all__ = ["MultimodalDiffusion"]

_T = TypeVar("_T")


def _time_law(preset: Preset) -> TimeLaw:
    laws = (Tied(), Independent(), RandomClean(Independent(), per_cell=False))
    return Mixed(laws, (preset.tied, preset.independent, preset.clean))


class MultimodalDiffusion(DiffusionEstimator):
    """Model of the joint distribution of several modalities, for instance images and labels.

    Each modality keeps its own state space, its own forward process and its own time; one network
    gives the joint law and every conditional (Rojas et al. 2025, Diffuse Everything,
    arXiv 2506.07903).

    Parameters
    ----------
    modalities : mapping of str to Modality
        For instance ``{"image": ImageModality(8, 8), "label": CategoricalModality(10)}``. They are
        copied by `fit`, not changed.
    joint : Shared, optional
        How the modalities are tied. By default each has a process of its own (the product process
        of Diffuse Everything); `Shared` is the one process of MT-Diffusion.
    preset, max_time, max_steps, batch_size, learning_rate, width, depth, n_steps, solver
        As for `TabularDiffusion`; the presets are those in ``MultimodalDiffusion.presets``, sized
        for tokens that carry more than a cell.
    eta : float
        Stochasticity of the sampler in [0, 1]; 0 is deterministic, 1 ancestral. Fresh noise
        corrects early mistakes: more images show what their label says. "heun" and "heun-tau" (Heun
        for numbers, tau-leaping for categories: the sampler of the paper) need 0.
    precision : {"auto", "float32", "bfloat16"}
        Type of the products of matrices in the network; weights and sums are float32. "auto" is
        "bfloat16" on a GPU and on a processor that multiplies such numbers, where it takes half
        the time; otherwise "float32".
    checkpoint, random_state, device, verbose, callbacks
        As for `TabularDiffusion`.

    Attributes
    ----------
    history_, stop_reason_, preset_, n_parameters_, n_iter_, n_rows_, fit_time_, denoiser_
        As for `TabularDiffusion`.

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

    def __init__(
        self,
        modalities: Mapping[str, Modality],
        *,
        joint: JointFamily | None = None,
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
        checkpoint: str | os.PathLike[str] | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: int = 1,
        callbacks: Sequence[Any] | None = None,
    ) -> None:
        self.modalities = modalities
        self.joint = joint
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
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.device = device
        self.verbose = verbose
        self.callbacks = callbacks

    def fit(self, X: Mapping[str, Any], y: Any = None) -> MultimodalDiffusion:
        """Learn the joint distribution of the modalities.

        Parameters
        ----------
        X : mapping of str to array_like
            For each modality an array with one entry a row, in the form its ``encode`` takes.
        y : None
            Ignored.

        Returns
        -------
        MultimodalDiffusion
            This estimator.

        Raises
        ------
        ParameterError, DataError, DataTypeError
            What is wrong, where, and what to do, before any work.
        TrainingDivergedError
            When the loss stops being finite.
        """
        started = time.perf_counter()
        setup = self._set_up()
        _check_preset(setup.preset)
        modalities = _copies(self.modalities)
        data = _encode(modalities, _check_parts(X, modalities))
        rows = _check_rows(data)
        plan = self._plan(setup, rows, started)
        tie = ProductProcess if self.joint is None else self.joint.build
        denoiser = build_denoiser(
            modalities,
            setup.preset.network,
            child_seed(plan.seed, "init"),
            tie,
            resolve_precision(self.precision, setup.device),
        )
        self._train(plan, denoiser, data, _time_law(setup.preset))
        self.example_ndims_ = {name: np.ndim(X[name]) - 1 for name in modalities}
        return self

    def sample(
        self,
        n_samples: int = 1,
        *,
        conditions: Mapping[str, Any] | None = None,
        guidance: float | Guidance | None = None,
        random_state: Any = None,
        batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Draw from the joint law, or from a conditional of it.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows, at least 1.
        conditions : mapping of str to array_like, optional
            Modalities that are known: one value for all rows, or an array with one for each row.
            They come back as they were given. A value may have gaps, which are drawn: NaN in
            pixels and numbers, -1 among codes.
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
        dict of str to ndarray
            Every modality, as its ``decode`` returns it; conditions as they were given.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            When a parameter is out of range, a condition names no modality, or there is guidance
            without conditions.
        DataError
            When a condition does not fit its modality, for instance an unknown category.
        """
        check_is_fitted(self, "denoiser_")
        self._check_count(n_samples)
        parts = self.denoiser_.joint.parts()
        evidence = None
        given = {} if conditions is None else self._spread(conditions, n_samples)
        owner = f"{type(self).__name__}.sample"
        lean = make_guidance(guidance, owner, has_evidence=bool(given))
        known: dict[str, torch.Tensor] = {}
        if given:
            pairs = {
                name: _worded(name, parts[name].observe, array) for name, array in given.items()
            }
            known = {name: mask for name, (_, mask) in pairs.items()}
            evidence = Evidence(Observed({name: x for name, (x, _) in pairs.items()}, known))
        state = self._sample_state(n_samples, random_state, batch_size, n_steps, evidence, lean)
        drawn = {name: parts[name].decode(x) for name, x in state.items()}
        filled = {
            name: parts[name].fill(array, drawn[name], known[name].numpy())
            for name, array in given.items()
        }
        return drawn | filled

    def _spread(
        self, conditions: Mapping[str, Any], n_samples: int
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Give each row its condition."""
        if not isinstance(conditions, Mapping):
            raise DataTypeError(
                "conditions must map names of modalities to values. "
                f"Got {type(conditions).__name__} instead."
            )
        spread = {}
        for name, value in conditions.items():
            if name not in self.example_ndims_:
                raise ParameterError(
                    f"conditions name an unknown modality {name!r}. "
                    f"Known: {sorted(self.example_ndims_)}."
                )
            array = np.asarray(value)
            if array.ndim == self.example_ndims_[name]:
                array = np.repeat(array[None], n_samples, axis=0)
            if array.ndim == 0 or len(array) != n_samples:
                raise DataError(
                    f"conditions[{name!r}] has {np.shape(value)[:1]} rows, but n_samples="
                    f"{n_samples}. Give one value, or one for each row."
                )
            spread[name] = array.copy()
        return spread


def _check_preset(preset: Preset) -> None:
    """Refuse what would change nothing: the modalities are made by the user."""
    usual = MULTIMODAL_PRESETS["fast"]
    for name in TABLES_ONLY:
        if getattr(preset, name) != getattr(usual, name):
            raise ParameterError(
                f"The field {name!r} of a Preset is for tables; MultimodalDiffusion takes its "
                f"modalities as they are. Got {getattr(preset, name)!r}; leave it at "
                f"{getattr(usual, name)!r} and set what you need on the modality."
            )


def _copies(modalities: Any) -> dict[str, Modality]:
    """Copy the modalities, which the constructor stored as they were given."""
    if not isinstance(modalities, Mapping) or not modalities:
        raise ParameterError(
            "The 'modalities' parameter of MultimodalDiffusion must be a non-empty mapping of "
            f"names to modalities. Got {modalities!r} instead."
        )
    for name, modality in modalities.items():
        if not isinstance(name, str) or not isinstance(modality, Modality):
            raise ParameterError(
                f"modalities[{name!r}] must be a Modality under a name that is a string. "
                f"Got {modality!r} instead."
            )
    return {name: copy.deepcopy(modality) for name, modality in modalities.items()}


def _check_parts(X: Any, modalities: Mapping[str, Modality]) -> dict[str, Any]:
    """Check that there is one array for each modality."""
    if not isinstance(X, Mapping):
        raise DataTypeError(
            f"X must map the names of the modalities to arrays. Got {type(X).__name__} instead."
        )
    if set(X) != set(modalities):
        names = sorted(X, key=str)
        raise DataError(f"X must hold exactly {sorted(modalities)}. Got {names} instead.")
    return {name: X[name] for name in modalities}


def _encode(
    modalities: Mapping[str, Modality], values: Mapping[str, Any]
) -> dict[str, torch.Tensor]:
    """Encode the values of each modality."""
    return {name: _worded(name, modalities[name].encode, given) for name, given in values.items()}


def _worded(name: str, read: Callable[[Any], _T], values: Any) -> _T:
    """Read the values of a modality; a refusal says which modality it is about."""
    try:
        return read(values)
    except DataError as error:
        raise DataError(f"{name!r}: {error}") from error


def _check_rows(data: Mapping[str, torch.Tensor]) -> int:
    counts = {name: len(values) for name, values in data.items()}
    rows = set(counts.values())
    if len(rows) != 1:
        raise DataError(f"All modalities must have the same number of rows. Got {counts}.")
    if (found := rows.pop()) < 2:
        raise DataError(f"Found n_samples = {found} while a minimum of 2 is required.")
    return found
