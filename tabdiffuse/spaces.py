"""State spaces: what the cells of a modality are made of."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CategoricalSpace", "RealSpace", "Space"]


@dataclass(frozen=True)
class RealSpace:
    """``cells`` vectors of ``features`` numbers; a batch is ``(B, cells, features)`` floats."""

    cells: int
    features: int = 1

    def shape(self, rows: int) -> tuple[int, ...]:
        """Shape of a batch of ``rows`` states."""
        return (rows, self.cells, self.features)


@dataclass(frozen=True)
class CategoricalSpace:
    """Cells with ``cardinalities[j]`` categories each; a batch is ``(B, cells)`` int64 codes."""

    cardinalities: tuple[int, ...]

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.cardinalities)

    def shape(self, rows: int) -> tuple[int, ...]:
        """Shape of a batch of ``rows`` states."""
        return (rows, self.cells)


Space = RealSpace | CategoricalSpace
