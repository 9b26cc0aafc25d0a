"""
Find cells that do not fit
==========================

`score_samples` tells how likely a row is, and `score_cells` how surprising each of its cells is
given the others. Typing errors that are no outliers of their own column show up there.
"""

# %%
# The model learns from clean rows, and then looks at new ones.

import numpy as np
import pandas as pd
from _shared import MODEL, OTHER, REAL, load_adult, save
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sklearn.metrics import roc_auc_score

from tabdiffuse import TabularDiffusion

model = TabularDiffusion(max_steps=1_000, random_state=0, verbose=0).fit(load_adult())
clean = load_adult("test", rows=400)

# %%
# In half of the new rows, one cell is overwritten by that of another person: 200 planted errors.
# Each value alone is ordinary.

rng = np.random.default_rng(0)
typed = clean.copy()
planted = np.zeros(clean.shape, dtype=bool)
for row in range(0, len(clean), 2):
    place = rng.integers(clean.shape[1])
    values = clean.iloc[:, place].to_numpy()
    typed.iat[row, place] = rng.choice(values[values != clean.iat[row, place]])
    planted[row, place] = True

# %%
# The surprise of a cell is log p(cell) - log p(cell | the others), in nats: the evidence that it
# belongs to another row. ``relative=False`` gives -log p(cell | the others) alone.

rows = model.score_samples(typed)
cells = model.score_cells(typed)
row_auc = roc_auc_score(planted.any(axis=1), -rows)
cell_auc = {
    name: roc_auc_score(planted[:, place], cells[name])
    for place, name in enumerate(clean)
    if planted[:, place].any()
}
all_auc = roc_auc_score(planted.ravel(), cells.to_numpy().ravel())

# %%
# Left: rows with an error and their cells; a frame marks the planted one, and the value is what was
# typed. Right: how well each column's errors are told from its other cells.

shown = np.flatnonzero(planted.any(axis=1))[:18]
figure = Figure(figsize=(13, 6.4), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(2.6, 1))
picture = left.imshow(cells.iloc[shown].clip(0, 4), cmap="Oranges", aspect="auto", vmin=0, vmax=4)
figure.colorbar(picture, ax=left, label="surprise, nats", pad=0.01)
for line, row in enumerate(shown):
    for place in range(clean.shape[1]):
        text = str(typed.iat[row, place]).split("-")
        left.text(place, line, "-".join(text[:2]), ha="center", va="center", fontsize=7)
    (place,) = np.flatnonzero(planted[row])
    left.add_patch(Rectangle((place - 0.5, line - 0.5), 1, 1, fill=False, ec=MODEL, lw=2.5))
left.set_xticks(range(clean.shape[1]), clean.columns, fontsize=9)
left.set(yticks=[], ylabel="rows with one planted error")

quality = pd.Series(cell_auc).sort_values()
right.barh(quality.index, quality, color=MODEL)
right.axvline(0.5, color=REAL)
right.axvline(row_auc, color=OTHER, lw=2, label=f"rows, by score_samples: {row_auc:.2f}")
right.axvline(all_auc, color="k", lw=2, label=f"cells, all columns: {all_auc:.2f}")
right.set(xlim=(0.4, 1), xlabel="AUC of planted cells against the others")
right.legend(loc="lower left", bbox_to_anchor=(0, 1))
figure.suptitle("One cell of each row was overwritten by that of another person")
save(figure, "surprise")
