"""Which rivals there are: for each method its script, its environment, its options."""

from typing import Any

from benchmarks.rivals.environments import HERE
from benchmarks.rivals.external import External


def _rival(name: str, environment: str, script: str, **options: Any) -> External:
    return External(name, environment, HERE / script, options)


RIVALS: dict[str, External] = {
    rival.name: rival
    for rival in (
        _rival("argn", "mostlyai", "argn.py"),
        _rival("argn-any-order", "mostlyai", "argn.py", overrides={"value_protection": False}),
        _rival(
            "argn-fixed-order",
            "mostlyai",
            "argn.py",
            overrides={"value_protection": False, "enable_flexible_generation": False},
        ),
        _rival("ctgan", "sdv", "gan.py", model="CTGAN"),
        _rival("tvae", "sdv", "gan.py", model="TVAE"),
        _rival("gaussian-copula", "sdv", "copula.py"),
        _rival("forest-flow", "forest", "forest_flow.py"),
        _rival("unmasking-trees", "utrees", "unmasking.py"),
        _rival("nrgboost", "nrgboost", "nrg.py"),
        _rival("arf", "arf", "arf.py"),
        _rival("synthpop", "synthpop", "cart.py"),
        _rival("smote", "smote", "smote.py"),
    )
}
"""Methods by name."""


def environments_of(name: str) -> list[str]:
    """Environments that a method, an environment, or ``all`` stands for."""
    if name == "all":
        return sorted({rival.environment for rival in RIVALS.values()})
    return [RIVALS[name].environment if name in RIVALS else name]
