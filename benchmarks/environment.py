"""What a result was computed with: commit, library versions, hardware."""

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

METRIC_LIBRARIES = ("xgboost", "scikit-learn", "pandas", "numpy", "scipy")
LIBRARIES = ("torch", *METRIC_LIBRARIES)
ALIASES = {"xgboost": ("xgboost", "xgboost-cpu")}

# What makes a result; finished results themselves do not make a checkout dirty.
SHOWN = ("benchmarks/results", "benchmarks/figures", "benchmarks/*.md")
CODE = ("tabdiffuse", "benchmarks", "datasets", "pyproject.toml", *(f":!{path}" for path in SHOWN))
ROOT = Path(__file__).resolve().parent.parent


def versions(libraries: Sequence[str]) -> dict[str, str | None]:
    """Installed version of each library; None where there is none."""
    return {name: _version(name) for name in libraries}


def describe() -> dict[str, Any]:
    """Commit, versions and hardware, for a result line."""
    import tabdiffuse

    own = {"tabdiffuse": tabdiffuse.__version__, "python": platform.python_version()}
    return {
        "git": git_state(),
        "versions": {**own, **versions(LIBRARIES)},
        "hardware": hardware(),
    }


def cores() -> int:
    """Count the cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def git_state() -> dict[str, Any]:
    """Commit of the checkout and whether its code differs from it; nulls outside of git."""
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--", *CODE)
    return {"commit": commit or None, "dirty": None if changes is None else bool(changes)}


def hardware() -> dict[str, Any]:
    """CPU model, cores this process may use, threads torch uses, GPU."""
    import torch

    return {
        "cpu": _cpu_model(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _version(name: str) -> str | None:
    for distribution in ALIASES.get(name, (name,)):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def _git(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _cpu_model() -> str:
    """Name of the CPU, from the kernel where it tells."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
