"""Checkpoints: a killed fit goes on where it was and, on a CPU, ends as if it had not been."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import torch

from tabdiffuse._version import __version__
from tabdiffuse.errors import ModelFileError
from tabdiffuse.io import (
    json_from_bytes,
    json_to_bytes,
    read_archive,
    tensors_from_bytes,
    tensors_to_bytes,
    write_archive,
)
from tabdiffuse.training.loop import Progress, TrainState

__all__ = ["Checkpoint"]


class Checkpoint:
    """A callback that saves the state of training from time to time.

    Parameters
    ----------
    path : str or path-like
        The file; it is replaced as a whole, and removed when the fit is done.
    identity : str
        Everything that must be the same for a resumed fit: data, parameters, seed.
    every : float, optional
        Seconds between two checkpoints.
    """

    def __init__(self, path: str | os.PathLike[str], identity: str, every: float = 30.0) -> None:
        self.path = Path(path)
        self.identity = hashlib.sha256(identity.encode()).hexdigest()
        self.every = every
        self._last = time.monotonic()

    def __call__(self, progress: Progress, state: TrainState) -> None:
        """Save the state when the last checkpoint is old enough."""
        if time.monotonic() - self._last >= self.every:
            self.write(state)
            self._last = time.monotonic()

    def write(self, state: TrainState) -> None:
        """Save the state."""
        record = {
            "identity": self.identity,
            "step": state.step,
            "elapsed": state.elapsed,
            "history": state.history,
        }
        tensors = {name: value.cpu().numpy() for name, value in state.tensors().items()}
        members = {
            "checkpoint.json": json_to_bytes(record),
            "state.safetensors": tensors_to_bytes(tensors),
        }
        write_archive(self.path, members, library_version=__version__)

    def restore(self, state: TrainState) -> None:
        """Load the state if the file is there.

        Raises
        ------
        ModelFileError
            When the file is damaged, or belongs to another fit.
        """
        if not self.path.exists():
            return
        members = read_archive(self.path)
        if "checkpoint.json" not in members:
            raise ModelFileError(f"{str(self.path)!r} is not a checkpoint; choose another path.")
        record = json_from_bytes(members["checkpoint.json"], name="checkpoint.json")
        if record["identity"] != self.identity:
            raise ModelFileError(
                f"The checkpoint {str(self.path)!r} belongs to a fit with other data or "
                "parameters. Delete it, or pass another path as checkpoint."
            )
        arrays = tensors_from_bytes(members["state.safetensors"], name="state.safetensors")
        state.load_tensors({name: torch.from_numpy(value) for name, value in arrays.items()})
        state.step = record["step"]
        state.elapsed = record["elapsed"]
        state.history = record["history"]

    def remove(self) -> None:
        """Delete the file, if there is one."""
        self.path.unlink(missing_ok=True)
