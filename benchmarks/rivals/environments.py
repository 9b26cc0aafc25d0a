"""The virtual environments of the rivals: where they are, and how one is built."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements"
CONSTRAINTS = REQUIREMENTS / "constraints.txt"
WITHOUT_DEPENDENCIES = ".no-deps"
FOLDER_VARIABLE = "TABDIFFUSE_RIVALS"


class RivalError(click.ClickException):
    """A rival is not installed, failed, or returned something else than was asked for."""


def root() -> Path:
    """Folder of the environments; ``TABDIFFUSE_RIVALS`` names another one."""
    return Path(os.environ.get(FOLDER_VARIABLE) or HERE / ".venvs")


def known() -> list[str]:
    """Names of the environments that have requirements."""
    files = (path.stem for path in REQUIREMENTS.glob("*.txt") if path != CONSTRAINTS)
    return sorted(name for name in files if not name.endswith(WITHOUT_DEPENDENCIES))


def python(name: str) -> Path:
    """Interpreter of an environment, there or not."""
    inside = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    return root() / name / inside


def installed_python(name: str) -> Path:
    """Interpreter of an environment.

    Raises
    ------
    RivalError
        If the environment is not there; the message says how to build it.
    """
    path = python(name)
    if not path.is_file():
        raise RivalError(
            f"The environment {name!r} is not installed: there is no {path}. Build it with "
            f"'python -m benchmarks.rivals install {name}', or name the folder that has it in "
            f"{FOLDER_VARIABLE}."
        )
    return path


def commands(name: str) -> list[list[str]]:
    """Commands that build an environment, in order.

    Packages in ``<name>.no-deps.txt`` are installed without what they declare to need: their
    declarations cannot be met together, and ``<name>.txt`` lists what they do need.
    """
    interpreter = str(python(name))
    pip = [interpreter, "-m", "pip", "install", "--disable-pip-version-check"]
    steps = [[sys.executable, "-m", "venv", str(root() / name)]]
    alone = REQUIREMENTS / f"{name}{WITHOUT_DEPENDENCIES}.txt"
    if alone.is_file():
        steps.append([*pip, "--no-deps", "-r", str(alone)])
    steps.append([*pip, "-c", str(CONSTRAINTS), "-r", str(REQUIREMENTS / f"{name}.txt")])
    return steps


def install(
    name: str,
    say: Callable[[str], None] = click.echo,
    run: Callable[[Sequence[str]], int] = subprocess.call,
) -> None:
    """Build an environment, or bring it to the pinned versions.

    Parameters
    ----------
    name : str
        One of :func:`known`.
    say : callable
        Told each command before it runs.
    run : callable
        Runs a command and returns its exit status.

    Raises
    ------
    RivalError
        If the name is unknown or a command fails.
    """
    if name not in known():
        raise RivalError(f"Unknown environment {name!r}. Known: {', '.join(known())}.")
    for command in commands(name):
        say("$ " + " ".join(command))
        if status := run(command):
            raise RivalError(
                f"Environment {name!r}: the command above ended with status {status}. Its output "
                f"says why; remove {root() / name} to start over."
            )
