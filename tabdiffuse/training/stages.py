"""Stages of a run: what is learnt first, what is frozen meanwhile, and what is learnt last.

A model of several modalities may be trained in stages: one modality by itself, then what reads
another while the rest is frozen, then everything (Rojas et al. 2025, arXiv 2506.07903, for text and
images). A stage starts from the averages of the weights at the end of the one before.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate
from numbers import Real
from typing import Any

import torch
from torch import nn

from tabdiffuse.denoiser import Denoiser
from tabdiffuse.errors import ParameterError
from tabdiffuse.times import Times

__all__ = ["BACKBONE", "Stage", "StageKeeper", "check_stages"]

BACKBONE = "backbone"
"""Name of the parameters that belong to no modality."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Stage:
    """A part of a run in which some modalities are learnt.

    Parameters
    ----------
    share : float
        Share of the run, in steps or in time, in (0, 1].
    losses : sequence of str, optional
        Modalities whose loss counts; by default all that are not hidden. Where the loss of only
        one counts, the others are its evidence.
    trains : sequence of str, optional
        Modalities whose own parameters train, and "backbone" for what they share; by default
        everything. The rest is frozen: no gradient, no change of the optimizer's moments, no weight
        decay.
    hidden : sequence of str, optional
        Modalities held at time 1, where they are noise, so that the marginal of the others is
        learnt; none by default.

    Raises
    ------
    ParameterError
        When the share is out of its range, or names are no sequence of names.

    Examples
    --------
    >>> from tabdiffuse import Stage
    >>> Stage(0.5, hidden=["text"])
    Stage(share=0.5, losses=None, trains=None, hidden=('text',))
    """

    share: float
    losses: Sequence[str] | None = None
    trains: Sequence[str] | None = None
    hidden: Sequence[str] = ()

    def __post_init__(self) -> None:
        share: Any = self.share
        if isinstance(share, bool) or not isinstance(share, Real) or not 0 < float(share) <= 1:
            _refuse("share", "a number above 0 and at most 1", share)
        for name in ("losses", "trains"):
            if getattr(self, name) is not None:
                self._set_names(name)
                if not getattr(self, name):
                    _refuse(name, "names, at least one, or None for all", ())
        self._set_names("hidden")
        both = [name for name in self.losses or () if name in self.hidden]
        if both:
            _refuse("losses", f"modalities that are not hidden, unlike {both[0]!r}", self.losses)

    def _set_names(self, field: str) -> None:
        """Turn a list of names into a tuple, so that the stage is a value."""
        given = getattr(self, field)
        if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
            _refuse(field, "a list of names", given)
        object.__setattr__(self, field, tuple(given))

    def counts(self, name: str) -> bool:
        """Tell whether the loss of a modality counts."""
        return name not in self.hidden if self.losses is None else name in self.losses

    def hide(self, times: Times) -> Times:
        """Hold the hidden modalities at time 1."""
        return times | {name: torch.ones_like(times[name]) for name in self.hidden}


def check_stages(stages: Any, modalities: Collection[str]) -> tuple[Stage, ...]:
    """Check that stages fit together and name modalities that are there.

    Parameters
    ----------
    stages : sequence of Stage or None
        What the user gave; None and an empty sequence are a run in one piece.
    modalities : collection of str
        Names of the modalities.

    Returns
    -------
    tuple of Stage
        The stages; empty for a run in one piece.

    Raises
    ------
    ParameterError
        When something is no stage, the shares do not add up to 1, a name is unknown or ambiguous,
        or a stage has nothing to learn.
    """
    if stages is None:
        return ()
    if not isinstance(stages, list | tuple) or not all(isinstance(s, Stage) for s in stages):
        raise ParameterError(
            "stages must be a list such as [Stage(0.5, losses=['image']), Stage(0.5)]. "
            f"Got {stages!r} instead."
        )
    total = math.fsum(stage.share for stage in stages)
    if stages and abs(total - 1) > _ROUNDING:
        shares = [stage.share for stage in stages]
        raise ParameterError(f"The shares of the stages must add up to 1. Got {shares}: {total}.")
    for number, stage in enumerate(stages):
        _check_names(f"stages[{number}]", stage, modalities)
    return tuple(stages)


def _check_names(place: str, stage: Stage, modalities: Collection[str]) -> None:
    """Refuse names of no modality, and a stage in which nothing is learnt."""
    named = {"losses": stage.losses or (), "trains": stage.trains or (), "hidden": stage.hidden}
    for field, names in named.items():
        known = [*modalities, BACKBONE] if field == "trains" else [*modalities]
        for name in names:
            if name not in known:
                raise ParameterError(
                    f"{field} of {place} names an unknown modality {name!r}. Known: {known}."
                )
    if BACKBONE in named["trains"] and BACKBONE in modalities:
        raise ParameterError(
            f"trains of {place} names {BACKBONE!r}, which is what all modalities share but also "
            "the name of one. Rename the modality."
        )
    if not any(map(stage.counts, modalities)):
        raise ParameterError(
            f"{place} hides every modality, so that nothing is learnt. Got hidden={stage.hidden}."
        )


class StageKeeper:
    """Freezes the parameters of a denoiser as the present stage wants them, while it is entered.

    Parameters
    ----------
    stages : sequence of Stage
        Stages of the run; none is a run in one piece.
    denoiser : Denoiser
        The network that trains.
    starts : list of int
        Steps after which the stages so far began, at least that of the first; it grows as they
        begin.
    """

    def __init__(self, stages: Sequence[Stage], denoiser: Denoiser, starts: list[int]) -> None:
        self._stages = tuple(stages) or (Stage(1.0),)
        self._ends = list(accumulate(stage.share for stage in self._stages))[:-1]
        self._owned = _owned(denoiser)
        self._starts = starts

    def __enter__(self) -> StageKeeper:
        self._freeze()
        return self

    def __exit__(self, *raised: object) -> None:
        for parameters in self._owned.values():
            for parameter in parameters:
                parameter.requires_grad_(True)

    @property
    def stage(self) -> Stage:
        """The present stage."""
        return self._stages[len(self._starts) - 1]

    @property
    def start(self) -> int:
        """The step after which it began."""
        return self._starts[-1]

    def is_over(self, fraction: float) -> bool:
        """Tell whether the present stage ends where this share of the run is done."""
        place = len(self._starts) - 1
        return place < len(self._ends) and fraction >= self._ends[place] - _ROUNDING

    def begin_next(self, step: int) -> None:
        """Go on to the next stage."""
        self._starts.append(step)
        self._freeze()

    def _freeze(self) -> None:
        trains = self.stage.trains
        for name, parameters in self._owned.items():
            for parameter in parameters:
                parameter.requires_grad_(trains is None or name in trains)


def _owned(denoiser: Denoiser) -> dict[str, list[nn.Parameter]]:
    """Sort the parameters that learn by modality; the rest is the backbone's."""
    owned = {name: list(part.parameters()) for name, part in denoiser.joint.parts().items()}
    taken = {parameter for parameters in owned.values() for parameter in parameters}
    rest = [parameter for parameter in denoiser.parameters() if parameter not in taken]
    owned[BACKBONE] = owned.get(BACKBONE, []) + rest
    return {name: [p for p in some if p.requires_grad] for name, some in owned.items()}


def _refuse(name: str, wanted: str, value: Any) -> None:
    raise ParameterError(f"The {name!r} of Stage must be {wanted}. Got {value!r} instead.")
