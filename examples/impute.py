"""
Fill the holes of a table
=========================

`DiffusionImputer` learns from a table with holes and fills them, numbers and categories alike: with
draws, which keep the spread of the data, or with what several draws agree on.
"""

# %%
# Every cell of the table is hidden with probability 0.1, so that half of the rows have holes.

import numpy as np
from _shared import DARK, MODEL, OTHER, REAL, load_adult, save
from matplotlib.figure import Figure

from tabdiffuse import DiffusionImputer, TabularDiffusion

truth = load_adult()
rng = np.random.default_rng(0)
hidden = rng.random(truth.shape) < 0.1
people = truth.mask(hidden)

# %%
# A scikit-learn transformer: it takes its place in a pipeline, knows ``set_output`` and can add
# indicators of what was missing. Training is cut to half a minute; the default is longer.

settings = TabularDiffusion(max_steps=1_000, verbose=0)
imputer = DiffusionImputer(settings, random_state=0).fit(people)
head, answer, holes = people.head(1_500), truth.head(1_500), hidden[:1_500]
filled = imputer.transform(head)
assert not filled.isna().any().any()

# %%
# The best single guess is another question than a draw. ``agg`` makes one value of many draws.

model = imputer.model_
guess = model.impute(head, n_draws=15, agg="mode", random_state=0)

# %%
# For multiple imputation, the draws stay apart: here 60 of each age, for people whose age only is
# not known.

some = truth[~hidden.any(axis=1)].sample(14, random_state=1).sort_values("age")
draws = model.impute(some.assign(age=np.nan), n_draws=60, random_state=0)
ages = np.stack([draw["age"].to_numpy() for draw in draws], axis=1)

# %%
# Left: values drawn into holes have the law of the values that were hidden; the median, which many
# tables are filled with, is one value. Middle: what the model thinks possible for single people.
# Right: how often categories are right.

figure = Figure(figsize=(13, 4.4), layout="constrained")
left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1.3, 1.1))

lost = holes[:, truth.columns.get_loc("age")]
edges = np.arange(17, 92, 7)
left.hist(answer.loc[lost, "age"], edges, density=True, color=REAL, alpha=0.6, label="hidden")
left.hist(filled.loc[lost, "age"], edges, density=True, histtype="step", color=MODEL, lw=2,
          label="drawn")  # fmt: skip
left.axvline(people["age"].median(), color=OTHER, lw=2, label="median")
left.set(xlabel="age", yticks=[], title=f"{lost.sum():,} hidden ages")
left.legend(frameon=False)

places = np.arange(len(some))
middle.boxplot(
    ages.T,
    positions=places,
    whis=(5, 95),
    showfliers=False,
    medianprops={"color": MODEL, "lw": 2},
)
middle.plot(places, some["age"], "*", ms=11, color=OTHER, mec=DARK, mew=0.5, label="truth")
status = some["marital-status"].str.split("-").str[0]
middle.set_xticks(places, status, rotation=60, ha="right", fontsize=8)
middle.set(ylabel="age", title="60 draws of an age: quartiles, 5 % and 95 %")
middle.legend(frameon=False)

names = [name for name in truth if truth[name].dtype == object]
columns = truth.columns.get_indexer(names)
for offset, colour, label, values in (
    (-0.27, REAL, "most frequent value", head.fillna(people[names].mode().iloc[0])),
    (0.0, OTHER, "one draw", filled),
    (0.27, MODEL, "mode of 15 draws", guess),
):
    is_right = (values[names] == answer[names]).where(holes[:, columns])
    hits = is_right.astype(float).mean()
    right.bar(np.arange(len(names)) + offset, hits, width=0.25, color=colour, label=label)
right.set_xticks(range(len(names)), names, fontsize=8)
right.set(ylim=(0, 1.15), ylabel="share right", title="hidden categories")
right.legend(frameon=False, ncols=2, fontsize=8)
save(figure, "impute")
