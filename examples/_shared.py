"""What the examples share: the rows of Adult that they use, and where their pictures go."""

import json
import sys
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

# The palette of Okabe and Ito, which colour-blind readers can tell apart.
REAL, MODEL, OTHER, DARK = "#999999", "#0072B2", "#E69F00", "#222222"

COLUMNS = [
    "age",
    "education-num",
    "marital-status",
    "occupation",
    "sex",
    "capital-gain",
    "hours-per-week",
    "income",
]


def load_adult(part: str = "train", rows: int = 8_000) -> pd.DataFrame:
    """Read the first rows of the census table that comes with the repository, eight columns."""
    folder = Path(__file__).parents[1] / "datasets" / "adult"
    recipe = json.loads((folder / "recipe.json").read_text())
    source = recipe["files"][part]
    frame = pd.read_csv(
        folder / f"{source['file']}.gz",
        names=[column["name"] for column in recipe["columns"]],
        skiprows=source.get("skip_lines", 0),
        skipinitialspace=True,
        nrows=rows,
    )
    frame["income"] = frame["income"].str.removesuffix(".")
    return frame[COLUMNS]


def save(figure: Figure, name: str) -> Path:
    """Write a picture to the file given on the command line, or to the folder ``results``."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results") / f"example-{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return path
