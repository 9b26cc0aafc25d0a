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
from tabdiffuse.joint.shared import SharedProcess
from tabdiffuse.joint.sharing import Shared

__all__ = [
    "Batch",
    "JointFamily",
    "JointProcess",
    "Observed",
    "Prediction",
    "ProductProcess",
    "Shared",
    "SharedProcess",
    "State",
    "Times",
]
