"""Texts as sequences of tokens, under masked diffusion."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tabdiffuse._random import Noise
from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.modalities.base import Modality, is_missing
from tabdiffuse.modalities.tokenizer import LearntTokenizer, Tokenizer, WordTokenizer
from tabdiffuse.processes import MaskedProcess
from tabdiffuse.schedules import MaskSchedule
from tabdiffuse.spaces import CategoricalSpace

__all__ = ["TextModality"]

MASK = "<mask>"
"""What stands for one open token in a text that is given in part."""


class TextModality(Modality):
    """Texts ``(n,)`` of at most ``length`` tokens, one cell each.

    A text is followed by end tokens up to the length. They are drawn like any other token, so the
    length of texts is modelled too; what stands after the first of them is not shown.

    Parameters
    ----------
    length : int
        Number of tokens L of the longest text.
    tokenizer : Tokenizer, optional
        By default a `WordTokenizer`. One that learns its vocabulary and has none yet learns it from
        the training data.
    vocabulary_size : int, optional
        Number of words that the default tokenizer keeps; all by default.
    truncate : bool, optional
        Whether longer texts are cut; by default they are refused.
    schedule : MaskSchedule, optional
        Schedule of the masked process, linear by default.
    weight : float, optional
        Weight of each token in the training loss.
    coupling : {"systematic", "independent"}, optional
        How the tokens that are masked, or revealed, together are chosen; see `MaskedProcess`.

    Raises
    ------
    ParameterError
        When the length is not positive, or a vocabulary size is given beside a tokenizer.
    """

    def __init__(
        self,
        length: int,
        *,
        tokenizer: Tokenizer | None = None,
        vocabulary_size: int | None = None,
        truncate: bool = False,
        schedule: MaskSchedule | None = None,
        weight: float = 1.0,
        coupling: Literal["systematic", "independent"] = "systematic",
    ) -> None:
        super().__init__()
        if length < 1:
            raise ParameterError(f"length must be a positive integer. Got {length} instead.")
        if tokenizer is not None and vocabulary_size is not None:
            raise ParameterError(
                f"vocabulary_size={vocabulary_size} is for the default tokenizer; the given one "
                "has a vocabulary of its own."
            )
        self.length = length
        self.tokenizer = WordTokenizer(vocabulary_size) if tokenizer is None else tokenizer
        self.truncate = truncate
        self.weight = weight
        self._schedule = schedule
        self._coupling = coupling
        self._counts: np.ndarray[Any, Any] | None = None
        if self._learner() is None:
            self._set_process()

    @property
    def cells(self) -> int:
        """Number of tokens of a text."""
        return self.length

    def prepare(self, values: Any) -> None:
        """Learn the vocabulary, if the tokenizer has none, and count the tokens."""
        learner = self._learner()
        if learner is not None:
            learner.fit(_text(row, value) for row, value in enumerate(_column(values)))
            self._set_process()
        self._counts = np.bincount(self.encode(values).flatten().numpy(), minlength=self._end + 1)

    def settings(self) -> dict[str, Any]:
        """Return the arguments that make this modality again; the tokenizer has its vocabulary.

        The counts of tokens are not among them: only the start of the output is made of these,
        which a trained one has left behind.
        """
        return {
            "length": self.length,
            "tokenizer": self.tokenizer,
            "vocabulary_size": None,  # the tokenizer knows it
            "truncate": self.truncate,
            "schedule": self._schedule,
            "weight": self.weight,
            "coupling": self._coupling,
        }

    def build(self, width: int) -> None:
        """Make one vector for each token, which is embedded and read by it, and the positions."""
        kinds = self._end + 1
        self.table = nn.Parameter(torch.randn(kinds + 1, width))  # the last is the mask
        self.position = nn.Parameter(torch.randn(self.length, width))
        self.to_word = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.to_word.weight)
        self.read_bias = nn.Parameter(self._log_frequencies(kinds))

    def encode(self, values: Any) -> Tensor:
        """Take texts ``(n,)``; return codes ``(n, L)``, those of the tokenizer and the end.

        Raises
        ------
        DataError
            When a value is not a text, or longer than the length.
        ParameterError
            When the tokenizer has no vocabulary yet, or gives a code beyond its size.
        """
        texts = [_text(row, value) for row, value in enumerate(_column(values))]
        return self._padded([self.tokenizer.encode(text) for text in texts])

    def observe(self, values: Any) -> tuple[Tensor, Tensor]:
        """Take texts with gaps.

        None is a text that is open as a whole. Each ``<mask>`` in a text is one open token, and
        what follows the text is known to be its end. A mask may be drawn as the end too, and then
        the text ends there: ``"a red <mask> <mask>"`` goes on for at most two tokens.
        """
        column = _column(values)
        pairs = [self._with_gaps(row, value) for row, value in enumerate(column)]
        known = torch.ones(len(column), self.length, dtype=torch.bool)
        for row, (_, gaps) in enumerate(pairs):
            known[row, [place for place in gaps if place < self.length]] = False
        return self._padded([codes for codes, _ in pairs]), known

    def draw(self, data: Tensor, noise: Noise) -> Tensor:
        """Widen the codes, which are kept in a smaller type."""
        return data.long()

    def decode(self, state: Tensor) -> np.ndarray[Any, Any]:
        """Return texts ``(n,)``, as the tokenizer writes them."""
        texts = np.empty(len(state), dtype=object)
        for row, codes in enumerate(state.cpu().tolist()):
            length = codes.index(self._end) if self._end in codes else len(codes)
            texts[row] = self.tokenizer.decode(codes[:length])
        return texts

    def embed(self, x: Tensor) -> Tensor:
        """Look up codes ``(B, L)``, the mask included, as tokens ``(B, L, D)``."""
        tokens: Tensor = F.embedding(x, self.table) + self.position
        return tokens

    def readout(self, h: Tensor) -> Tensor:
        """Read logits ``(B, L, K)``: how well a token fits the vector of each word.

        One table for both ways in and out, as in language models (Press and Wolf 2017,
        arXiv 1608.05859); what is learnt of a rare word from one serves the other.
        """
        words = self.table[:-1]
        fit = self.to_word(h) @ words.T
        logits: Tensor = fit / words.shape[1] ** 0.5 + self.read_bias
        return logits

    def _learner(self) -> LearntTokenizer | None:
        """Return the tokenizer if it still has to learn its vocabulary."""
        own = self.tokenizer
        return own if isinstance(own, LearntTokenizer) and not own.is_fitted else None

    def _set_process(self) -> None:
        """Make the process on the codes of the tokenizer and one more, the end."""
        self._end = self.tokenizer.size
        space = CategoricalSpace((self._end + 1,) * self.length)
        self.process = MaskedProcess(space, self._schedule, self._coupling)

    def _with_gaps(self, row: int, value: Any) -> tuple[list[int], list[int]]:
        """Return codes, and the places among them that are open."""
        if is_missing(value):
            return [], list(range(self.length))
        codes: list[int] = []
        gaps = []
        for index, part in enumerate(_text(row, value).split(MASK)):
            if index:
                gaps.append(len(codes))
                codes.append(0)
            codes += self.tokenizer.encode(part)
        return codes, gaps

    def _padded(self, rows: list[list[int]]) -> Tensor:
        """Fill up with the end token."""
        found = np.full((len(rows), self.length), self.tokenizer.size, dtype=np.int32)
        for row, codes in enumerate(rows):
            if len(codes) > self.length and not self.truncate:
                raise DataError(
                    f"Row {row}: the text has {len(codes)} tokens, more than length="
                    f"{self.length}. Raise length, or pass truncate=True to cut such texts."
                )
            if codes and not 0 <= min(codes) <= max(codes) < self.tokenizer.size:
                raise ParameterError(
                    f"Row {row}: the tokenizer gave codes from {min(codes)} to {max(codes)}, but "
                    f"its size is {self.tokenizer.size}."
                )
            found[row, : len(codes)] = codes[: self.length]
        return torch.as_tensor(found)

    def _log_frequencies(self, kinds: int) -> Tensor:
        """Where the logits start: the share of each token is the answer without evidence."""
        if self._counts is None:
            return torch.zeros(kinds)
        shares = (self._counts + 0.5) / (self._counts + 0.5).sum()
        return torch.as_tensor(np.log(shares), dtype=torch.float32)


def _column(values: Any) -> np.ndarray[Any, Any]:
    """Check that there is one value for each row."""
    array = np.asarray(values, dtype=object)  # beside text, NaN would become a text
    if array.ndim != 1:
        raise DataError(f"Expected texts of shape (n,). Got {array.shape} instead.")
    return array


def _text(row: int, value: Any) -> str:
    """Check that a value is a text."""
    if not isinstance(value, str):
        raise DataError(
            f"Row {row}: expected a text. Got {value!r} of type {type(value).__name__}."
        )
    return str(value)
