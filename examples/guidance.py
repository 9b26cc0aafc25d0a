"""
Lean towards a condition
========================

With ``guidance`` above 1, rows show more of what tells their condition apart, and vary less. The
reference is the same network with the condition hidden, so nothing is trained for it.
"""

import numpy as np
from _shared import MODEL, OTHER, REAL, load_adult, save
from matplotlib.figure import Figure
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tabdiffuse import Guidance, TabularDiffusion

people = load_adult()
model = TabularDiffusion(max_steps=1_000, random_state=0, verbose=0).fit(people)

# %%
# People above 50K, at strengths from 0, which ignores the condition, over 1, which is the
# conditional law, to 4.

strengths = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
condition = {"income": ">50K"}
drawn = {s: model.sample(800, condition, guidance=s, random_state=0) for s in strengths}

# %%
# A `Guidance` says more: only in the middle of the way from noise to data, or against a reference
# that still sees some of the condition.

middle = model.sample(800, condition, guidance=Guidance(3.0, interval=(0.2, 0.7)), random_state=0)

# %%
# A judge trained on other real rows tells how much a row looks like its condition. Spread is the
# mean variance of numbers and of indicators of categories, relative to that of real people above
# 50K.

judged = load_adult("test", rows=8_000)
words = ["marital-status", "occupation", "sex"]
numbers = ["age", "education-num", "hours-per-week"]
encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
judge = make_pipeline(
    make_column_transformer((encode, words), remainder="passthrough"),
    RandomForestClassifier(200, min_samples_leaf=10, random_state=0),
)
judge.fit(judged.drop(columns="income"), judged["income"])
rich = people[people["income"] == ">50K"]
scale = rich[numbers].std()


def adherence(frame):
    """Give the mean probability of the condition."""
    return judge.predict_proba(frame.drop(columns="income"))[:, 1].mean()


def variance(frame):
    """Give the variance of numbers and of categories."""
    shares = [frame[name].value_counts(normalize=True) for name in words]
    return [(frame[numbers].std() / scale) ** 2, *[1 - (share**2).sum() for share in shares]]


def spread(frame):
    """Compare the variance with that of real rows, column by column."""
    pairs = zip(variance(frame), variance(rich), strict=True)
    return np.mean(np.hstack([np.divide(own, real) for own, real in pairs]))


# %%
# Left: the trade between looking like the condition and variety, with the real rows as reference.
# Right: what it does to one column.

figure = Figure(figsize=(11, 4.4), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
points = np.array([(spread(frame), adherence(frame)) for frame in drawn.values()])
left.plot(*points.T, "o-", color=MODEL, label="strength")
for strength, point in zip(strengths, points, strict=True):
    left.annotate(f"{strength:g}", point, textcoords="offset points", xytext=(6, 5))
left.plot(spread(middle), adherence(middle), "D", color=OTHER, label="3, in the middle only")
left.plot(1, adherence(rich), "*", ms=16, color=REAL, mec="k", label="real rows above 50K")
left.set(xlabel="spread, relative to real rows", ylabel="probability of the condition (judge)")
left.set_title("fidelity against variety")
left.legend(frameon=False)

years = np.arange(0.5, 17.5)
right.hist(rich["education-num"], years, density=True, color=REAL, alpha=0.6, label="real")
for strength, colour in ((0.0, OTHER), (1.0, MODEL), (4.0, "#D55E00")):
    right.hist(drawn[strength]["education-num"], years, density=True, histtype="step", lw=2,
               color=colour, label=f"strength {strength:g}")  # fmt: skip
right.set(xlabel="education-num", yticks=[], title="years of education of people above 50K")
right.legend(frameon=False)
save(figure, "guidance")
