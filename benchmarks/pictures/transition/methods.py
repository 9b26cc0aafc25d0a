"""The methods: what they learn from, how they draw maps of photographs and photographs of maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures.data import Part
from benchmarks.pictures.task import Method, Training
from benchmarks.pictures.transition.scenes import COLOURS, KINDS, UNLABELLED, Maps, Scenes, mirrored

if TYPE_CHECKING:
    from tabdiffuse import MultimodalDiffusion, Shared

PATCH = 8  # pixels by side, of both: in MT-Diffusion one token carries a place of the two
BOTH_WAYS: dict[str, Any] = {"clean": 0.6, "independent": 0.3}
"""Most batches teach one of the two given the other, known or noisy; the rest both together."""
ONE_WAY: dict[str, Any] = {"clean": 0.0, "independent": 0.0}
PRODUCT, SINGLE = "product", "single-task"
MT_X, MT_U = "MT-X", "MT-U"


@dataclass(frozen=True)
class Answers:
    """What a method drew.

    Parameters
    ----------
    likeliest : ndarray, shape (n, H, W)
        The likeliest class of each pixel of the test photographs, "unlabelled" left out.
    maps : ndarray, shape (n, H, W)
        A map of each test photograph, drawn.
    photos : ndarray, shape (n, H, W, 3)
        Of the test maps.
    validation_likeliest : ndarray, shape (m, H, W)
        The likeliest classes of the validation photographs.
    validation_photos : ndarray, shape (m, H, W, 3)
        Of the validation maps.
    """

    likeliest: Maps
    maps: Maps
    photos: NDArray[Any]
    validation_likeliest: Maps
    validation_photos: NDArray[Any]


@dataclass
class Trained:
    """Who draws maps, and who draws photographs: one model, or one for each.

    Parameters
    ----------
    to_map, to_photo : MultimodalDiffusion
        With the modalities "photo" and "map".
    map_steps : int or None
        Sampling steps of a map, if they are not those of the recipe.
    answers : dict of int to Answers
        What was drawn already, by seed.
    """

    to_map: MultimodalDiffusion
    to_photo: MultimodalDiffusion
    map_steps: int | None = None
    answers: dict[int, Answers] = field(default_factory=dict)


def fit_product(data: Scenes, training: Training) -> Trained:
    """Train on photographs and maps, each with a time of its own."""
    model = training.fit(modalities(data), mirrored(data.train).arrays, **BOTH_WAYS)
    return Trained(model, model)


def fit_single(data: Scenes, training: Training) -> Trained:
    """Train a model for each direction, which always knows the one and draws the other."""
    rows = mirrored(data.train).arrays
    to_map, to_photo = (
        training.fit(modalities(data), rows, name=f"given the {known}", given=(known,), **ONE_WAY)
        for known in ("photo", "map")
    )
    return Trained(to_map, to_photo)


def fit_mt_x(data: Scenes, training: Training) -> Trained:
    """Train MT-Diffusion whose network sees maps that are known."""
    return _fit_shared(data, training, shows_known=True)


def fit_mt_u(data: Scenes, training: Training) -> Trained:
    """Train MT-Diffusion whose network sees the noised photograph alone."""
    return _fit_shared(data, training, shows_known=False)


def _fit_shared(data: Scenes, training: Training, *, shows_known: bool) -> Trained:
    parts = modalities(data)
    joint = shared(parts, shows_known=shows_known)
    model = training.fit(parts, mirrored(data.train).arrays, joint=joint, **BOTH_WAYS)
    # A head says the same of a known photograph in each step, so one is as good as many.
    return Trained(model, model, map_steps=1)


def modalities(data: Scenes) -> dict[str, Any]:
    """Make a photograph and a map, cut into the same patches."""
    from tabdiffuse import DiscreteImageModality, ImageModality

    height, width = data.real["map"].shape[1:]
    return {
        "photo": ImageModality(height, width, channels=3, patch=PATCH),
        "map": DiscreteImageModality(height, width, KINDS, patch=PATCH),
    }


def shared(parts: Mapping[str, Any], *, shows_known: bool) -> Shared:
    """Diffuse the photograph, with the map added to it in the colours it is drawn in.

    Parameters
    ----------
    parts : mapping of str to Modality
        The photograph and the map.
    shows_known : bool
        MT-X rather than MT-U.
    """
    from benchmarks.pictures.transition.encoder import ColouredMap
    from tabdiffuse import Shared

    encoders = {"map": ColouredMap(COLOURS, parts["map"], parts["photo"])}
    return Shared("photo", encoders, shows_known=shows_known)


def answer(trained: Trained, data: Scenes, seed: int) -> Answers:
    """Tell and draw maps and photographs of the test and the validation frames, once a seed."""
    if seed not in trained.answers:
        trained.answers[seed] = _answers(trained, data.test, data.validation, seed)
    return trained.answers[seed]


def _answers(trained: Trained, test: Part, validation: Part, seed: int) -> Answers:
    count = len(test)
    shown = {"photo": np.concatenate([test["photo"], validation["photo"]])}
    told = trained.to_map.predict_proba(shown, "map", batch_size=64)[..., :UNLABELLED].argmax(
        axis=-1
    )
    maps = trained.to_map.sample(
        count, conditions={"photo": test["photo"]}, random_state=seed, n_steps=trained.map_steps
    )
    known = {"map": np.concatenate([test["map"], validation["map"]])}
    photos = trained.to_photo.sample(len(told), conditions=known, random_state=seed)["photo"]
    return Answers(told[:count], maps["map"], photos[:count], told[count:], photos[count:])


METHODS: dict[str, Method[Scenes]] = {
    PRODUCT: Method(fit_product, "one model, photograph and map each with a time of its own"),
    MT_X: Method(fit_mt_x, "MT-Diffusion, one model, the network sees a map that is known"),
    MT_U: Method(fit_mt_u, "MT-Diffusion, one model, the network sees the noised photograph alone"),
    SINGLE: Method(fit_single, "two models, one for each direction, each with all the steps"),
}
