"""Forward processes: how the cells of one modality become noise, and one step back."""

from tabdiffuse.processes.base import Corruption, Process
from tabdiffuse.processes.gaussian import GaussianProcess
from tabdiffuse.processes.masked import MaskedProcess

__all__ = ["Corruption", "GaussianProcess", "MaskedProcess", "Process"]
