"""Joint processes over several modalities."""

from tabdiffuse.joint.base import Batch, JointProcess, Observed, Prediction, State, Times
from tabdiffuse.joint.product import ProductProcess

__all__ = [
    "Batch",
    "JointProcess",
    "Observed",
    "Prediction",
    "ProductProcess",
    "State",
    "Times",
]
