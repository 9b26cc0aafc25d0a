"""Seeds and noise: labelled child seeds, local generators, draws in fixed row blocks.

Nothing in the library touches a global random state. A seed and a list of labels name one stream of
numbers, so that initialisation, row order, training noise and each block of sampled rows are
independent, and any of them can be made again without replaying the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = [
    "Noise",
    "block_noise",
    "child_seed",
    "generator",
    "seeded_initialisation",
    "step_noise",
]

_SEED_BITS = 63


def child_seed(seed: int, *labels: str | int) -> int:
    """Derive the seed of a named child stream.

    Parameters
    ----------
    seed : int
        The parent seed.
    *labels : str or int
        The path of the child, for instance ``("block", 3)``.

    Returns
    -------
    int
        A seed in ``[0, 2**63)``; equal inputs give equal seeds on every platform.
    """
    digest = hashlib.sha256(repr((int(seed), *labels)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _SEED_BITS)


def generator(seed: int, *labels: str | int, device: str | torch.device = "cpu") -> torch.Generator:
    """Make the generator of a named child stream on a device."""
    return torch.Generator(device=device).manual_seed(child_seed(seed, *labels))


class Noise:
    """A source of random numbers for a batch of rows.

    Parameters
    ----------
    generators : sequence of torch.Generator
        One generator for each block of consecutive rows.
    device : str or torch.device, optional
        Where the numbers are wanted; by default the device of the first generator.
    host : torch.Generator, optional
        A CPU generator for draws that steer the program; by default the first generator.

    Notes
    -----
    With one generator this is an ordinary stream. With several, the rows are split evenly between
    them, so that the numbers a row sees depend on its block alone and never on what else is in the
    batch.
    """

    def __init__(
        self,
        generators: Sequence[torch.Generator],
        device: str | torch.device | None = None,
        host: torch.Generator | None = None,
    ) -> None:
        self._generators = list(generators)
        self._host = host if host is not None else self._generators[0]
        self.device = torch.device(device) if device is not None else self._generators[0].device

    @property
    def blocks(self) -> int:
        """Number of blocks of rows, each with numbers of its own."""
        return len(self._generators)

    def normal(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw standard normal numbers of the given shape; the first axis counts rows."""
        return self._draw(torch.randn, shape, dtype)

    def uniform(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw numbers uniform in [0, 1) of the given shape; the first axis counts rows."""
        return self._draw(torch.rand, shape, dtype)

    def host_uniform(self) -> float:
        """Draw one number in [0, 1) on the host, for choices that decide what is computed."""
        return float(torch.rand((), generator=self._host, dtype=torch.float64))

    def _draw(
        self, draw: Callable[..., Tensor], shape: Sequence[int], dtype: torch.dtype
    ) -> Tensor:
        rows, *rest = shape
        blocks = len(self._generators)
        assert rows % blocks == 0, f"{rows} rows do not split into {blocks} equal blocks"
        parts = [
            draw((rows // blocks, *rest), generator=g, device=g.device, dtype=dtype)
            for g in self._generators
        ]
        return (parts[0] if blocks == 1 else torch.cat(parts)).to(self.device)


def block_noise(seed: int, blocks: range, device: str | torch.device) -> Noise:
    """Make the noise of some blocks of sampled rows, each fed by its own child seed.

    The numbers are drawn on the CPU and moved, so that a model samples the same rows wherever its
    weights lie.
    """
    return Noise([generator(seed, "block", index) for index in blocks], device)


def step_noise(seed: int, step: int, device: str | torch.device) -> Noise:
    """Make the noise of one training step.

    It depends on the seed and the step alone, so that a resumed run needs no generator state.
    """
    host = generator(seed, "step", step)
    if torch.device(device).type == "cpu":
        return Noise([host])
    return Noise([generator(seed, "step", step, "device", device=device)], host=host)


@contextmanager
def seeded_initialisation(seed: int) -> Iterator[None]:
    """Seed the initialisers of ``torch.nn`` inside the block, and put the global state back.

    ``torch.nn`` modules draw their first weights from the global generator; this is the only place
    where it is used, and the caller's state is restored.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
