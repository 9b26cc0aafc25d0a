"""The training loop: the only place where gradients are taken."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tabdiffuse._random import generator, step_noise
from tabdiffuse.denoiser import Denoiser
from tabdiffuse.errors import TrainingDivergedError
from tabdiffuse.joint import Batch
from tabdiffuse.nn.dit import token_matrices
from tabdiffuse.times import TimeLaw
from tabdiffuse.training.optim import PowerEMA, lr_factor, make_optimizer
from tabdiffuse.training.stages import Stage, StageKeeper

__all__ = ["Callback", "Progress", "TrainConfig", "TrainState", "train"]


@dataclass(frozen=True)
class TrainConfig:
    """How long and how to train.

    Attributes
    ----------
    max_steps : int or None
        Optimizer steps at most; None leaves the end to ``max_time``.
    max_time : float or None
        Seconds at most. The learning-rate schedule is laid over whichever limit is nearer.
    batch_size : int
        Rows of a step.
    learning_rate, warmup, final_lr : float
        Peak of the learning rate, share of the run spent warming up, last rate over peak.
    betas, weight_decay : tuple of float, float
        AdamW.
    optimizer : {"adamw", "muon"}
        What steps the matrices within the blocks of the backbone; everything else is AdamW's.
    products : torch.dtype
        Type of the products of matrices in Muon.
    clip : float
        Largest norm of the gradient.
    ema_gamma : float
        Exponent of the average of the weights.
    log_every : int
        Steps between two entries of the history and two calls of the callbacks.
    stages : tuple of Stage
        What is learnt in which part of the run; empty for everything throughout. The learning rate
        follows the whole run.
    """

    max_steps: int | None
    max_time: float | None
    batch_size: int
    learning_rate: float = 2e-3
    warmup: float = 0.02
    final_lr: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    optimizer: Literal["adamw", "muon"] = "adamw"
    products: torch.dtype = torch.float32
    clip: float = 1.0
    ema_gamma: float = 16.0
    log_every: int = 25
    stages: tuple[Stage, ...] = ()

    def progress(self, step: int, elapsed: float) -> float:
        """Return the share of the run that is done, in [0, 1]."""
        by_steps = step / self.max_steps if self.max_steps else 0.0
        by_time = elapsed / self.max_time if self.max_time else 0.0
        return min(1.0, max(by_steps, by_time))


@dataclass(frozen=True)
class Progress:
    """What a callback is told.

    Attributes
    ----------
    step, rows : int
        Steps taken and rows seen.
    elapsed, time_left : float
        Seconds spent and, at the present speed, to come.
    fraction : float
        Share of the run that is done, in [0, 1].
    loss : float
        Loss per cell, averaged since the last call.
    losses : dict of str to float
        The same for each modality.
    learning_rate, grad_norm, steps_per_second : float
        At the present step.
    """

    step: int
    rows: int
    elapsed: float
    time_left: float
    fraction: float
    loss: float
    losses: dict[str, float]
    learning_rate: float
    grad_norm: float
    steps_per_second: float

    def record(self) -> dict[str, float]:
        """Return one line of the history."""
        return {
            "step": self.step,
            "rows": self.rows,
            "seconds": self.elapsed,
            "loss": self.loss,
            **{f"loss_{name}": value for name, value in self.losses.items()},
            "learning_rate": self.learning_rate,
            "grad_norm": self.grad_norm,
        }


@dataclass
class TrainState:
    """Everything a run needs to go on from where it is.

    Random numbers need no entry: each step and each epoch has its own stream, named by its number.

    Attributes
    ----------
    denoiser, ema, optimizer
        Weights, their average and the moments of the optimizer.
    step, elapsed : int, float
        Steps and seconds so far.
    history : list of dict
        A line for each report.
    stage_starts : list of int
        Steps after which the stages so far began; the first at 0.
    """

    denoiser: Denoiser
    ema: PowerEMA
    optimizer: torch.optim.AdamW
    step: int = 0
    elapsed: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    stage_starts: list[int] = field(default_factory=lambda: [0])

    @classmethod
    def start(cls, denoiser: Denoiser, config: TrainConfig) -> TrainState:
        """Make the state before the first step."""
        parameters = list(denoiser.parameters())
        optimizer = make_optimizer(
            parameters,
            config.betas,
            config.weight_decay,
            hidden=token_matrices(denoiser) if config.optimizer == "muon" else (),
            dtype=config.products,
        )
        return cls(denoiser, PowerEMA(parameters, config.ema_gamma), optimizer)

    def tensors(self) -> dict[str, Tensor]:
        """Return weights, averages and optimizer moments under flat names.

        They are the live tensors of the run: serialise or clone them before the next step.
        """
        named = dict(self.denoiser.named_parameters())
        flat = {f"model/{name}": p.detach() for name, p in named.items()}
        flat |= {f"ema/{name}": p for name, p in zip(named, self.ema.average, strict=True)}
        for name, parameter in named.items():
            moments = self.optimizer.state.get(parameter, {})
            flat |= {f"optimizer/{key}/{name}": value for key, value in moments.items()}
        return flat

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Put back what ``tensors`` returned."""
        for (name, parameter), average in zip(
            self.denoiser.named_parameters(), self.ema.average, strict=True
        ):
            parameter.data.copy_(tensors[f"model/{name}"])
            average.copy_(tensors[f"ema/{name}"])
            moments = {
                key.split("/", 2)[1]: value.clone()
                for key, value in tensors.items()
                if key.startswith("optimizer/") and key.split("/", 2)[2] == name
            }
            self.optimizer.state[parameter] = moments


Callback = Callable[[Progress, TrainState], bool | None]


def train(
    denoiser: Denoiser,
    data: Batch,
    config: TrainConfig,
    time_law: TimeLaw,
    *,
    seed: int,
    callbacks: Sequence[Callback] = (),
    state: TrainState | None = None,
) -> tuple[TrainState, str]:
    """Train a denoiser; its weights end as their average over the last part of the run.

    Parameters
    ----------
    denoiser : Denoiser
        On the device of the data.
    data : dict of str to Tensor
        Rows of training data, encoded by the modalities, ``(n, ...)`` each.
    config : TrainConfig
        Limits and hyper-parameters.
    time_law : TimeLaw
        Times of the cells in each step.
    seed : int
        Seed of row order, noise and times. With ``max_steps`` alone, equal seeds give equal
        weights on a CPU.
    callbacks : sequence of callable, optional
        Called every ``config.log_every`` steps; one that returns True stops the run.
    state : TrainState, optional
        Where to go on; a fresh start by default.

    Returns
    -------
    state : TrainState
        The state after the last step.
    stop_reason : str
        "max_steps", "max_time" or "callback".

    Raises
    ------
    TrainingDivergedError
        When the loss is no longer a finite number.
    """
    state = state if state is not None else TrainState.start(denoiser, config)
    order = _RowOrder(data, config.batch_size, seed)
    meter = _Meter(config, state, order.batch_size)
    cells = denoiser.joint.cells
    device = next(denoiser.parameters()).device
    rate = 0.0
    denoiser.train()
    with StageKeeper(config.stages, denoiser, state.stage_starts) as stages:
        while (reason := meter.limit()) is None:
            while stages.is_over(meter.fraction()):
                # What is frozen from here on is frozen at its average; the next average is counted
                # from here and holds no weights of before.
                state.ema.copy_to_model()
                stages.begin_next(state.step)
            rate = config.learning_rate * lr_factor(
                meter.fraction(), config.warmup, config.final_lr
            )
            noise = step_noise(seed, state.step, device)
            batch = order.batch(state.step)
            x0 = denoiser.joint.draw(batch, noise)
            drawn = time_law.sample(cells, order.batch_size, noise)
            times = denoiser.joint.tie(stages.stage.hide(drawn))
            noised, targets = denoiser.joint.corrupt(x0, times, noise)
            raw = denoiser.raw(noised, times)
            losses = denoiser.joint.losses(raw, targets, noised, times)
            sums = {name: loss.mean() for name, loss in losses.items()}
            counted = [name for name in sums if stages.stage.counts(name)]
            loss = torch.stack([sums[name] for name in counted]).sum()
            loss = loss / sum(cells[name] for name in counted)
            state.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(denoiser.parameters(), config.clip)
            for group in state.optimizer.param_groups:
                group["lr"] = rate
            state.optimizer.step()
            state.step += 1
            state.ema.update(state.step - stages.start)
            meter.add(loss, {name: value / cells[name] for name, value in sums.items()}, norm)
            if state.step % config.log_every == 0 and meter.report(rate, callbacks):
                reason = "callback"
                break
    meter.report(rate, callbacks)
    state.ema.copy_to_model()
    denoiser.eval()
    return state, reason


class _RowOrder:
    """Batches of rows in an order that is drawn anew for each pass over the data."""

    def __init__(self, data: Batch, batch_size: int, seed: int) -> None:
        self.data = data
        self.rows = len(next(iter(data.values())))
        self.batch_size = min(batch_size, self.rows)
        self.seed = seed
        self._epoch = -1

    def batch(self, step: int) -> Batch:
        """Return the rows of a step."""
        epoch, position = divmod(step, self.rows // self.batch_size)
        if epoch != self._epoch:
            device = next(iter(self.data.values())).device
            narrow = torch.int32 if self.rows < 2**31 else torch.int64  # half the memory
            drawn = torch.randperm(
                self.rows, generator=generator(self.seed, "order", epoch), dtype=narrow
            )
            self._order, self._epoch = drawn.to(device), epoch
        start = position * self.batch_size
        index = self._order[start : start + self.batch_size].long()
        return {name: values[index] for name, values in self.data.items()}


class _Meter:
    """Clock, running means and reports of one call of ``train``."""

    def __init__(self, config: TrainConfig, state: TrainState, batch_size: int) -> None:
        self.config = config
        self.state = state
        self.batch_size = batch_size
        self._started = time.perf_counter() - state.elapsed
        self._first_step, self._first_elapsed = state.step, state.elapsed
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def elapsed(self) -> float:
        return time.perf_counter() - self._started

    def fraction(self) -> float:
        return self.config.progress(self.state.step, self.elapsed())

    def limit(self) -> str | None:
        """Return which limit the run has reached, if any."""
        if self.config.max_steps is not None and self.state.step >= self.config.max_steps:
            return "max_steps"
        if self.config.max_time is not None and self.elapsed() >= self.config.max_time:
            return "max_time"
        return None

    def add(self, loss: Tensor, losses: dict[str, Tensor], norm: Tensor) -> None:
        """Take in one step without waiting for the device."""
        values = {"loss": loss, "grad_norm": norm, **{f"loss_{k}": v for k, v in losses.items()}}
        for key, value in values.items():
            value = value.detach()
            self._sums[key] = self._sums[key] + value if key in self._sums else value
        self._count += 1

    def report(self, rate: float, callbacks: Sequence[Callback]) -> bool:
        """Write a line of history, call the callbacks; return whether one asked to stop."""
        if not self._count:
            return False
        means = torch.stack([v.float() for v in self._sums.values()]).div(self._count).tolist()
        named = dict(zip(self._sums, means, strict=True))
        self._sums, self._count = {}, 0
        self._check_finite(named["loss"], rate)
        self.state.elapsed = self.elapsed()
        progress = self._progress(named, rate)
        self.state.history.append(progress.record())
        answers = [callback(progress, self.state) for callback in callbacks]
        return any(answers)

    def _progress(self, named: dict[str, Any], rate: float) -> Progress:
        state, elapsed = self.state, self.state.elapsed
        fraction = self.fraction()
        speed = (state.step - self._first_step) / max(elapsed - self._first_elapsed, 1e-9)
        prefix = "loss_"
        return Progress(
            step=state.step,
            rows=state.step * self.batch_size,
            elapsed=elapsed,
            time_left=elapsed * (1 / fraction - 1) if fraction > 0 else math.inf,
            fraction=fraction,
            loss=named["loss"],
            losses={k.removeprefix(prefix): v for k, v in named.items() if k.startswith(prefix)},
            learning_rate=rate,
            grad_norm=named["grad_norm"],
            steps_per_second=speed,
        )

    def _check_finite(self, loss: float, rate: float) -> None:
        if not math.isfinite(loss):
            raise TrainingDivergedError(
                f"The training loss became {loss} within the {self.config.log_every} steps before "
                f"step {self.state.step} (learning rate {rate:.2g}). Lower learning_rate "
                f"(now {self.config.learning_rate:.2g}), or raise batch_size "
                f"(now {self.config.batch_size})."
            )
