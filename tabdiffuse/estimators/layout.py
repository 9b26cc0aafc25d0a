"""The modalities that carry the model columns of a table."""

from __future__ import annotations

from tabdiffuse.modalities import CategoricalModality, Modality, NumericModality
from tabdiffuse.tables import TableLayout

__all__ = ["table_modalities", "table_tokens"]


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


def table_tokens(layout: TableLayout) -> list[int]:
    """Give every column one token, which carries its number and its events."""
    sources = [*layout.numeric_sources, *layout.categorical_sources]
    places = {name: place for place, name in enumerate(dict.fromkeys(sources))}
    return [places[name] for name in sources]
