"""Selects the snippet of a passage. Pure functions over text and spans; no HTML."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from search.analysis.normalize import fold_kana, fold_with_offsets
from search.analysis.normalized_text import (
    TEXTS_KEPT,
    _trimmed,
    normalized,
    normalized_sentences,
    sentence_spans,
)
from search.analysis.scripts import is_wide
from search.model import Span

# Snippet widths in characters; a Japanese character is about twice as wide as a Latin one.
WIDTH = 160
WIDTH_WIDE = 90
# Characters sampled to detect wide text.
SAMPLED = 200


def count_terms(text: str, pieces: Sequence[str]) -> int:
    """Number of terms (folded, kana as katakana) that occur in the text; each counts once."""
    return len(_held(normalized(text).text, pieces))


def missing_terms(pieces: Sequence[str], text: str) -> list[str]:
    """The terms that do not occur in the text."""
    folded = normalized(text).text
    return [piece for piece in pieces if piece not in folded]


def _held(folded: str, pieces: Sequence[str]) -> list[str]:
    return [piece for piece in pieces if piece in folded]


def snippet_window(text: str, pieces: Sequence[str], share: float = 1.0) -> Span:
    """Return the span to show; (0, 0) for a text without sentences.

    It has whole sentences, from the one with most terms on, that fit ``share`` times the usual
    width; a longer sentence is cut.
    """
    sentences = sentence_spans(text)
    if not sentences:
        return 0, 0
    width = int(share * (WIDTH_WIDE if _is_wide(text) else WIDTH))
    best = _best_sentence(text, pieces) if len(sentences) > 1 else 0
    start, end = sentences[best]
    for _start, following in sentences[best + 1 :]:
        if following - start > width:
            break
        end = following
    return (start, end) if end - start <= width else _around(text, (start, end), pieces, width)


@lru_cache(maxsize=TEXTS_KEPT)
def _is_wide(text: str) -> bool:
    return is_wide(text[:SAMPLED])


def _best_sentence(text: str, pieces: Sequence[str]) -> int:
    """Index of the sentence with most terms; the first of equals."""
    # Search sentences only for terms that occur in the text.
    present = _held(normalized(text).text, pieces)
    counts = [len(_held(sentence, present)) for sentence in normalized_sentences(text)]
    return counts.index(max(counts))


def _around(text: str, sentence: Span, pieces: Sequence[str], width: int) -> Span:
    """A window of a long sentence, from a little before its first term, cut between words."""
    start, end = sentence
    folded = fold_with_offsets(text[start:end])
    kana = fold_kana(folded.text)
    places = [kana.find(piece) for piece in pieces if piece in kana]
    first = folded.starts[min(places)] if places else 0
    begin = start + max(0, min(first - width // 4, end - start - width))
    begin = _word_start(text, begin, start)
    stop = min(end, begin + width)
    return _trimmed(text, (begin, _word_start(text, stop, begin) if stop < end else stop))


def _word_start(text: str, at: int, lowest: int) -> int:
    """The nearest word start at or before ``at``; ``at`` itself in scripts without spaces."""
    place = at
    while (
        place > lowest
        and text[place - 1].isascii()
        and text[place - 1].isalnum()
        and text[place : place + 1].isalnum()
    ):
        place -= 1
    return place if at - place < 30 else at
