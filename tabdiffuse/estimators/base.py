"""What the estimators share: building, training and sampling one denoiser."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import pandas as pd
import torch
from rich.console import Console
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from tabdiffuse._random import child_seed, seeded_initialisation
from tabdiffuse.denoiser import Denoiser
from tabdiffuse.errors import ParameterError
from tabdiffuse.estimators.checkpoint import Checkpoint, check_checkpoint_path
from tabdiffuse.estimators.parameters import (
    check_parameters,
    make_solver,
    make_stochastic_solver,
    resolve_device,
    resolve_optimizer,
    resolve_precision,
    resolve_seed,
)
from tabdiffuse.estimators.presets import NETWORK, PRESETS, Preset, choose_preset
from tabdiffuse.estimators.progress import rows_bar
from tabdiffuse.joint import Batch, JointProcess, ProductProcess, State
from tabdiffuse.modalities import Modality
from tabdiffuse.nn.dit import DiT, DiTConfig
from tabdiffuse.sampling.blocks import BLOCK_ROWS, sample_rows
from tabdiffuse.sampling.evidence import Evidence
from tabdiffuse.sampling.guidance import Guidance
from tabdiffuse.sampling.solvers import Solver
from tabdiffuse.times import TimeLaw
from tabdiffuse.training.callbacks import STOP_REASONS, clock, make_console, training_bar
from tabdiffuse.training.loop import Callback, TrainConfig, TrainState, train

__all__ = ["DiffusionEstimator", "build_denoiser"]

# A GPU wants many rows at once; on a CPU one block at a time stays in the caches.
_GPU_SAMPLE_ROWS = 64 * BLOCK_ROWS

# Steps that evidence at some noise takes, in units of the preset's.
_STOCHASTIC_STEPS = 4

# Fields of a preset without which the weights have no meaning: a warm start keeps them.
_LEARNT = (*NETWORK, "frequencies", "one_token", "min_atom_mass", "max_atoms")


def build_denoiser(
    modalities: Mapping[str, Modality],
    config: DiTConfig,
    seed: int,
    precision: Literal["float32", "bfloat16"],
    tie: Callable[[Mapping[str, Modality]], JointProcess] = ProductProcess,
) -> Denoiser:
    """Build the network over some modalities and tie them; equal seeds give equal weights."""
    with seeded_initialisation(seed):
        for modality in modalities.values():
            modality.build(config.width)
        return Denoiser(tie(modalities), DiT(config, precision=precision))


@dataclass(frozen=True)
class _Setup:
    """What the parameters alone decide."""

    device: torch.device
    preset: Preset
    warm: bool


@dataclass(frozen=True)
class _Plan:
    """The resolved settings of one fit."""

    seed: int
    setup: _Setup
    train: TrainConfig


class DiffusionEstimator(BaseEstimator):
    """Common part of the estimators: parameters, one fit, one sample.

    Subclasses turn their data into modalities and arrays, and back.
    """

    presets: ClassVar[Mapping[str, Preset]] = PRESETS
    block_rows: ClassVar[int] = BLOCK_ROWS
    """Rows that are drawn together; what a small sample costs at least."""

    preset: str | Preset
    max_time: float | None
    max_steps: int | None
    batch_size: int | None
    learning_rate: float | None
    width: int | None
    depth: int | None
    n_steps: int | None
    solver: str
    eta: float
    precision: str
    optimizer: str
    checkpoint: Any
    random_state: Any
    device: Any
    verbose: int
    callbacks: Any

    denoiser_: Denoiser
    preset_: Preset

    def _set_up(self) -> _Setup:
        """Check all parameters, then resolve device, preset and network."""
        owner = type(self).__name__
        check_parameters(owner, self.get_params(deep=False))
        if self.checkpoint is not None:
            check_checkpoint_path(self.checkpoint)
        device = resolve_device(self.device, owner)
        preset = choose_preset(self.preset, device, self.presets)
        warm = bool(getattr(self, "warm_start", False)) and hasattr(self, "denoiser_")
        if warm:
            preset = replace(preset, **{name: getattr(self.preset_, name) for name in _LEARNT})
        start = preset
        preset = replace(
            start, width=int(self.width or start.width), depth=int(self.depth or start.depth)
        )
        if warm and preset != start:
            raise ParameterError(
                f"A warm start goes on from a network of width {start.width} and depth "
                f"{start.depth}. Got width={self.width!r} and depth={self.depth!r} instead; leave "
                "them None, or set warm_start=False."
            )
        return _Setup(device, preset, warm)

    def _plan(self, setup: _Setup, rows: int, started: float, **training: Any) -> _Plan:
        """Resolve what depends on the data and the clock; more fields of `TrainConfig` pass."""
        preset = setup.preset
        batch_size = min(int(self.batch_size or preset.batch_size), rows)
        steps = self.max_steps
        if steps is None and self.max_time is None:
            steps = preset.steps_for(rows, batch_size)
        budget = self.max_time
        if budget is not None:
            budget = max(budget - (time.perf_counter() - started), 1e-3)
        config = TrainConfig(
            max_steps=steps,
            max_time=budget,
            batch_size=batch_size,
            learning_rate=self.learning_rate or preset.learning_rate,
            warmup=preset.warmup,
            final_lr=preset.final_lr,
            betas=(preset.beta1, preset.beta2),
            weight_decay=preset.weight_decay,
            clip=preset.clip,
            ema_gamma=preset.ema_gamma,
            optimizer=resolve_optimizer(self.optimizer, preset.width),
            products=getattr(torch, self._products(setup.device, preset)),
            **training,
        )
        return _Plan(resolve_seed(self.random_state), setup, config)

    def _products(self, device: torch.device, preset: Preset) -> Literal["float32", "bfloat16"]:
        """Give the type of the products of matrices."""
        return resolve_precision(self.precision, device, preset.width)

    def _train(self, plan: _Plan, denoiser: Denoiser, data: Batch, time_law: TimeLaw) -> None:
        """Train the denoiser and set the fitted attributes."""
        rows = len(next(iter(data.values())))
        denoiser = denoiser.to(plan.setup.device)
        data = {name: values.to(plan.setup.device) for name, values in data.items()}
        parameters = sum(p.numel() for p in denoiser.parameters())
        state = TrainState.start(denoiser, plan.train)
        callbacks: list[Callback] = list(self.callbacks or ())
        console = make_console()
        seed = plan.seed
        checkpoint = self._resume(plan, data, time_law, state)
        if checkpoint is not None:
            seed = checkpoint.seed
            callbacks.append(checkpoint)
            if self.verbose and state.step:
                console.print(f"Going on from the checkpoint after step {state.step:,}.")
        with ExitStack() as stack:
            if self.verbose:
                callbacks.insert(0, stack.enter_context(training_bar(console)))
            state, reason = train(
                denoiser,
                data,
                plan.train,
                time_law,
                seed=child_seed(seed, "train"),
                callbacks=callbacks,
                state=state,
            )
        if checkpoint is not None:
            checkpoint.remove()
        self.denoiser_ = denoiser
        self.preset_ = plan.setup.preset
        self.device_ = plan.setup.device
        self.seed_ = seed
        self.n_parameters_ = parameters
        self.n_rows_ = rows
        self.n_iter_ = state.step
        self.batch_size_ = plan.train.batch_size
        self.fit_time_ = state.elapsed
        self.stop_reason_ = reason
        self.history_ = pd.DataFrame(state.history)
        self.reset_sampling()
        if self.verbose:
            console.print(self._summary(), soft_wrap=True)

    def _resume(
        self, plan: _Plan, data: Batch, time_law: TimeLaw, state: TrainState
    ) -> Checkpoint | None:
        """Make the checkpoint, if one is wanted, and restore the state if there is something.

        Its identity leaves out what differs when the same fit is started again: the time already
        spent and, without a ``random_state``, the seed, which is that of the interrupted fit.
        """
        if self.checkpoint is None:
            return None
        seed = -1 if self.random_state is None else plan.seed
        same = replace(plan, seed=seed, train=replace(plan.train, max_time=self.max_time))
        start = _fingerprint(state.denoiser.state_dict()) if plan.setup.warm else ""
        identity = f"{_fingerprint(data)}/{start}/{same}/{time_law}"
        checkpoint = Checkpoint(self.checkpoint, identity, plan.seed)
        checkpoint.restore(state)
        return checkpoint

    def _summary(self) -> str:
        return (
            f"Trained {self.n_parameters_:,} parameters on {self.n_rows_:,} rows: "
            f"{self.n_iter_:,} steps of {self.batch_size_:,} rows in {clock(self.fit_time_)} "
            f"({STOP_REASONS[self.stop_reason_]})."
        )

    def reset_sampling(self) -> None:
        """Start the sequence of samples anew: the next `sample` repeats the first one."""
        self.n_sample_calls_ = 0

    def _sample_seed(self, random_state: Any) -> int:
        """Return the seed of one call of `sample`.

        Without a seed of its own, each call takes the next of a sequence that the fit decides, so
        that a script gives the same rows each time it runs and no two calls repeat each other.
        """
        if random_state is not None:
            return child_seed(resolve_seed(random_state), "sample")
        self.n_sample_calls_ += 1
        return child_seed(self.seed_, "sample", self.n_sample_calls_)

    def _check_count(self, n_samples: Any) -> None:
        check_parameters(f"{type(self).__name__}.sample", {"n_samples": n_samples})

    def _sample_state(
        self,
        n_samples: int,
        random_state: Any,
        batch_size: int | None,
        n_steps: int | None,
        evidence: Evidence | None = None,
        guidance: Guidance | None = None,
        hidden: Collection[str] = (),
    ) -> State:
        """Draw clean states; see the ``sample`` methods for the parameters."""
        check_is_fitted(self, "denoiser_")
        given = {"n_samples": n_samples, "batch_size": batch_size, "n_steps": n_steps}
        own = {"solver": self.solver, "eta": self.eta, "random_state": random_state}
        check_parameters(f"{type(self).__name__}.sample", {**given, **own})
        default = BLOCK_ROWS if self.device_.type == "cpu" else _GPU_SAMPLE_ROWS
        with rows_bar("Sampling", int(n_samples), shown=bool(self.verbose)) as bar:
            return sample_rows(
                self.denoiser_,
                self.denoiser_.joint,
                int(n_samples),
                self._sample_seed(random_state),
                solver=self._solver(evidence),
                n_steps=n_steps or self.n_steps or self._usual_steps(evidence),
                batch_size=batch_size or default,
                device=self.device_,
                block_rows=self._block_rows(evidence),
                evidence=evidence,
                guidance=guidance,
                hidden=hidden,
                prior_scale=self.preset_.prior_scale,
                on_rows=bar.reach if self.verbose else None,
            )

    def _block_rows(self, evidence: Evidence | None) -> int:
        """Give the rows of a block; restricted rows are particles, of which there must be many."""
        restricted = evidence is not None and bool(evidence.restrictions)
        return BLOCK_ROWS if restricted else self.block_rows

    def _usual_steps(self, evidence: Evidence | None) -> int:
        """Give the preset's steps; a stochastic solver needs more of them than its own.

        A cell held at some noise has only the steps after its time left, and 20 on the whole way
        leave it three quarters of its spread (80 all of it).
        """
        is_soft = evidence is not None and evidence.is_soft
        return self.preset_.n_steps * (_STOCHASTIC_STEPS if is_soft else 1)

    def _solver(self, evidence: Evidence | None) -> Solver:
        """Make the solver; evidence at some noise needs a stochastic one.

        Such a cell starts from a state that is given, and what it is at time 0 is random: a
        deterministic solver would give one value of the right law instead of draws from it.
        """
        if evidence is None or not evidence.is_soft:
            return make_solver(self.solver, self.eta)
        return make_stochastic_solver(self.solver)

    def _console(self) -> Console | None:
        return make_console() if self.verbose else None


def _fingerprint(data: Batch) -> str:
    """Name the values of tensors, so that a checkpoint cannot go on with other ones."""
    digest = hashlib.sha256()
    for name, values in data.items():
        digest.update(f"{name}{tuple(values.shape)}".encode())
        digest.update(values.cpu().flatten().view(torch.uint8).numpy().data)  # not a copy
    return digest.hexdigest()
