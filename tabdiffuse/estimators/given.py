"""Names of modalities: those that are always given, and those that are wanted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tabdiffuse.errors import ParameterError
from tabdiffuse.estimators.parts import KnownPart

__all__ = ["check_given", "check_known", "check_wanted"]

_ADVICE = "a list of names of modalities, such as ['label'], that leaves one to be drawn, or None"


def check_given(given: Any, modalities: Collection[str], named: Collection[str]) -> tuple[str, ...]:
    """Check which modalities are always given; None is none of them.

    Only those that were ``named`` can be: the columns of a table are conditions one by one.

    Raises
    ------
    ParameterError
        When it is no list of names, names what is no modality, or leaves nothing to learn.
    """
    if given is None:
        return ()
    is_list = isinstance(given, Collection) and not isinstance(given, str)
    if not is_list or not given or set(given) >= set(modalities):
        raise ParameterError(
            f"The 'given' parameter of MultimodalDiffusion must be {_ADVICE}. "
            f"Got {given!r} instead."
        )
    for name in given:
        if name not in named:
            raise ParameterError(
                f"given names an unknown modality {name!r}. Known: {sorted(named)}."
            )
    return tuple(given)


def check_known(given: Collection[str], known: Mapping[str, KnownPart]) -> None:
    """Refuse conditions that leave open what the model never learnt to draw.

    Raises
    ------
    ParameterError
        Names the modality that is missing or has gaps.
    """
    for name in given:
        if name not in known or not bool(known[name].known.all()):
            raise ParameterError(
                f"{name!r} was given in training, so it must be given now, without gaps: pass it "
                f"among the conditions, or fit without given={list(given)} to draw it."
            )


def check_wanted(only: Any, names: Collection[str]) -> Collection[str]:
    """Check which modalities are wanted; None is all of them."""
    if only is None:
        return names
    if isinstance(only, str) or not isinstance(only, Collection) or not only:
        raise ParameterError(
            f"only must be a list of names of modalities, such as {[*names][:1]}, or None for all "
            f"of them. Got {only!r} instead."
        )
    for name in only:
        if name not in names:
            raise ParameterError(
                f"only names an unknown modality {name!r}. Known: {sorted(names, key=str)}."
            )
    return only
