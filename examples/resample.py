"""
More rows of a rare class
=========================

`DiffusionResampler` has the interface of imbalanced-learn: ``fit_resample`` returns the rows with
synthetic ones of the rare class behind them. It learns from the rows of all classes.
"""

# %%
# Of the people above 50K, only 300 are left beside 4,000 others.

import numpy as np
import pandas as pd
from _shared import MODEL, OTHER, REAL, load_adult, save
from matplotlib.figure import Figure
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, precision_recall_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tabdiffuse import DiffusionResampler, TabularDiffusion

people = load_adult()
rare = people[people["income"] == ">50K"].head(300)
rows = pd.concat([people[people["income"] == "<=50K"].head(4_000), rare])
X, y = rows.drop(columns="income"), rows["income"]

# %%
# Any mixed table will do: categories and missing values are drawn as such. The rows given come
# first, untouched. As training is short here, rare rows are shown to the model more often; the
# default leaves their share as it is.

settings = TabularDiffusion(max_steps=1_000, verbose=0)
resampler = DiffusionResampler(settings, even_training=True, random_state=0)
more_X, more_y = resampler.fit_resample(X, y)
assert more_X.head(len(X)).equals(X.reset_index(drop=True))
synthetic = more_X.iloc[len(X) :]

# %%
# The same classifier with and without them, on new people in their natural shares.

words = [name for name in X if X[name].dtype == object]
new = load_adult("test", rows=6_000)
is_rich = (new["income"] == ">50K").to_numpy()


def chances(X, y):
    """Fit a classifier and give the probability of the rare class for new people."""
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
        remainder="passthrough",
    )
    boosting = HistGradientBoostingClassifier(random_state=0)
    return make_pipeline(encode, boosting).fit(X, y).predict_proba(new.drop(columns="income"))[:, 1]


curves = {
    f"{len(rare)} real rows above 50K": (chances(X, y), REAL),
    "each of them 13 times": (
        chances(
            pd.concat([X, *[rare.drop(columns="income")] * 12]),
            pd.concat([y, *[rare["income"]] * 12]),
        ),
        OTHER,
    ),
    f"and {len(synthetic):,} synthetic ones": (chances(more_X, more_y), MODEL),
}

# %%
# Left: precision and recall. Right: the synthetic rows beside people above 50K whom the resampler
# has never seen.

figure = Figure(figsize=(11, 4.6), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(1, 1))
for label, (chance, colour) in curves.items():
    precision, recall, _ = precision_recall_curve(is_rich, chance)
    area = average_precision_score(is_rich, chance)
    left.plot(recall, precision, color=colour, lw=2, label=f"{label}: {area:.3f}")
left.axhline(is_rich.mean(), color=REAL, lw=1, ls=":")
left.set(xlabel="recall", ylabel="precision", ylim=(0, 1.02), title="income above 50K, new people")
left.legend(frameon=False, title="training rows: average precision")

unseen = people[people["income"] == ">50K"].iloc[300:]
edges = np.arange(17, 92, 4)
for label, frame, options in (
    ("other real rows", unseen, {"color": REAL, "alpha": 0.6}),
    ("synthetic", synthetic, {"histtype": "step", "lw": 2, "color": MODEL}),
    ("the 300 given", rare, {"histtype": "step", "lw": 1, "color": OTHER}),
):
    right.hist(frame["age"], edges, density=True, label=label, **options)
right.set(xlabel="age", yticks=[], title="people above 50K")
right.legend(frameon=False)
save(figure, "resample")
