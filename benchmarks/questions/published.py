"""Published numbers that stand beside ours, each with where it comes from."""

from dataclasses import dataclass

from benchmarks.published import Number

SOURCE = "TabSyn (Zhang et al. 2024, arXiv 2310.09656)"
TABSYN = "TabSyn, imputed"
TABSYN_REAL = "XGBoost on the real rows, as TabSyn gives it"


@dataclass(frozen=True)
class Row:
    """One published method: numbers by data set and score.

    Parameters
    ----------
    method : str
        What is shown.
    source : str
        Where they are published.
    numbers : dict of (str, str) to float
        By data set and score.
    digits : int
        Decimals its source gives.
    recalled : bool
        Whether they were not read again in their source.
    """

    method: str
    source: str
    numbers: dict[tuple[str, str], float]
    digits: int = 3
    recalled: bool = True

    def number(self, dataset: str, score: str) -> Number | None:
        """Give one number."""
        value = self.numbers.get((dataset, score))
        if value is None:
            return None
        return Number(value, None, self.source, self.recalled, self.digits)


# The class scores are the micro-averaged AUC of the released code; XGBoost's are the AUROC of MLE.
TARGET = [
    Row(
        TABSYN,
        SOURCE,
        {
            ("adult", "micro_auc"): 0.932,
            ("default", "micro_auc"): 0.872,
            ("beijing", "rmse"): 0.258,
        },
    ),
    Row(
        TABSYN_REAL,
        SOURCE,
        {
            ("adult", "auc"): 0.927,
            ("default", "auc"): 0.770,
            ("beijing", "rmse"): 0.423,
        },
    ),
]
PUBLISHED: dict[str, list[Row]] = {"target": TARGET}
