"""Made-up lines of finished runs, for the tests of tables and figures."""

from __future__ import annotations

from typing import Any

from benchmarks.results import FORMAT, Config

CPU = {"cpu": "Tiny CPU", "cores": 2, "threads": 2, "gpu": None}
GPU = {"cpu": "Tiny CPU", "cores": 2, "threads": 2, "gpu": "Big GPU"}


def line(
    config: Config, *, hardware: dict[str, Any] = CPU, fit: float = 100.0, **scores: Any
) -> dict[str, Any]:
    """Build a line with the given scores; the rest are the same for all."""
    given = {"shape": 0.99, "trend": 0.98, "mle": 0.9, "c2st": 0.8, "c2st_holdout": 0.81}
    return {
        "format": FORMAT,
        "finished": "2026-01-01T00:00:00+00:00",
        "config": config.to_dict(),
        "config_hash": config.digest(config.dataset),
        "train_rows": 100,
        "n_parameters": 59_000,
        "fit_seconds": fit,
        "sample_seconds": 16.0,
        "peak_memory_mb": 640,
        "evaluate_seconds": 5.0,
        "scores": {**given, "dcr_share": None, "detail": {"unscored": []}, **scores},
        "git": {"commit": "0123456789", "dirty": False},
        "hardware": hardware,
    }


def seeds(config: dict[str, Any], values: dict[str, list[float]], **more: Any) -> list[Any]:
    """Lines of several seeds; ``values`` holds one value for each seed."""
    count = len(next(iter(values.values())))
    scores: list[dict[str, Any]] = [
        {name: value[seed] for name, value in values.items()} for seed in range(count)
    ]
    return [line(Config(seed=seed, **config), **scores[seed], **more) for seed in range(count)]
