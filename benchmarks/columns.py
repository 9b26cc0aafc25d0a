"""Which scores the tables show, in which units, and which direction is better."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.data import read_recipe

Direction = Literal["up", "down", "half"]

ARROWS: dict[Direction, str] = {"up": "↑", "down": "↓", "half": "→.5"}


@dataclass(frozen=True)
class Column:
    """One score.

    Parameters
    ----------
    key : str
        Its name in a line's scores and among the published numbers.
    title : str
        Its name in the tables.
    factor : float
        From the unit of the lines to that of the tables.
    digits : int
        Decimals shown.
    better : {"up", "down", "half"}
        Which values are better; "half": those near .5, where more means copied rows.
    """

    key: str
    title: str
    factor: float = 1.0
    digits: int = 3
    better: Direction = "up"

    def rank(self, value: float) -> float:
        """Order values as they are shown, the best one last."""
        shown = round(value, self.digits)
        if self.better == "half":
            return -round(abs(shown - 0.5 * self.factor), self.digits)
        return -shown if self.better == "down" else shown


SHAPE = Column("shape", "Shape", 100, 2)
TREND = Column("trend", "Trend", 100, 2)
TREND_REAL_EDGES = Column("trend_real_edges", "Trend, real edges", 100, 2)
AUC = Column("mle", "MLE (AUC)")
RMSE = Column("mle", "MLE (RMSE)", better="down")
ALPHA = Column("alpha_precision", "α-precision", 100, 2)
BETA = Column("beta_recall", "β-recall", 100, 2, "half")
C2ST = Column("c2st", "XGB-C2ST")
C2ST_HOLDOUT = Column("c2st_holdout", "XGB-C2ST, held out")
C2ST_LR = Column("c2st_lr", "LR-C2ST")
DCR = Column("dcr_share", "DCR share", better="half")

PUBLISHED_ONLY = {"news": "regression"}  # no recipe: its full table cannot be had


def mle(dataset: str) -> Column:
    """MLE of a data set: an AUC for classes, an RMSE for numbers."""
    task = PUBLISHED_ONLY.get(dataset) or read_recipe(dataset)["task"]
    return RMSE if task == "regression" else AUC


def score_columns(dataset: str) -> tuple[Column, ...]:
    """All scores of a data set, in the order of the tables."""
    quality = (SHAPE, TREND, TREND_REAL_EDGES, mle(dataset), ALPHA, BETA)
    return (*quality, C2ST, C2ST_HOLDOUT, C2ST_LR, DCR)
