"""The methods: what they learn from, how they fill holes, how they draw whole pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures.data import Pictures
from benchmarks.pictures.restoration.holes import GREY, SIDE, Bools, greyed, holes, with_gaps
from benchmarks.pictures.task import Method, Training

if TYPE_CHECKING:
    from tabdiffuse import MultimodalDiffusion

STRENGTHS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of SDEdit
TRIED = 500  # train pictures on which its strength is chosen
TRIED_HOLES = 10
ONE_TIME: dict[str, Any] = {"clean": 0.0, "independent": 0.0}
"""All patches of a picture have one time: plain diffusion."""
CELLS_CLEAN: dict[str, Any] = {"clean": 0.9, "independent": 0.0}
"""Beside that, random patches are known in 45 % of the batches, or whole pictures or nothing."""
PRODUCT, SINGLE = "product", "single-task"
MT_X, MT_U = "MT-X", "MT-U"
SDEDIT, PASTED = "SDEdit", "SDEdit, pasted"

Images = NDArray[Any]


@dataclass
class Trained:
    """A model, and the strength with which SDEdit asks it.

    Parameters
    ----------
    model : MultimodalDiffusion
        It has a modality "image".
    strengths : dict of int to float
        What was chosen, by seed.
    """

    model: MultimodalDiffusion
    strengths: dict[int, float] = field(default_factory=dict)

    def strength(self, data: Pictures, seed: int) -> float:
        """Choose the strength with the smallest error in holes of train pictures, once."""
        if seed not in self.strengths:
            truth = data.train["image"][:TRIED]
            hidden = holes(truth, TRIED_HOLES)
            errors = {}
            for strength in STRENGTHS:
                made = edited(self.model, truth, hidden, strength, seed)
                errors[strength] = float(np.square(made - truth)[hidden].mean())
            self.strengths[seed] = min(errors, key=errors.__getitem__)
        return self.strengths[seed]


def fit_product(data: Pictures, training: Training) -> Trained:
    """Train on pictures of which any patches may be known."""
    return _fit_images(data, training, CELLS_CLEAN)


def fit_single(data: Pictures, training: Training) -> Trained:
    """Train on pictures as wholes."""
    return _fit_images(data, training, ONE_TIME)


def fit_mt_x(data: Pictures, training: Training) -> Trained:
    """Train MT-Diffusion whose network sees masked pictures that are known."""
    return _fit_shared(data, training, shows_known=True)


def fit_mt_u(data: Pictures, training: Training) -> Trained:
    """Train MT-Diffusion whose network sees the latent alone."""
    return _fit_shared(data, training, shows_known=False)


def _fit_images(data: Pictures, training: Training, times: dict[str, Any]) -> Trained:
    from tabdiffuse import ImageModality

    images = data.train["image"]
    modalities = {"image": ImageModality(*images.shape[1:], patch=SIDE)}
    return Trained(training.fit(modalities, {"image": images}, **times))


def _fit_shared(data: Pictures, training: Training, *, shows_known: bool) -> Trained:
    from benchmarks.pictures.restoration.masked import shared_settings

    images = data.train["image"]
    modalities, joint = shared_settings(*images.shape[1:], shows_known=shows_known)
    # What the network sees is always there, if only as a picture of which all is hidden.
    given = {"given": ("seen",)} if shows_known else {}
    settings: dict[str, Any] = {"joint": joint, **given, **ONE_TIME}
    return Trained(training.fit(modalities, {"image": images, "seen": images}, **settings))


def restore(
    trained: Trained, data: Pictures, truth: Images, hidden: Bools, seed: int, method: str
) -> Images:
    """Fill holes in the way of a method; one draw for each picture.

    Parameters
    ----------
    trained : Trained
        What the method's ``fit`` returned.
    data : Pictures
        For the choice of SDEdit's strength.
    truth : ndarray, shape (n, H, W)
        Whole pictures; what is hidden of them is not shown to the model.
    hidden : ndarray of bool, shape (n, H, W)
        The holes.
    seed : int
        Seed of the draws.
    method : str
        Name of the method.

    Returns
    -------
    ndarray, shape (n, H, W)
        Pictures without holes.
    """
    if method in (SDEDIT, PASTED):
        strength = trained.strength(data, seed)
        made = edited(trained.model, truth, hidden, strength, seed)
        return np.where(hidden, made, truth) if method == PASTED else made
    known = (
        {"seen": greyed(truth, hidden)}
        if method in (MT_X, MT_U)
        else {"image": with_gaps(truth, hidden)}
    )
    drawn = trained.model.sample(len(truth), conditions=known, random_state=seed)
    return np.asarray(drawn["image"])


def edited(
    model: MultimodalDiffusion, truth: Images, hidden: Bools, strength: float, seed: int
) -> Images:
    """Noise the grey-filled pictures to a time and draw them anew: SDEdit.

    Meng et al. 2022, arXiv 2108.01073.
    """
    given = {"image": greyed(truth, hidden)}
    return np.asarray(model.vary(given, strength=strength, random_state=seed)["image"])


def draw_images(trained: Trained, data: Pictures, count: int, seed: int, method: str) -> Images:
    """Draw pictures without conditions; for MT-X, given pictures of which all is hidden."""
    blank = np.full(data.train["image"].shape[1:], GREY, dtype=np.float32)
    conditions = {"seen": blank} if method == MT_X else None
    drawn = trained.model.sample(count, conditions=conditions, random_state=seed)
    return np.asarray(drawn["image"])


METHODS: dict[str, Method[Pictures]] = {
    PRODUCT: Method(fit_product, "the picture alone, a time for each patch, holes left open"),
    MT_X: Method(fit_mt_x, "MT-Diffusion, encoder identity, the network sees the masked picture"),
    MT_U: Method(fit_mt_u, "MT-Diffusion, encoder identity, the network sees the latent alone"),
    SINGLE: Method(
        fit_single, "the picture alone, one time for all patches, asked as the product is"
    ),
    SDEDIT: Method(fit_single, "the single-task model, from the grey-filled picture with noise"),
    PASTED: Method(fit_single, "the same, with the known pixels put back"),
}
