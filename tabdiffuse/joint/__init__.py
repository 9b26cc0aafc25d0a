"""Joint processes over several modalities."""

from tabdiffuse.joint.base import (
    Batch,
    JointFamily,
    JointProcess,
    Observed,
    Prediction,
    State,
    Times,
)
from tabdiffuse.joint.product import ProductProcess

__all__ = [
    "Batch",
    "JointFamily",
    "JointProcess",
    "Observed",
    "Prediction",
    "ProductProcess",
    "State",
    "Times",
]
