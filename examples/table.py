"""
A table: fit, sample, save, load
================================

A table with whole numbers, money, a frequent value, missing values and categories goes in; as many
new rows as you like come out, with the same columns, dtypes and categories.
"""

# %%
# The table
# ---------
# Most people have no savings, some have not said how many children they have, and income depends on
# age and trade.

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tabdiffuse import TabularDiffusion

rng = np.random.default_rng(0)
n = 2_000
age = rng.integers(18, 80, n)
trade = rng.choice(["baker", "nurse", "pilot"], n, p=[0.5, 0.35, 0.15])
base = pd.Series(trade).map({"baker": 2_000, "nurse": 2_800, "pilot": 5_200}).to_numpy()
people = pd.DataFrame(
    {
        "age": age,
        "trade": pd.Categorical(trade, categories=["baker", "nurse", "pilot", "smith"]),
        "income": np.round(base * np.exp(0.01 * (age - 40) + 0.2 * rng.normal(size=n)), 2),
        "savings": np.where(rng.random(n) < 0.6, 0, rng.integers(100, 90_000, n)),
        "children": pd.Series(rng.poisson(1.4, n), dtype="Int64").mask(rng.random(n) < 0.1),
    }
)

# %%
# Fit and sample
# --------------
# No metadata: kinds are inferred and shown. Here training is cut to some seconds; leave
# ``max_steps`` out for the full length of the preset.

model = TabularDiffusion(max_steps=600, random_state=0, verbose=0).fit(people)
rows = model.sample(2_000)
assert rows.dtypes.equals(people.dtypes)
shares = [(frame["savings"] == 0).mean() for frame in (people, rows)]
unsaid = [frame["children"].isna().mean() for frame in (people, rows)]

# %%
# Save and load
# -------------
# The file holds weights, categories and quantiles, no rows. The same seed gives the same rows.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "people.tabdiffuse"
    model.save(path)
    again = TabularDiffusion.load(path).set_params(verbose=0)
assert again.sample(5, random_state=1).equals(model.sample(100, random_state=1).head(5))

# %%
# Look at it
# ----------

figure = Figure(figsize=(9, 4))
axes = figure.subplots(1, 2, sharex=True, sharey=True)
for axis, frame, title in zip(axes, (people, rows), ("real", "synthetic"), strict=True):
    for colour, (name, part) in zip(
        ("#0072B2", "#E69F00", "#009E73"),
        frame.groupby("trade", observed=True),
        strict=False,
    ):
        axis.scatter(part["age"], part["income"], s=3, color=colour, label=name)
    axis.set(title=title, xlabel="age", ylabel="income", yscale="log")
axes[0].legend(markerscale=4)
figure.suptitle(
    f"no savings: {shares[0]:.0%} real, {shares[1]:.0%} synthetic; "
    f"children not said: {unsaid[0]:.0%} real, {unsaid[1]:.0%} synthetic"
)
figure.tight_layout()
output = Path("results")
output.mkdir(exist_ok=True)
figure.savefig(output / "example-table.png", dpi=120)
