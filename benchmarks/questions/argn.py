"""Rows completed by TabularARGN: the script for the rival's environment."""

from pathlib import Path

import pandas as pd

from benchmarks.rivals.argn import PACKAGES, Argn
from benchmarks.rivals.exchange import main, read_table


class Completions(Argn):
    """Train TabularARGN with the package's defaults, then complete tables with its ``impute``."""

    def sample(self) -> pd.DataFrame:
        """Complete each table that the option ``requests`` names, as often as it says.

        The draws of a table are asked for at once: ``impute`` takes the rows with the same holes
        together, and its time goes with the number of such groups.
        """
        made = []
        for request in self.job.options["requests"]:
            rows = read_table(Path(request["file"]), self.job.kinds)
            made.append(self.model.impute(pd.concat([rows] * request["draws"], ignore_index=True)))
        completed: pd.DataFrame = pd.concat(made, ignore_index=True)
        return completed


if __name__ == "__main__":
    main(Completions, PACKAGES)
