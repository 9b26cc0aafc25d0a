"""
Images and labels, each from the other
======================================

`MultimodalDiffusion` learns the joint law of handwritten digits and their labels, through the loops
that tables use. One fitted model answers three questions: what does a given digit look like, what
does a given image show, and what do images and labels look like together?
"""

# %%
# The images that scikit-learn bundles are 8 x 8 pixels. We keep a quarter of them aside.

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tabdiffuse import CategoricalModality, ImageModality, MultimodalDiffusion

digits = load_digits()
images, held_out, labels, truth = train_test_split(
    digits.images / 16, digits.target, stratify=digits.target, random_state=0
)

# %%
# A modality is named and said to be an image or a category; nothing else is needed. Half a minute
# of training is enough to recognise the digits; leave ``max_time`` out for the full quality.

model = MultimodalDiffusion(
    {"image": ImageModality(8, 8), "label": CategoricalModality(10)},
    max_time=30,
    random_state=0,
)
model.fit({"image": images, "label": labels})

# %%
# **Label to image.** A condition is one value for all samples, or one for each of them.

asked = np.repeat(np.arange(10), 12)
drawn = model.sample(len(asked), conditions={"label": asked})["image"]

# %%
# **Image to label.** The same call could draw labels given images; `predict` tells the likeliest.

guesses = model.predict({"image": held_out}, "label")
accuracy = np.mean(guesses == truth)

# %%
# **Both at once.** Without conditions, images and labels are drawn together.

together = model.sample(12)

# %%
# One row for each label; below them the joint samples with their labels.

figure = Figure(figsize=(7, 7.4), layout="constrained")
figure.suptitle(
    "Images drawn given labels 0 to 9; below, images and labels drawn together.\n"
    f"Of {len(truth)} held-out images, {accuracy:.0%} are given the right label."
)
axes = figure.subplots(11, 12)
for place, image in zip(axes[:10].flat, drawn, strict=True):
    place.imshow(image, cmap="gray_r", vmin=0, vmax=1)
for place, image, label in zip(axes[10], together["image"], together["label"], strict=True):
    place.imshow(image, cmap="gray_r", vmin=0, vmax=1)
    place.set_title(str(label), fontsize=9)
for place in axes.flat:
    place.set_axis_off()

output = Path("results")
output.mkdir(exist_ok=True)
figure.savefig(output / "example-digits.png", dpi=130)
