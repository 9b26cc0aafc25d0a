"""Who says what a picture shows: a small convolutional network trained on real labelled images.

Its labels tell whether a drawn image shows what was asked for, and its features are what Fréchet
distance and its kin compare, so no downloaded weights are needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tabdiffuse.errors import DataError, ParameterError

FEATURES = 64
WIDTH = 16
MIN_SIZE = 16
SHOWN = 180_000  # images shown in a training of default length: 3 epochs of MNIST
BATCH = 128
READ_BATCH = 500
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 0.01
SMOOTHING = 0.05
SHIFT = 2  # pixels, in each direction
ROUNDING = 1e-3  # how far a pixel may lie outside [0, 1]


class JudgeNetwork(nn.Module):
    """Three convolutions with batch norm, a 3 x 3 average pool, one hidden layer.

    Parameters
    ----------
    channels : int
        Channels of an image.
    classes : int
        Number of labels.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(channels, WIDTH, kernel=5, stride=2),
            *_convolution(WIDTH, 2 * WIDTH),
            nn.MaxPool2d(2),
            *_convolution(2 * WIDTH, 4 * WIDTH),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
            nn.Linear(4 * WIDTH * 9, FEATURES),
            nn.SiLU(),  # no feature dies, as some would with ReLU
        )
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Give logits ``(B, classes)`` of images ``(B, C, H, W)``."""
        logits: Tensor = self.head(self.body(images))
        return logits


@dataclass(frozen=True)
class Judge:
    """A trained classifier of images; make one with `Judge.train`.

    Parameters
    ----------
    network : JudgeNetwork
        In evaluation mode.
    labels : ndarray, shape (classes,)
        The label that each class stands for.
    channels : int
        Channels of the images it was trained on.
    """

    network: JudgeNetwork
    labels: NDArray[Any]
    channels: int

    @classmethod
    def train(
        cls,
        images: NDArray[Any],
        labels: NDArray[Any],
        *,
        seed: int = 0,
        epochs: int | None = None,
        device: str = "cpu",
    ) -> Judge:
        """Train a judge on real images.

        Batches are shifted by up to two pixels, and the learning rate follows one cycle. Equal
        arguments give the same judge on the same machine, and no global random state is touched.

        Parameters
        ----------
        images : ndarray, shape (n, H, W) or (n, H, W, C)
            Pixels in [0, 1]; H and W at least 16, C 1 or 3.
        labels : ndarray, shape (n,)
            At least two different ones.
        seed : int
            Of the first weights, the order of the images and their shifts.
        epochs : int, optional
            Passes over the images; by default as many as show 180,000 of them.
        device : str
            Where it trains and reads.

        Returns
        -------
        Judge
            After a training on MNIST: 99.4 % of the test digits are read rightly.

        Raises
        ------
        DataError
            Images or labels cannot be learnt from.
        ParameterError
            ``epochs`` is below 1.
        """
        pixels = _as_tensor(images)
        known, codes = np.unique(labels, return_inverse=True)
        if np.shape(labels) != (len(pixels),) or len(known) < 2:
            raise DataError(
                f"labels must hold one label for each of the {len(pixels)} images, and two "
                f"different ones; got shape {np.shape(labels)} with {len(known)} different ones."
            )
        if epochs is not None and epochs < 1:
            raise ParameterError(f"epochs must be at least 1; got {epochs}.")
        passes = epochs if epochs is not None else -(-SHOWN // len(pixels))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            network = JudgeNetwork(pixels.shape[1], len(known))
        network.to(device)
        targets = torch.as_tensor(codes, dtype=torch.long, device=device)
        order = torch.Generator().manual_seed(seed)
        _fit(network, pixels.to(device), targets, passes, order)
        return cls(network.eval(), known, pixels.shape[1])

    def read(self, images: NDArray[Any]) -> NDArray[Any]:
        """Tell which label each image shows, ``(n,)``."""
        read: NDArray[Any] = self.labels[self._apply(self.network, images).argmax(axis=1)]
        return read

    def probabilities(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Give the probability of each of `labels`, ``(n, classes)``."""
        logits = self._apply(self.network, images)
        return np.asarray(torch.as_tensor(logits).softmax(dim=1).numpy())

    def features(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Give what the last layer sees, ``(n, 64)``: the inputs of distances between laws."""
        return self._apply(self.network.body, images)

    def accuracy(self, images: NDArray[Any], labels: NDArray[Any]) -> float:
        """Share of images read as their label, in [0, 1]."""
        if np.shape(labels) != (len(images),):
            raise DataError(
                f"labels must have one entry for each of the {len(images)} images; got shape "
                f"{np.shape(labels)}."
            )
        return float((self.read(images) == labels).mean())

    def _apply(self, part: nn.Module, images: NDArray[Any]) -> NDArray[np.float32]:
        """Run a part of the network in batches of one size, without gradients."""
        pixels = _as_tensor(images)
        if pixels.shape[1] != self.channels:
            raise DataError(
                f"The judge was trained on images of {self.channels} channels; got "
                f"{pixels.shape[1]}. Convert them, or train another judge."
            )
        device = self.network.head.weight.device
        with torch.inference_mode():
            read = [part(batch.to(device)).cpu() for batch in pixels.split(READ_BATCH)]
        return np.asarray(torch.cat(read).numpy())


def _convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def _fit(
    network: JudgeNetwork, pixels: Tensor, targets: Tensor, epochs: int, order: torch.Generator
) -> None:
    """Train in place: AdamW, one cycle of the learning rate, smoothed labels."""
    size = min(BATCH, len(pixels))
    steps = epochs * (len(pixels) // size)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    # A cycle of fewer than 4 steps has no descent.
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=max(steps, 4))
    network.train()
    for _ in range(epochs):
        for rows in _batches(len(pixels), size, order):
            chosen = rows.to(pixels.device)
            logits = network(_shifted(pixels[chosen], order))
            loss = functional.cross_entropy(logits, targets[chosen], label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            cycle.step()


def _batches(rows: int, size: int, order: torch.Generator) -> Iterator[Tensor]:
    """Give row numbers in random order; what does not fill a batch waits for another epoch."""
    permuted = torch.randperm(rows, generator=order)
    yield from permuted[: rows - rows % size].split(size)


def _shifted(images: Tensor, order: torch.Generator) -> Tensor:
    """Shift a batch by one random offset; the border pixels are repeated."""
    height, width = images.shape[2:]
    top, left = torch.randint(0, 2 * SHIFT + 1, (2,), generator=order).tolist()
    padded = functional.pad(images, (SHIFT,) * 4, mode="replicate")
    cut = padded[:, :, top : top + height, left : left + width]
    return cut.contiguous(memory_format=torch.channels_last)


def _as_tensor(images: NDArray[Any]) -> Tensor:
    """Check images and give them as ``(n, C, H, W)`` float32, channels last in memory."""
    pixels = np.asarray(images, dtype=np.float32)
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 3) or min(pixels.shape[1:3]) < MIN_SIZE:
        raise DataError(
            f"images must have shape (n, H, W) or (n, H, W, C) with 1 or 3 channels, H and W at "
            f"least {MIN_SIZE}; got {np.shape(images)}."
        )
    if not len(pixels):
        raise DataError("There are no images to look at; got 0 rows.")
    low, high = float(pixels.min()), float(pixels.max())
    # Written so that a NaN fails too.
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        raise DataError(
            f"Pixels must lie in [0, 1]; got values from {low:g} to {high:g}. Scale or clip them."
        )
    return torch.as_tensor(pixels).permute(0, 3, 1, 2)
