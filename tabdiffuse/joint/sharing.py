"""Shared: the choice of a shared process, before the modalities are known to it."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import nn

from tabdiffuse._random import Noise, child_seed, generator
from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.joint.aggregation import PRIOR_TOLERANCE, Aggregation
from tabdiffuse.joint.encoders import (
    BackboneEncoder,
    FixedGenerator,
    FunctionEncoder,
    IdentityEncoder,
    TableEncoder,
)
from tabdiffuse.joint.heads import CategoryHead, Head, NumberHead
from tabdiffuse.joint.shared import SharedProcess
from tabdiffuse.modalities import Modality
from tabdiffuse.processes import GaussianProcess, MaskedProcess
from tabdiffuse.spaces import CategoricalSpace, RealSpace

__all__ = ["Shared"]

_NAMES = ("identity", "generator", "backbone")


@dataclass(frozen=True, eq=False)
class Shared:
    """One diffusion for several modalities (MT-Diffusion, Chen et al. 2024, arXiv 2407.17571).

    One modality, the latent, is diffused; encodings of the others are added to it, and heads of the
    network predict them from it.

    Parameters
    ----------
    latent : str
        Name of the modality that is diffused; it must hold numbers, as images do.
    encoders : mapping of str to (str, array_like or callable), optional
        How other modalities enter the latent's state space:

        - ``"identity"``: as they are, for modalities of the same cells and features; the default
          for these,
        - ``"generator"``: by a fixed random linear map; the default for all others,
        - ``"backbone"``: as what the network expects of the latent given them; for numbers and
          single categories, and only with ``shows_known``,
        - an array with a value of the latent for each category, for instance the mean image of each
          class, in the form the latent's ``encode`` takes,
        - a callable: probabilities ``(B, cells, K)`` or numbers ``(B, cells, F)`` in, states
          ``(B, L, F)`` of the latent out. It is called without gradient.
    strength : float, default=1.0
        Factor on the encodings, at least 0; see `Aggregation`. 0 adds nothing, and leaves a
        diffusion of the latent with heads beside it.
    shows_known : bool, default=True
        Whether the network sees the modalities that are known (the paper's MT-X), or only the
        latent (MT-U).
    share_tokens : bool, default=True
        Whether a modality that is cut into the same places as the latent, such as a map into the
        same patches, or has its state space, is carried by the latent's tokens: half the tokens,
        and what belongs to one place is at one place. Otherwise each has tokens of its own.
    task_weight : float, default=0.1
        Weight lambda of the heads' losses relative to the latent's, at least 0; losses are
        means over cells.

    Raises
    ------
    ParameterError
        When a value is out of its range.

    Examples
    --------
    >>> from tabdiffuse.joint import Shared
    >>> Shared("image", strength=0.5).encoders
    {}
    """

    latent: str
    encoders: Mapping[str, Any] = field(default_factory=dict)
    strength: float = 1.0
    shows_known: bool = True
    share_tokens: bool = True
    task_weight: float = 0.1

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name in ("strength", "task_weight"):
            value = getattr(self, name)
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if not (is_number and 0 <= value < math.inf):
                raise ParameterError(
                    f"The {name!r} of Shared must be a finite number of at least 0. "
                    f"Got {value!r} instead."
                )
        for name in ("shows_known", "share_tokens"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise ParameterError(
                    f"The {name!r} of Shared must be True or False. Got {getattr(self, name)!r} "
                    "instead."
                )
        if not isinstance(self.encoders, Mapping):
            raise ParameterError(
                "The 'encoders' of Shared must map names of modalities to encoders. "
                f"Got {self.encoders!r} instead."
            )

    def build(self, modalities: Mapping[str, Modality]) -> SharedProcess:
        """Tie modalities together.

        Raises
        ------
        ParameterError
            When a name is unknown, or a modality cannot take the part it is given.
        """
        process = self._latent_process(modalities)
        tasks = {name: part for name, part in modalities.items() if name != self.latent}
        unknown = [name for name in self.encoders if name not in tasks]
        if unknown:
            raise ParameterError(
                f"The 'encoders' of Shared name {unknown}, which must be modalities beside the "
                f"latent {self.latent!r}. Known: {sorted(tasks)}."
            )
        aggregation = Aggregation(process.schedule, self.strength)
        if aggregation.left_at_prior() > PRIOR_TOLERANCE:
            raise ParameterError(
                f"The schedule of the latent {self.latent!r}, {process.schedule}, leaves "
                f"{aggregation.left_at_prior():.3g} of the encodings at time 1, where there must "
                "be noise alone. Use a variance-preserving schedule, such as VPCosine()."
            )
        return SharedProcess(
            modalities,
            self.latent,
            heads={name: _make_head(name, part) for name, part in tasks.items()},
            encoders={
                name: self._make_encoder(name, part, modalities[self.latent])
                for name, part in tasks.items()
            },
            aggregation=aggregation,
            shows_known=self.shows_known,
            share_tokens=self.share_tokens,
            task_weight=self.task_weight,
        )

    def _latent_process(self, modalities: Mapping[str, Modality]) -> GaussianProcess:
        if self.latent not in modalities:
            raise ParameterError(
                f"The 'latent' of Shared names no modality. Got {self.latent!r}; known: "
                f"{sorted(modalities)}."
            )
        process = modalities[self.latent].process
        if not isinstance(process, GaussianProcess):
            raise ParameterError(
                f"The latent {self.latent!r} must hold numbers under a Gaussian process. Got a "
                f"{type(modalities[self.latent]).__name__} under a {type(process).__name__}; name "
                "another modality as latent."
            )
        return process

    def _make_encoder(self, name: str, part: Modality, latent: Modality) -> nn.Module:
        """Make the encoder of a modality, and check what comes out of it."""
        space = _real_space(latent)
        given = self.encoders.get(name, "identity" if part.process.space == space else "generator")
        encoder = self._choose_encoder(name, given, part, latent)
        if not isinstance(encoder, BackboneEncoder):
            empty = _empty_mean(part)
            wanted, found = (2, space.cells, space.features), tuple(encoder(empty).shape)
            if found != wanted:
                raise ParameterError(
                    f"The encoder of {name!r} must turn means {tuple(empty.shape)} into states "
                    f"{wanted} of {self.latent!r}. Got {found} instead."
                )
        return encoder

    def _choose_encoder(self, name: str, given: Any, part: Modality, latent: Modality) -> nn.Module:
        if isinstance(given, str):
            return self._named_encoder(name, given, part, latent)
        if callable(given):
            return FunctionEncoder(copy.deepcopy(given))
        return TableEncoder(_read_table(name, given, part, latent))

    def _named_encoder(self, name: str, given: str, part: Modality, latent: Modality) -> nn.Module:
        own, space = part.process.space, _real_space(latent)
        if given == "identity":
            if own != space:
                raise ParameterError(
                    f"The encoder 'identity' of {name!r} needs the state space of {self.latent!r}, "
                    f"{space}. Got {own}; use 'generator', or a callable."
                )
            return IdentityEncoder()
        if given == "generator":
            seed = child_seed(0, "encoder", name)
            units = {"scale": _unit(latent), "unit": _unit(part)}
            return FixedGenerator(own, space, **units, seed=seed)
        if given == "backbone":
            return self._backbone_encoder(name, part)
        raise ParameterError(
            f"The encoder of {name!r} must be one of {_NAMES}, an array or a callable. "
            f"Got {given!r} instead."
        )

    def _backbone_encoder(self, name: str, part: Modality) -> BackboneEncoder:
        space = part.process.space
        if not self.shows_known:
            raise ParameterError(
                f"The encoder 'backbone' of {name!r} shows its values to the network, which "
                "shows_known=False forbids. Use 'generator', or shows_known=True."
            )
        if not isinstance(space, CategoricalSpace):
            return BackboneEncoder(None)
        if space.cells > 1:
            raise ParameterError(
                f"The encoder 'backbone' of {name!r} needs numbers or a single category. Got "
                f"{space.cells} categories; use 'generator'."
            )
        return BackboneEncoder(space.cardinalities[0])


def _make_head(name: str, part: Modality) -> Head:
    """Make the head that fits a modality's process."""
    if isinstance(part.process, MaskedProcess):
        return CategoryHead(part.process)
    if isinstance(part.process, GaussianProcess):
        return NumberHead(part.process)
    raise ParameterError(
        f"A shared process has heads for numbers and categories. Got {name!r} under a "
        f"{type(part.process).__name__}."
    )


def _read_table(name: str, given: Any, part: Modality, latent: Modality) -> torch.Tensor:
    """Turn an array with a value of the latent for each category into states."""
    space = part.process.space
    if not isinstance(space, CategoricalSpace) or space.cells > 1:
        raise ParameterError(
            f"An array as encoder of {name!r} needs a single category. Got {space}; use "
            "'generator', or a callable."
        )
    try:
        states = latent.draw(latent.encode(given), Noise([generator(0, "table", name)]))
    except DataError as error:
        raise ParameterError(f"The encoder of {name!r}: {error}") from error
    if len(states) != space.cardinalities[0]:
        raise ParameterError(
            f"The encoder of {name!r} must hold a value for each of its {space.cardinalities[0]} "
            f"categories. Got {np.shape(given)[:1]} instead."
        )
    return states


def _empty_mean(part: Modality) -> torch.Tensor:
    """Make two rows of zeros in the shape of a modality's means."""
    space = part.process.space
    if isinstance(space, CategoricalSpace):
        return torch.zeros(2, space.cells, max(space.cardinalities))
    return torch.zeros(2, space.cells, space.features)


def _unit(part: Modality) -> float:
    """Return the standard deviation of a number, 1 for categories."""
    return part.process.sigma_data if isinstance(part.process, GaussianProcess) else 1.0


def _real_space(latent: Modality) -> RealSpace:
    assert isinstance(latent.process.space, RealSpace)
    return latent.process.space
