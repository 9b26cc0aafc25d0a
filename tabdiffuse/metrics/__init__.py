"""Metrics of synthetic tables, each in its own module, and one report of all.

===============  ================================================================================
``quality``      Shape and Trend: marginals and pairs of columns
``support``      α-precision and β-recall: whether rows lie where real ones do, and everywhere
``detection``    C2ST: whether a classifier can tell the two tables apart
``mle``          MLE: whether a model trained on the table works on real rows
``privacy``      DCR: whether rows are nearer to the train rows than to held-out ones
``copies``       the same as a ratio of distances
``evaluation``   `evaluate`: all of them, beside held-out real rows and shuffled columns
===============  ================================================================================
"""

from tabdiffuse.metrics.evaluation import evaluate
from tabdiffuse.metrics.report import Report, Score

__all__ = ["Report", "Score", "evaluate"]
