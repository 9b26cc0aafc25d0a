"""How likely rows and cells are under a denoiser, and what it expects in a hidden cell."""

from tabdiffuse.scoring.expectation import expectation
from tabdiffuse.scoring.likelihood import predict_hidden, surprise
from tabdiffuse.scoring.quadrature import Quadrature
from tabdiffuse.scoring.questions import Question

__all__ = ["Quadrature", "Question", "expectation", "predict_hidden", "surprise"]
