"""
Rows like these, and what they would be otherwise
=================================================

`vary` noises rows a little and draws them anew from what is left. With new values for some cells,
it tells what rows like these would be if those cells were others.
"""

import numpy as np
import pandas as pd
from _shared import MODEL, OTHER, REAL, load_adult, save
from matplotlib.figure import Figure

from tabdiffuse import TabularDiffusion

people = load_adult()
model = TabularDiffusion(max_steps=1_000, random_state=0, verbose=0).fit(people)

# %%
# Three people, a hundred variations of each, at three strengths: 0 would give them back bit for
# bit, 1 would give any rows at all.

chosen = people[(people["age"].isin([23, 45, 62])) & (people["hours-per-week"] != 40)]
chosen = chosen.groupby("age").head(1).sort_values("age")
copies = chosen.loc[np.repeat(chosen.index, 100)]
strengths = (0.1, 0.3, 0.6)
varied = {strength: model.vary(copies, strength=strength, random_state=0) for strength in strengths}

# %%
# How many of the other cells are still the same? ``columns=`` and ``keep=`` say which may change.

words = ["marital-status", "occupation", "sex", "income"]
same = {s: (rows[words] == copies[words]).to_numpy().mean() for s, rows in varied.items()}
kept = model.vary(copies, strength=0.6, keep=["sex", "income"], random_state=0)
assert (kept["sex"] == copies["sex"]).all()

# %%
# **Counterfactuals.** Take people without a degree, say that they hold a master's, and let the rest
# follow at moderate strength; who they are stays.

workers = people[(people["education-num"] == 9) & (people["age"].between(30, 50))].head(600)
studied = model.vary(
    workers,
    strength=0.6,
    keep=["age", "sex", "marital-status"],
    conditions={"education-num": 14},
    random_state=0,
)
rows = {"as they are": workers, "with a master's degree": studied}
shares = pd.DataFrame(
    {name: frame["occupation"].value_counts(normalize=True) for name, frame in rows.items()}
).fillna(0)
real = people[(people["education-num"] == 14) & (people["age"].between(30, 50))]
shares["real people with one"] = real["occupation"].value_counts(normalize=True)
order = shares["as they are"] - shares["with a master's degree"]
shares = shares.loc[order.sort_values().index].fillna(0)
shares = pd.concat([shares.head(4), shares.tail(4)])

# %%
# Above: the people as stars, their variations as dots. Below: the trades before and after.

figure = Figure(figsize=(11, 7.6), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1))
axes = top.subplots(1, 3, sharex=True, sharey=True)
for axis, (strength, rows) in zip(axes, varied.items(), strict=True):
    axis.plot(people["age"], people["hours-per-week"], ".", ms=1, color=REAL, alpha=0.3)
    for colour, (index, star) in zip((MODEL, OTHER, "#009E73"), chosen.iterrows(), strict=False):
        own = rows.loc[[index]]
        axis.plot(own["age"], own["hours-per-week"], ".", ms=5, color=colour, alpha=0.6)
        axis.plot(star["age"], star["hours-per-week"], "*", ms=17, color=colour, mec="k")
    axis.set_title(f"strength {strength}: {same[strength]:.0%} of categories stay", fontsize=10)
    axis.set(xlabel="age")
axes[0].set(ylabel="hours-per-week")

axis = bottom.subplots()
places = np.arange(len(shares))
for offset, colour, name in zip((-0.27, 0, 0.27), (OTHER, MODEL, REAL), shares, strict=True):
    axis.bar(places + offset, shares[name], width=0.25, color=colour, label=name)
axis.set_xticks(places, shares.index, fontsize=8)
rich = {name: (frame["income"] == ">50K").mean() for name, frame in
        (("before", workers), ("after", studied), ("of real people with one", real))}  # fmt: skip
axis.set(ylabel="share")
axis.set_title(
    "What if they held a master's degree? Income above 50K: "
    + ", ".join(f"{share:.0%} {name}" for name, share in rich.items()),
    fontsize=10,
)
axis.legend(frameon=False)
save(figure, "vary")
