"""Checkpoints: a killed fit goes on where it was and, on a CPU, ends as if it had not been."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import torch

from tabdiffuse._version import __version__
from tabdiffuse.errors import ModelFileError, ParameterError
from tabdiffuse.io import (
    json_from_bytes,
    json_to_bytes,
    read_archive,
    tensors_from_bytes,
    tensors_to_bytes,
    write_archive,
)
from tabdiffuse.training.loop import Progress, TrainState

__all__ = ["Checkpoint", "check_checkpoint_path"]

_RECORD = "checkpoint.json"
_TENSORS = "state.safetensors"


def check_checkpoint_path(path: str | os.PathLike[str]) -> None:
    """Check that a checkpoint can be written there, before minutes are spent.

    Raises
    ------
    ParameterError
        When the folder is missing or not writable, or the path is a folder.
    """
    folder = Path(path).parent
    if not folder.is_dir():
        raise ParameterError(
            f"checkpoint={os.fspath(path)!r} lies in a folder that is not there. Make it first, "
            "or pass another path."
        )
    if Path(path).is_dir():
        raise ParameterError(
            f"checkpoint={os.fspath(path)!r} is a folder. Pass the path of a file."
        )
    if not os.access(folder, os.W_OK):
        raise ParameterError(
            f"checkpoint={os.fspath(path)!r} lies in a folder that cannot be written to. Pass "
            "another path."
        )


class Checkpoint:
    """A callback that saves the state of training from time to time.

    Parameters
    ----------
    path : str or path-like
        The file; it is replaced as a whole, and removed when the fit is done.
    identity : str
        Everything that must be the same for a resumed fit: data, parameters, start.
    seed : int
        Seed of the fit; `restore` puts that of the interrupted fit in its place.
    every : float, optional
        Seconds between two checkpoints.
    """

    def __init__(
        self, path: str | os.PathLike[str], identity: str, seed: int, every: float = 30.0
    ) -> None:
        self.path = Path(path)
        self.identity = hashlib.sha256(f"{__version__}/{identity}".encode()).hexdigest()
        self.seed = seed
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
            "seed": self.seed,
            "step": state.step,
            "elapsed": state.elapsed,
            "history": state.history,
            "stage_starts": state.stage_starts,
        }
        tensors = {name: value.cpu().numpy() for name, value in state.tensors().items()}
        members = {
            _RECORD: json_to_bytes(record),
            _TENSORS: tensors_to_bytes(tensors),
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
        try:
            members = read_archive(self.path)
        except ModelFileError as error:
            raise ModelFileError(
                f"The checkpoint cannot be read: {error} Delete it to start anew, or pass another "
                "path as checkpoint."
            ) from error
        if set(members) != {_RECORD, _TENSORS}:
            raise ModelFileError(
                f"{str(self.path)!r} is not a checkpoint. Pass another path as checkpoint."
            )
        record = json_from_bytes(members[_RECORD], name=_RECORD)
        if record["identity"] != self.identity:
            raise ModelFileError(
                f"The checkpoint {str(self.path)!r} belongs to a fit with other data, parameters "
                "or seed, or of another version. Delete it to start anew, or pass another path as "
                "checkpoint."
            )
        arrays = tensors_from_bytes(members[_TENSORS], name=_TENSORS)
        device = next(state.denoiser.parameters()).device
        tensors = {name: torch.from_numpy(value).to(device) for name, value in arrays.items()}
        state.load_tensors(tensors)
        self.seed = record["seed"]
        state.step = record["step"]
        state.elapsed = record["elapsed"]
        state.history = record["history"]
        state.stage_starts = record["stage_starts"]

    def remove(self) -> None:
        """Delete the file, if there is one."""
        self.path.unlink(missing_ok=True)
