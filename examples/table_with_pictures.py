"""
A table with pictures
=====================

Photographs and what is noted of them are one kind of row. `MultimodalDiffusion` takes a DataFrame
in which a column holds pictures: that column goes to a modality, all others are a table, and one
model gives pictures from columns, columns from pictures, and both where both are known by halves.
"""

# %%
# Handwritten digits, and what could be noted of each: the digit, whether it is even, how much ink
# it takes, how far it leans, and how wide it is. Some of the widths are missing.

import numpy as np
import pandas as pd
from _shared import DARK, MODEL, save
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from tabdiffuse import Between, ImageModality, MultimodalDiffusion

digits = load_digits()
pictures = digits.images / 16
ink = pictures.sum(axis=(1, 2))
down, right = np.mgrid[:8, :8] - 3.5
across = (pictures * right).sum(axis=(1, 2)) / ink
lean = (pictures * right * down).sum(axis=(1, 2)) / ink - across * (
    (pictures * down).sum(axis=(1, 2)) / ink
)
width = (pictures.max(axis=1) > 0.3).sum(axis=1)
unknown = np.random.default_rng(0).random(len(ink)) < 0.1
rows = pd.DataFrame(
    {
        "picture": list(pictures),
        "digit": digits.target_names[digits.target].astype(str),
        "even": digits.target % 2 == 0,
        "ink": ink.round(2),
        "lean": lean.round(2),
        "width": np.where(unknown, np.nan, width),
    }
)
train, held_out = rows.iloc[:1500], rows.iloc[1500:].reset_index(drop=True)

# %%
# Only the picture is named; the kinds of the other columns are found. Half a minute of training
# shows how it works; leave ``max_time`` out for the full quality.

model = MultimodalDiffusion({"picture": ImageModality(8, 8)}, max_time=30, random_state=0)
model.fit(train)
model.sample(3)  # a DataFrame with the same columns, the first of them pictures

# %%
# **Pictures given columns.** The conditions are those of tables: values, ranges, sets.

light = model.sample(12, conditions={"digit": "3", "ink": Between(None, 16)})
bold = model.sample(12, conditions={"digit": "3", "ink": Between(22, None)})

# %%
# **Columns given pictures.** A DataFrame gives each row its own; what it leaves out is drawn, or
# told: `predict` gives the likeliest digit, `predict_proba` how likely each is.

read = model.sample(conditions=held_out[["picture"]])
likeliest = model.predict(held_out[["picture"]], "digit")
chances = model.predict_proba(held_out[["picture"]], "digit")
accuracy = (likeliest == held_out["digit"]).mean()
hardest = chances.max(axis=1).idxmin()  # the picture that is hardest to read

# %%
# **Both from halves.** NaN is what is not known: here the lower half of each picture, and all
# columns but the digit. What is known comes back as it was.

halves = held_out[["picture", "digit"]].head(12)
halves["picture"] = [np.vstack([top[:4], np.full((4, 8), np.nan)]) for top in halves["picture"]]
whole = model.sample(conditions=halves)

# %%
# The pictures in rows; beside them the ink that was read from held-out pictures.

figure = Figure(figsize=(11, 4.6), layout="constrained")
left, beside = figure.subfigures(1, 2, width_ratios=[2.2, 1])
left.suptitle("Light threes, bold threes; halves that were known, and what became of them")
grid = left.subplots(4, 12)
shown = [light["picture"], bold["picture"], halves["picture"], whole["picture"]]
for line, column in zip(grid, shown, strict=True):
    for place, picture in zip(line, column, strict=True):
        place.set_facecolor("#cfe3f1")
        place.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
        place.set_xticks([])
        place.set_yticks([])
axes = beside.subplots()
axes.scatter(held_out["ink"], read["ink"], s=8, color=MODEL)
axes.axline((15, 15), slope=1, color=DARK, linewidth=0.8)
axes.set_xlabel("ink of a held-out picture")
axes.set_ylabel("ink that was read from it")
axes.set_title(f"digit right in {accuracy:.0%} of {len(held_out)}")
inset = axes.inset_axes((0.68, 0.04, 0.28, 0.28))
inset.imshow(held_out["picture"][hardest], cmap="gray_r", vmin=0, vmax=1)
inset.set_title(f"hardest: {likeliest[hardest]}?", fontsize=8)
inset.set_axis_off()
save(figure, "table_with_pictures")
