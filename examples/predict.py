"""
Predict a column that nobody named
==================================

The model of the joint law is also a classifier of any of its columns: `predict_proba` gives the law
of one given the others. It is trained without knowing which column will be asked for.
"""

import numpy as np
from _shared import MODEL, OTHER, REAL, load_adult, save
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score, roc_curve

from tabdiffuse import TabularDiffusion

people, new = load_adult(), load_adult("test", rows=5_000)
model = TabularDiffusion(max_steps=1_000, random_state=0, verbose=0).fit(people)

# %%
# The probability of each class, in one call of the network for each row. Cells that are not known
# are NaN, also at prediction.

chance = model.predict_proba(new, "income")
assert np.allclose(chance.sum(axis=1), 1)
without_age = model.predict_proba(new.assign(age=np.nan), "income")

# %%
# Gradient boosting, trained on the same rows for this one target.

inputs = [name for name in people if name != "income"]
words = [name for name in inputs if people[name].dtype == object]
levels = {name: sorted(people[name].unique()) for name in words}


def coded(frame):
    """Give categories numbers."""
    numbered = {name: frame[name].map(levels[name].index) for name in words}
    return frame[inputs].assign(**numbered)


boosting = HistGradientBoostingClassifier(categorical_features=words, random_state=0)
boosting.fit(coded(people), people["income"])
rival = boosting.predict_proba(coded(new))[:, 1]

# %%
# The same fitted model predicts the other columns too: the likeliest category, or the mean of a
# number.

accuracy = {}
for name in ("sex", "marital-status", "occupation"):
    right = (model.predict(new, name) == new[name]).mean()
    accuracy[name] = (new[name].value_counts(normalize=True).max(), right)

# %%
# Left: how well the classes are told apart. Middle: whether 0.7 means 70 %. Right: other columns.

is_rich = (new["income"] == ">50K").to_numpy()
curves = {
    "tabdiffuse": (chance[">50K"], MODEL, "-"),
    "tabdiffuse, age not known": (without_age[">50K"], MODEL, ":"),
    "gradient boosting": (rival, OTHER, "-"),
}
figure = Figure(figsize=(13, 4.4), layout="constrained")
left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 0.9))
for label, (probability, colour, style) in curves.items():
    wrong, hit, _ = roc_curve(is_rich, probability)
    area = roc_auc_score(is_rich, probability)
    left.plot(wrong, hit, style, color=colour, label=f"{label}, AUC {area:.3f}")
    if style == "-":
        share, mean = calibration_curve(is_rich, probability, n_bins=10, strategy="quantile")
        middle.plot(mean, share, "o-", color=colour, label=label)
left.set(xlabel="false positives", ylabel="true positives", title="income above 50K, new people")
middle.plot([0, 1], [0, 1], color=REAL, lw=1)
middle.set(xlabel="predicted probability", ylabel="share above 50K", title="calibration")
for axis in (left, middle):
    axis.legend(frameon=False, fontsize=9)

places = np.arange(len(accuracy))
for offset, colour, label, which in (
    (-0.2, REAL, "most frequent value", 0),
    (0.2, MODEL, "tabdiffuse", 1),
):
    values = [pair[which] for pair in accuracy.values()]
    right.bar(places + offset, values, width=0.38, color=colour, label=label)
right.set_xticks(places, accuracy)
right.set(ylim=(0, 1.1), ylabel="accuracy", title="other columns, same model")
right.legend(frameon=False, fontsize=9)
save(figure, "predict")
