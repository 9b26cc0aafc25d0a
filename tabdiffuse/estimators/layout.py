"""The modalities that carry the model columns of a table."""

from __future__ import annotations

from tabdiffuse.modalities import CategoricalModality, Modality, NumericModality
from tabdiffuse.tables import TableLayout

__all__ = ["table_modalities"]


def table_modalities(layout: TableLayout) -> dict[str, Modality]:
    """Make the modalities of a table; one without columns is absent."""
    modalities: dict[str, Modality] = {}
    if layout.n_numeric:
        modalities["numeric"] = NumericModality(layout.n_numeric)
    if layout.cardinalities:
        modalities["categorical"] = CategoricalModality(
            layout.cardinalities, frequencies=layout.frequencies
        )
    return modalities
