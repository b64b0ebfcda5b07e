"""Cached normalised texts, as ranking, snippets and highlighting search them for query terms."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from search.analysis.normalize import fold_ascii, fold_to_kana, keeps_places
from search.analysis.sentences import sentence_bounds
from search.model import Span

# LRU cache size: enough for the passages and titles of a large knowledge base.
TEXTS_KEPT = 32_768


class NormalizedText(NamedTuple):
    """A folded text with katakana for all kana; ``in_place`` if every offset is unchanged."""

    text: str
    in_place: bool


@lru_cache(maxsize=TEXTS_KEPT)
def normalized(text: str) -> NormalizedText:
    """Return the normalised text. Cached, since the same articles are found repeatedly."""
    plain = fold_ascii(text)
    return (
        NormalizedText(fold_to_kana(text), keeps_places(text))
        if plain is None
        else NormalizedText(plain, True)
    )


@lru_cache(maxsize=TEXTS_KEPT)
def normalized_sentences(text: str) -> tuple[str, ...]:
    """Return the normalised sentences of a text."""
    whole = normalized(text)
    return tuple(
        whole.text[start:end] if whole.in_place else fold_to_kana(text[start:end])
        for start, end in sentence_spans(text)
    )


@lru_cache(maxsize=TEXTS_KEPT)
def sentence_spans(text: str) -> tuple[Span, ...]:
    """Return the spans of the sentences of a text, without the spaces around them."""
    spans = [
        (start, end) for start, end in pairwise(sentence_bounds(text)) if text[start:end].strip()
    ]
    return tuple(_trimmed(text, span) for span in spans)


def _trimmed(text: str, span: Span) -> Span:
    start, end = span
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
