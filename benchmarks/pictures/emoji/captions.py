"""Captions as text: their words, their kind, and how well drawn ones fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures.data import Pictures
from benchmarks.pictures.emoji.data import other_category

if TYPE_CHECKING:
    from tabdiffuse import WordTokenizer

LEAST = 2  # train captions that must have a word, so that the vocabulary has it
LENGTH = 12  # words of the longest caption
OPEN_KIND = "<mask>"  # stands for one word that is not known


def vocabulary(captions: Sequence[str]) -> WordTokenizer:
    """Learn the words that stand in at least `LEAST` captions.

    What stands in one only would be unknown among other emoji. So it is when the model learns, and
    it learns what to make of a word that it does not know.
    """
    from tabdiffuse import WordTokenizer

    whole = WordTokenizer()
    counts = Counter(word for caption in captions for word in set(whole.split(caption)))
    kept = [word for word, count in counts.items() if count >= LEAST]
    tokenizer = WordTokenizer()
    tokenizer.fit(kept)
    return tokenizer


def words(caption: str) -> list[str]:
    """Cut a caption into words and signs; what is unknown is one sign."""
    from tabdiffuse import WordTokenizer

    tokenizer = WordTokenizer()
    return tokenizer.split(caption.replace(tokenizer.unknown, "\N{REPLACEMENT CHARACTER}"))


def kinds(captions: NDArray[Any]) -> NDArray[Any]:
    """Give the first word of each, which is the kind where it is one."""
    firsts = [(caption.split() or [""])[0] for caption in captions]
    return np.array(firsts, dtype=object)


def name_only(names: NDArray[Any]) -> NDArray[Any]:
    """Make captions whose kind is open."""
    return np.array([f"{OPEN_KIND} {name}" for name in names], dtype=object)


def caption_scores(data: Pictures, drawn: NDArray[Any]) -> dict[str, float]:
    """Compare captions, one for each test picture, with the true ones.

    Returns
    -------
    dict of str to float
        "tokens": share of the words that are right at their place, of as many as the longer of the
        two captions has; "exact": captions that are right as a whole; "said_kind" and
        "said_category": of the first word.
    """
    shares = [
        shared_words(words(caption), words(made))
        for caption, made in zip(data.test["caption"], drawn, strict=True)
    ]
    said, true = kinds(drawn), data.test["label"]
    return {
        "tokens": float(np.mean(shares)),
        "exact": float(np.mean([share == 1 for share in shares])),
        "said_kind": float(np.mean(said == true)),
        "said_category": float(np.mean(~other_category(data, said, true))),
    }


def shared_words(true: Sequence[str], made: Sequence[str]) -> float:
    """Share of the places of the longer caption at which both have the same word."""
    right = sum(a == b for a, b in zip(true, made, strict=False))
    return right / max(len(true), len(made), 1)


def nearest_caption(data: Pictures) -> NDArray[np.intp]:
    """Find, for each test caption, the train row whose caption has most of its words in common.

    By the number of shared words over the number of all; the first of equals.
    """
    learnt = [set(words(caption)) for caption in data.train["caption"]]
    found = []
    for caption in data.test["caption"]:
        own = set(words(caption))
        found.append(int(np.argmax([len(own & other) / len(own | other) for other in learnt])))
    return np.array(found, dtype=np.intp)
