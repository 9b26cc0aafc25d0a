"""The one network contract: a state and its times in, a prediction of the clean data out."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from tabdiffuse.joint import JointProcess, Prediction, State, Times

__all__ = ["Backbone", "Denoise", "Denoiser"]


class Denoise(Protocol):
    """What the sampling loop asks for; guidance and exact oracles have the same signature."""

    def __call__(self, state: State, times: Times) -> Prediction:
        """Predict the clean data: means of numbers, log-probabilities of categories."""
        ...


class Backbone(Protocol):
    """Tokens ``(B, L, D)`` and times ``(B, L)`` or ``(B, 1)`` in, tokens out."""

    def __call__(self, tokens: Tensor, times: Tensor) -> Tensor:
        """Map tokens to tokens of the same shape."""
        ...


class Denoiser(nn.Module):
    """A joint process and a backbone: tokenize, transform, read.

    Parameters
    ----------
    joint : JointProcess
        Embeds the state and reads the output.
    backbone : nn.Module
        Maps tokens and their times to tokens.
    """

    def __init__(self, joint: JointProcess, backbone: nn.Module) -> None:
        super().__init__()
        self.joint = joint
        self.backbone = backbone
        joint.attach(self.raw)

    def raw(self, state: State, times: Times) -> Prediction:
        """Return the raw outputs, which the training loss compares with its targets."""
        tokens, token_times = self.joint.tokenize(state, times)
        return self.joint.read(self.backbone(tokens, token_times))

    def forward(self, state: State, times: Times) -> Prediction:
        """Return predictions of the clean data."""
        return self.joint.parameterize(self.raw(state, times), state, times)
