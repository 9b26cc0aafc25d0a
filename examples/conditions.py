"""
What if: rows given what is known
=================================

One fitted model draws rows given any cells: exact values, ranges, sets, measurements with an error.
No condition is named at training, and none is met by throwing rows away.
"""

# %%
# Eight columns of the census table Adult. Training is cut to half a minute; leave ``max_steps`` out
# for the full quality.

import numpy as np
import pandas as pd
from _shared import MODEL, OTHER, REAL, load_adult, save
from matplotlib.figure import Figure

from tabdiffuse import Approx, Between, OneOf, TabularDiffusion

people = load_adult()
model = TabularDiffusion(max_steps=1_000, random_state=0, verbose=0).fit(people)

# %%
# **Exact values** fix cells, and come back as they were given.

women = model.sample(1_000, {"sex": "Female", "occupation": "Exec-managerial"})
assert set(women["sex"]) == {"Female"}

# %%
# **Between** asks for a range, ends included. Either end may be open: ``Between(60, None)``.

young = model.sample(1_000, {"age": Between(20, 30)})
assert young["age"].between(20, 30).all()

# %%
# **OneOf** asks for one of some values. Conditions on several columns hold together.

trades = ["Craft-repair", "Transport-moving", "Farming-fishing"]
hands = model.sample(1_000, {"occupation": OneOf(trades), "hours-per-week": Between(45, None)})
assert set(hands["occupation"]) <= set(trades)

# %%
# **Approx** is a measurement with an error: an age of 60, give or take 8 years, is drawn towards
# the ages that people have.

about = model.sample(1_000, {"age": Approx(60, sd=8), "income": ">50K"})

# %%
# A **DataFrame** asks for one row for each of its rows; open cells are NaN. What if the same person
# had other degrees?

person = {"age": 40, "sex": "Male", "marital-status": "Married-civ-spouse"}
degrees = pd.DataFrame([{**person, "education-num": years} for years in (7, 9, 10, 13, 14, 16)])
what_if = model.sample(200, degrees)
share_rich = what_if["income"].eq(">50K").groupby(what_if["education-num"]).mean()

# %%
# Each law beside that of the real rows that meet the condition, from a table of 32,561 people. For
# Approx these are all people with that income, weighted by how well they fit the measurement.

real = load_adult(rows=40_000)
weights = np.exp(-(((real["age"] - 60) / 8) ** 2) / 2) * (real["income"] == ">50K")
is_hand = real["occupation"].isin(trades) & (real["hours-per-week"] >= 45)
is_like = (real[list(person)] == pd.Series(person)).drop(columns="age").all(axis=1)
is_like &= real["age"].between(35, 45)
executive = (real["sex"] == "Female") & (real["occupation"] == "Exec-managerial")

figure = Figure(figsize=(12, 6.8), layout="constrained")
axes = figure.subplots(2, 3).flat


def compare(axis, column, known, drawn, edges, weights=None):
    """Draw a histogram of real rows, of the rows drawn, and of all rows."""
    options = {"bins": edges, "density": True}
    axis.hist(known, weights=weights, color=REAL, alpha=0.6, label="real rows that fit", **options)
    axis.hist(drawn, histtype="step", lw=2, color=MODEL, label="drawn given that", **options)
    axis.hist(real[column], histtype="step", lw=1, color=OTHER, label="all rows", **options)
    axis.set(xlabel=column, yticks=[])


ages = np.arange(17, 92, 4)
axis = next(axes)
compare(axis, "age", real.loc[executive, "age"], women["age"], ages)
axis.set_title("sex = Female, occupation = Exec-managerial", fontsize=10)
axis.legend(frameon=False, fontsize=9)

axis = next(axes)
years = np.arange(0.5, 17.5)
compare(axis, "education-num", real.loc[executive, "education-num"], women["education-num"], years)
axis.set_title("sex = Female, occupation = Exec-managerial", fontsize=10)

axis = next(axes)
known = real[is_like]["income"].eq(">50K").groupby(real["education-num"]).mean()
axis.plot(known.loc[6:16], "o-", color=REAL, label="real rows, age 35 to 45")
axis.plot(share_rich, "o-", color=MODEL, label="drawn, age 40")
axis.set(xlabel="education-num", ylabel="share above 50K", ylim=(0, 1))
axis.set_title("the same married man with other degrees", fontsize=10)
axis.legend(frameon=False, fontsize=9)

axis = next(axes)
known = real.loc[real["age"].between(20, 30), "marital-status"].value_counts(normalize=True)[:4]
drawn = young["marital-status"].value_counts(normalize=True).reindex(known.index, fill_value=0)
everyone = real["marital-status"].value_counts(normalize=True).reindex(known.index)
places = np.arange(len(known))
axis.bar(places, known, width=0.8, color=REAL, alpha=0.6)
axis.bar(places, drawn, width=0.8, fill=False, edgecolor=MODEL, lw=2)
axis.bar(places, everyone, width=0.8, fill=False, edgecolor=OTHER, lw=1)
axis.set_xticks(places, ["\n".join(name.split("-")[:2]) for name in known.index], fontsize=8)
axis.set(ylabel="share")
axis.set_title("age = Between(20, 30)", fontsize=10)

axis = next(axes)
hours = np.arange(0, 100, 5)
compare(axis, "hours-per-week", real.loc[is_hand, "hours-per-week"], hands["hours-per-week"], hours)
axis.set_title("occupation = OneOf(trades), hours = Between(45, None)", fontsize=10)

axis = next(axes)
compare(axis, "age", real["age"], about["age"], ages, weights)
axis.set_title("age = Approx(60, sd=8), income = >50K", fontsize=10)

figure.suptitle("Rows drawn given conditions, beside the real rows that meet them")
save(figure, "conditions")
