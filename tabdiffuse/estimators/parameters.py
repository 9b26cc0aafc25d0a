"""Rules for the parameters of the estimators, and how the automatic ones are resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch

from tabdiffuse._random import child_seed
from tabdiffuse.errors import ParameterError
from tabdiffuse.estimators.presets import PRESETS, Preset
from tabdiffuse.estimators.rules import (
    COUNT,
    COUNT_OR_NONE,
    FLAG,
    NON_NEGATIVE,
    POSITIVE_OR_NONE,
    SHARE,
    WIDTH_OR_NONE,
    Rule,
    is_int,
    one_of,
)
from tabdiffuse.sampling.guidance import Guidance
from tabdiffuse.sampling.solvers import Euler, Heun, HeunTau, Solver, TwoM

__all__ = [
    "check_parameters",
    "make_guidance",
    "make_solver",
    "make_stochastic_solver",
    "resolve_device",
    "resolve_optimizer",
    "resolve_precision",
    "resolve_seed",
]

_LARGEST_SEED = 2**32 - 1


def _is_seed(value: Any) -> bool:
    generators = (np.random.RandomState, np.random.Generator)
    return value is None or isinstance(value, generators) or (is_int(value) and value >= 0)


def _is_device(value: Any) -> bool:
    if isinstance(value, str) and value == "auto":
        return True
    if not isinstance(value, str | torch.device):
        return False
    try:
        return torch.device(value).type != "meta"
    except RuntimeError:
        return False


_SOLVERS: dict[str, Callable[[float], Solver]] = {
    "euler": Euler,
    "2m": TwoM,
    "heun": lambda eta: Heun(),
    "heun-tau": lambda eta: HeunTau(),
}
_DETERMINISTIC = ("heun", "heun-tau")

# From here on products of matrices are worth half the bits, and their weights Muon.
_WIDE = 64
_PRESET = one_of(("auto", *PRESETS))

RULES: dict[str, Rule] = {
    "n_samples": COUNT,
    "n_draws": COUNT,
    "relative": FLAG,
    "agg": one_of(("mean", "median", "mode")).or_none(),
    "preset": Rule(
        lambda v: isinstance(v, Preset) or _PRESET.accepts(v),
        f"{_PRESET.text}, or a Preset such as replace(PRESETS['fast'], heads=4)",
    ),
    "max_time": POSITIVE_OR_NONE,
    "max_steps": COUNT_OR_NONE,
    "batch_size": COUNT_OR_NONE,
    "learning_rate": POSITIVE_OR_NONE,
    "width": WIDTH_OR_NONE,
    "depth": COUNT_OR_NONE,
    "n_steps": COUNT_OR_NONE,
    "solver": one_of(tuple(_SOLVERS)),
    "eta": SHARE,
    "precision": one_of(("auto", "float32", "bfloat16")),
    "optimizer": one_of(("auto", "muon", "adamw")),
    "joint": Rule(
        lambda v: v is None or callable(getattr(v, "build", None)),
        "a way to tie modalities, such as Shared('image'), or None",
    ),
    "guidance": Rule(
        lambda v: v is None or isinstance(v, Guidance) or NON_NEGATIVE.accepts(v),
        f"{NON_NEGATIVE.text} (1 is no guidance), a Guidance such as "
        "Guidance(2.0, interval=(0.2, 0.8)), or None",
    ),
    "warm_start": FLAG,
    "checkpoint": Rule(
        lambda v: v is None or isinstance(v, str) or hasattr(v, "__fspath__"), "a path or None"
    ),
    "random_state": Rule(_is_seed, "a non-negative integer, a numpy random generator or None"),
    "device": Rule(_is_device, "'auto' or the name of a torch device such as 'cpu' or 'cuda:0'"),
    "verbose": Rule(
        lambda v: FLAG.accepts(v) or (is_int(v) and v >= 0), "a non-negative integer or a bool"
    ),
    "callbacks": Rule(
        lambda v: v is None or (isinstance(v, list | tuple) and all(map(callable, v))),
        "a list of callables or None",
    ),
    "schema": Rule(
        lambda v: v is None or isinstance(v, Mapping),
        "a mapping of column names to kinds, such as {'zip': 'categorical'}, or None",
    ),
}
"""What each parameter may be; the message of every refusal is made from this table."""


def check_parameters(owner: str, parameters: Mapping[str, Any]) -> None:
    """Refuse parameters outside their range.

    Parameters
    ----------
    owner : str
        Name of the class, for the message.
    parameters : mapping of str to object
        Values by name; names without a rule pass.

    Raises
    ------
    ParameterError
        Names the parameter, what it must be, and what it is.
    """
    for name, value in parameters.items():
        rule = RULES.get(name)
        if rule is not None and not rule.accepts(value):
            raise ParameterError(
                f"The {name!r} parameter of {owner} must be {rule.text}. Got {value!r} instead."
            )
    solver = parameters.get("solver")
    if solver in _DETERMINISTIC and parameters.get("eta"):
        raise ParameterError(
            f"The {solver!r} solver of {owner} is deterministic and needs eta=0. "
            f"Got eta={parameters['eta']!r}; use solver='2m' or 'euler' for stochastic sampling."
        )


def make_solver(name: str, eta: float) -> Solver:
    """Return the solver of that name."""
    return _SOLVERS[name](eta)


def make_stochastic_solver(name: str) -> Solver:
    """Return the solver of that name with all its noise, or "2m" where it has none."""
    return make_solver("2m" if name in _DETERMINISTIC else name, 1.0)


def make_guidance(
    value: float | Guidance | None, owner: str = "sample", *, has_evidence: bool = True
) -> Guidance | None:
    """Turn the ``guidance`` parameter into what the sampler takes.

    Parameters
    ----------
    value : float, Guidance or None
        A strength, or more; 1 and None are no guidance.
    owner : str, default="sample"
        Name of the method, for the message.
    has_evidence : bool, default=True
        Whether there are conditions to lean on.

    Returns
    -------
    Guidance or None
        None where there is nothing to do.

    Raises
    ------
    ParameterError
        When the value is none of these, or there is nothing to lean on.
    """
    check_parameters(owner, {"guidance": value})
    guidance = value if value is None or isinstance(value, Guidance) else Guidance(float(value))
    if guidance is None or guidance.strength == 1:
        return None
    if not has_evidence:
        raise ParameterError(
            f"Guidance leans on conditions, and {owner} was given none. Got guidance={value!r}; "
            "pass conditions= too, or leave guidance at None."
        )
    return guidance


def resolve_optimizer(optimizer: str, width: int) -> Literal["muon", "adamw"]:
    """Turn the ``optimizer`` parameter, checked before, into one that pays at this width."""
    if optimizer == "muon" or (optimizer == "auto" and width >= _WIDE):
        return "muon"
    return "adamw"


def resolve_precision(
    precision: str, device: torch.device, width: int
) -> Literal["float32", "bfloat16"]:
    """Turn the ``precision`` parameter, checked before, into a type that is fast on the device."""
    if precision == "float32" or (precision == "auto" and width < _WIDE):
        return "float32"
    if precision == "bfloat16" or device.type == "cuda":
        return "bfloat16"
    # torch tells no public way; without its answer the exact type is the safe one.
    has_products = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bfloat16" if has_products() else "float32"


def resolve_device(device: str | torch.device, owner: str) -> torch.device:
    """Turn the ``device`` parameter into a device that is there.

    Parameters
    ----------
    device : str or torch.device
        "auto", or a device.
    owner : str
        Name of the class, for the message.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ParameterError
        When the device is no device, or not there.
    """
    check_parameters(owner, {"device": device})
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = torch.device(device)
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ParameterError(
            f"device={str(device)!r} was asked for, but torch finds no CUDA device. "
            "Use device='auto' or device='cpu'."
        )
    try:
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ParameterError(
            f"device={str(device)!r} was asked for, but torch cannot use it here: "
            f"{str(error).strip().splitlines()[0]} Use device='auto' or device='cpu'."
        ) from error
    return found


def resolve_seed(random_state: Any) -> int:
    """Turn ``random_state`` into a seed: an int as it is, a generator's next draw, or entropy."""
    if random_state is None:
        entropy = np.random.SeedSequence().entropy
        assert isinstance(entropy, int)
        return child_seed(entropy)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(_LARGEST_SEED, dtype=np.int64))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_LARGEST_SEED))
    return int(random_state)
