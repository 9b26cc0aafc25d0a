"""A report on a synthetic table: every number beside the same number of held-out real rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from tabdiffuse.metrics.quality import Quality

COLUMNS = ("synthetic", "held-out real", "shuffled", "best")


@dataclass(frozen=True)
class Score:
    """One number of a report.

    Parameters
    ----------
    name : str
        What was measured.
    synthetic : float
        Of the synthetic rows.
    held_out : float or None
        Of real rows that the generator did not see, put in the place of the synthetic ones: what a
        perfect generator would get. Where the number needs the held-out rows themselves, of the
        real rows; None where it needs both.
    shuffled : float
        Of the real rows with each column permuted on its own: what knowing every column and no
        dependence would get.
    best : float
        The value to come close to.
    """

    name: str
    synthetic: float
    held_out: float | None
    shuffled: float
    best: float


@dataclass(frozen=True, repr=False)
class Report:
    """What `evaluate` found.

    Parameters
    ----------
    scores : tuple of Score
        All numbers.
    left_out : dict of str to str
        Metrics that were not computed, and why.
    notes : tuple of str
        What to bear in mind in reading the numbers.
    quality : Quality or None
        Shape and Trend of each column and pair of columns.
    seconds : dict of str to float
        Wall time of each metric.

    Examples
    --------
    >>> import pandas as pd
    >>> from tabdiffuse import evaluate
    >>> real = pd.DataFrame({"age": range(20, 40), "sex": list("FM") * 10})
    >>> report = evaluate(real, real.sample(frac=1, random_state=0), metrics=["quality"])
    >>> float(report.to_frame().loc["Trend", "synthetic"])
    1.0
    """

    scores: tuple[Score, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    quality: Quality | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Give the numbers as a table.

        Returns
        -------
        DataFrame
            One row per number, by name; columns "synthetic", "held-out real", "shuffled", "best".
            NaN where there is no number.
        """
        rows = [
            (score.synthetic, score.held_out, score.shuffled, score.best) for score in self.scores
        ]
        names = pd.Index([score.name for score in self.scores], name="metric")
        return pd.DataFrame(rows, index=names, columns=list(COLUMNS), dtype=float)

    def __getitem__(self, name: str) -> Score:
        for score in self.scores:
            if score.name == name:
                return score
        raise KeyError(f"{name!r} is not in the report; it has {[s.name for s in self.scores]}.")

    def __str__(self) -> str:
        table = self.to_frame().rename_axis(None).map(_number)
        table["best"] = [f"{score.best:g}" for score in self.scores]
        return "\n".join([table.to_string(), *self._remarks()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show as a table in a notebook."""
        table = self.to_frame().map(_number)
        table["best"] = [f"{score.best:g}" for score in self.scores]
        return table.to_html() + "".join(f"<p>{_escaped(line)}</p>" for line in self._remarks())

    def _remarks(self) -> Iterable[str]:
        yield from self.notes
        if self.quality is not None and self.quality.unscored:
            yield f"Without a score, and in no mean: {', '.join(self.quality.unscored)}."
        yield from (f"Left out: {name}. {reason}" for name, reason in self.left_out.items())


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
