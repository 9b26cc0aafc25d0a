"""Rows in which equally many tokens are known: one pattern of times, up to the order of tokens."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["by_pattern"]

_CHUNK_ROWS = 64  # from which on a call of the network costs little beside its arithmetic


def by_pattern(
    transform: Callable[[Tensor, Tensor], Tensor], tokens: Tensor, times: Tensor
) -> Tensor:
    """Transform rows with a time for every token, those with the same times together.

    To attention a row is a set of tokens. Put in the order of their times, rows in which equally
    many tokens are known have the same times, whichever tokens these are, and the network modulates
    each place once for all of them instead of each token of each row.

    Which rows go together is decided in chunks of fixed size: a row is rounded as in any other
    batch that is made of whole chunks.

    Parameters
    ----------
    transform : callable
        Maps tokens ``(B, L, D)`` and times ``(B, L)``, ``(1, L)`` or ``(1, 1)`` to tokens; a
        permutation of the tokens of a row permutes what comes out.
    tokens : Tensor
        ``(B, L, D)``. Rows with the same times up to order should lie side by side.
    times : Tensor
        ``(B, L)`` or ``(1, L)``.

    Returns
    -------
    Tensor
        ``(B, L, D)``, equal to ``transform(tokens, times)`` up to rounding.
    """
    if len(times) == 1:
        return transform(tokens, _said_once(times))
    ordered, order = times.sort(dim=1, stable=True)
    place = order[..., None].expand_as(tokens)
    alike = _in_uniform_chunks(ordered)
    differs = (ordered[1:] != ordered[:-1]).any(dim=1)
    cuts = (alike[1:] != alike[:-1]) | (differs & alike[1:])
    starts = cuts.nonzero().flatten() + 1
    done = [
        transform(piece, _said_once(own[:1]) if uniform[0] else own)
        for piece, own, uniform in zip(
            tokens.gather(1, place).tensor_split(starts),
            ordered.tensor_split(starts),
            alike.tensor_split(starts),
            strict=True,
        )
    ]
    return torch.empty_like(tokens).scatter_(1, place, torch.cat(done))


def _said_once(times: Tensor) -> Tensor:
    """Cut times of one row to ``(1, 1)`` where they are one: evidence on nothing rounds as none."""
    return times[:, :1] if bool((times == times[:, :1]).all()) else times


def _in_uniform_chunks(times: Tensor) -> Tensor:
    """Tell which rows ``(B, L)`` lie in a chunk of equal rows, ``(B,)`` bool."""
    first = torch.arange(len(times)) // _CHUNK_ROWS * _CHUNK_ROWS
    stray = (times != times[first]).any(dim=1)
    return ~torch.isin(first, first[stray])
