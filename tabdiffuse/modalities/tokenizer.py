"""Tokenizers: texts as sequences of codes, of words or of characters."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from tabdiffuse.errors import DataError, ParameterError

__all__ = ["CharacterTokenizer", "LearntTokenizer", "Tokenizer", "WordTokenizer"]

UNKNOWN = 0
"""Code of what is not in the vocabulary of a learnt tokenizer."""

# A word with its inner apostrophes and hyphens, or one sign.
_WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
_NO_SPACE_BEFORE = frozenset(".,;:!?)]}%")
_NO_SPACE_AFTER = frozenset("([{")


@runtime_checkable
class Tokenizer(Protocol):
    """What `TextModality` asks of a tokenizer; those of other libraries fit by a few lines."""

    @property
    def size(self) -> int:
        """Number of codes, which are ``0 .. size - 1``."""

    def encode(self, text: str) -> list[int]:
        """Return the codes of a text, without signs for its beginning or end."""

    def decode(self, codes: list[int]) -> str:
        """Return the text of some codes."""


class LearntTokenizer(ABC):
    """A tokenizer whose vocabulary is learnt from texts.

    Parameters
    ----------
    vocabulary_size : int, optional
        Largest number of pieces, of which the most frequent are kept; all by default. The others
        share the code 0.
    vocabulary : sequence of str, optional
        Pieces in the order of their codes, from code 1 on; then there is nothing left to learn. By
        default `fit` learns them.

    Raises
    ------
    ParameterError
        When the size is not positive, or the vocabulary is no sequence of distinct texts.
    """

    unknown: str

    def __init__(
        self, vocabulary_size: int | None = None, vocabulary: Sequence[str] | None = None
    ) -> None:
        if vocabulary_size is not None and vocabulary_size < 1:
            raise ParameterError(
                f"vocabulary_size must be a positive integer or None. Got {vocabulary_size!r}."
            )
        self.vocabulary_size = vocabulary_size
        self._codes = {} if vocabulary is None else _codes_of(vocabulary)

    def settings(self) -> dict[str, Any]:
        """Return the arguments that make this tokenizer again, its vocabulary among them."""
        pieces = list(self._codes) if self.is_fitted else None
        return {"vocabulary_size": self.vocabulary_size, "vocabulary": pieces}

    @abstractmethod
    def split(self, text: str) -> list[str]:
        """Cut a text into pieces."""

    @abstractmethod
    def join(self, pieces: Sequence[str]) -> str:
        """Put pieces together, so that `split` finds them again."""

    @property
    def is_fitted(self) -> bool:
        """Whether there is a vocabulary."""
        return bool(self._codes)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The pieces by code; the first stands for all that are unknown."""
        return (self.unknown, *self._codes)

    @property
    def size(self) -> int:
        """Number of codes, that of the unknown included."""
        self._check_fitted()
        return len(self._codes) + 1

    def fit(self, texts: Iterable[str]) -> LearntTokenizer:
        """Learn the vocabulary: the most frequent pieces, equally frequent ones by alphabet.

        Raises
        ------
        DataError
            When the texts are all empty.
        """
        counts = Counter(piece for text in texts for piece in self.split(text))
        if not counts:
            raise DataError("A vocabulary cannot be learnt from texts that are all empty.")
        ranked = sorted(counts, key=lambda piece: (-counts[piece], piece))
        self._codes = _codes_of(ranked[: self.vocabulary_size])
        return self

    def encode(self, text: str) -> list[int]:
        """Return the codes of a text."""
        self._check_fitted()
        return [self._codes.get(piece, UNKNOWN) for piece in self.split(text)]

    def decode(self, codes: Sequence[int]) -> str:
        """Return the text of some codes."""
        self._check_fitted()
        vocabulary = self.vocabulary
        return self.join([vocabulary[code] for code in codes])

    def _check_fitted(self) -> None:
        if not self.is_fitted:
            raise ParameterError(
                f"The {type(self).__name__} has no vocabulary yet. Call fit with some texts."
            )


class WordTokenizer(LearntTokenizer):
    """Lower-cased words and punctuation, for languages that put spaces between words."""

    unknown = "<unknown>"

    def split(self, text: str) -> list[str]:
        """Cut a text into words and signs; spaces and capitals are lost."""
        return _WORD.findall(text.lower())

    def join(self, pieces: Sequence[str]) -> str:
        """Put spaces between words, and none where punctuation has none."""
        text = ""
        for piece in pieces:
            is_tight = not text or piece in _NO_SPACE_BEFORE or text[-1] in _NO_SPACE_AFTER
            text += piece if is_tight else f" {piece}"
        return text


class CharacterTokenizer(LearntTokenizer):
    """Single characters, as they are."""

    unknown = "\N{REPLACEMENT CHARACTER}"

    def split(self, text: str) -> list[str]:
        """Cut a text into characters."""
        return list(text)

    def join(self, pieces: Sequence[str]) -> str:
        """Put characters side by side."""
        return "".join(pieces)


def _codes_of(pieces: Sequence[str]) -> dict[str, int]:
    """Give each piece its code; refuse what is no vocabulary."""
    is_listed = not isinstance(pieces, str) and all(isinstance(piece, str) for piece in pieces)
    if not is_listed or not 0 < len(pieces) == len(set(pieces)):
        raise ParameterError(
            f"vocabulary must be a non-empty sequence of distinct texts. Got {pieces!r} instead."
        )
    return {piece: code for code, piece in enumerate(pieces, start=UNKNOWN + 1)}
