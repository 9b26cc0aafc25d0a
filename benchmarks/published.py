"""Published numbers, each with its source, from ``published.csv``.

A row of the file is one metric of one method on all data sets, in the units of our tables, blank
where nothing was published. Re-runs of a method by others are rows of their own, because they
differ from its paper. Published spreads are over 20 tables sampled from one trained model unless
the source says otherwise: they hold no training noise. Numbers marked as recalled were not read
again in their source. The columns of MDM that its source prints in a doubtful order are left out,
and so is the range (.50 to .508) that was published as TabSyn's DCR share on Adult.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).resolve().parent / "published.csv"
DATASETS = ("adult", "default", "shoppers", "magic", "beijing", "news", "diabetes")
BOUNDS = ("Real train rows, published", "Fully factorised")  # no methods

SOURCES = {
    "de": "Diffuse Everything (Rojas et al. 2025, arXiv 2506.07903), its table",
    "de-mle": "Diffuse Everything (arXiv 2506.07903); its released code takes the best of several "
    "selection rules by their scores on the test rows",
    "de-size": "Diffuse Everything (arXiv 2506.07903), size column: one number for all data sets",
    "tabsyn": "TabSyn (Zhang et al. 2024, arXiv 2310.09656); times on an RTX 4090",
    "tabdiff": "TabDiff (Shi et al. 2025, arXiv 2410.20626)",
    "survey": "as quoted in Garg et al. (arXiv 2511.19152)",
    "tabpc": "result files of the repository april-tools/tabpc (arXiv 2603.23016), which trained "
    "TabSyn and TabDiff five times anew",
    "tabnat": "outputs in the TabNAT repository, one run; that they are TabNAT's is inferred",
    "counted": "counted on the released code with the columns of the data set",
    "argn": "TabularARGN (arXiv 2501.12012)",
    "gap": "tabular-dependency-gap, TMLR submission 2026: XGBoost, splits of its own",
    "origami": "Origami, blog: XGBoost, splits of its own",
}


@dataclass(frozen=True)
class Number:
    """One published value.

    Parameters
    ----------
    mean : float
        The value, in the units of our tables.
    sd : float or None
        What its source gives as spread.
    source : str
        Key in `SOURCES`.
    recalled : bool
        Whether it was not read again in its source.
    digits : int
        Decimals its source gives.
    """

    mean: float
    sd: float | None
    source: str
    recalled: bool
    digits: int


@cache
def published(dataset: str) -> dict[str, dict[str, Number]]:
    """Numbers on one data set, by method and metric; empty for one that nobody published on."""
    found: dict[str, dict[str, Number]] = {}
    if dataset not in DATASETS:
        return found
    with FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if text := row[dataset]:
                number = _number(text, row["source"], row["recalled"] == "yes")
                found.setdefault(row["method"], {})[row["metric"]] = number
    return found


def _number(text: str, source: str, recalled: bool) -> Number:
    mean, _, sd = text.partition("±")
    digits = len(mean.partition(".")[2])
    return Number(float(mean), float(sd) if sd else None, source, recalled, digits)
