"""Builds hits: best passage, snippet, and highlights.

Pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.highlighting import snippets
from search.highlighting.highlighter import spans
from search.index.units import shown_text
from search.model import Document, Hit, Passage, Span
from search.ports import Vector
from search.query.terms import HighlightTerms

# Writers put the answer first, so the first of equal passages is shown.
FIRST_PASSAGE = 0.02


def best_passage(
    passages: Sequence[Passage], cosines: Vector | None, shown: HighlightTerms, words_weight: float
) -> int:
    """Return the index of the passage of an article to show; there must be at least one.

    ``cosines`` has one value per passage, or is None. ``words_weight`` is the weight of containing
    all query words, relative to a cosine.
    """
    # Words in the title do not tell the article's passages apart.
    pieces = snippets.missing_terms(shown.texts, passages[0].title)
    each = words_weight / max(1, len(pieces))
    scores = [each * snippets.count_terms(passage.text, pieces) for passage in passages]
    scores[0] += FIRST_PASSAGE
    if cosines is not None:
        scores = [score + cosine for score, cosine in zip(scores, cosines.tolist(), strict=True)]
    return scores.index(max(scores))


def snippet_of(passage: Passage, shown: HighlightTerms) -> tuple[str, tuple[Span, ...]]:
    """Return the snippet of a passage, and its highlights with offsets from its start."""
    text = shown_text(passage)
    start, end = snippets.snippet_window(text, shown.texts)
    return text[start:end], tuple(
        spans(passage.lang, text, shown.words, shown.bigrams, (start, end))
    )


def make_hit(
    document: Document,
    passage: Passage | None,
    score: float,
    arms: Mapping[str, tuple[int, float]],
    shown: HighlightTerms,
) -> Hit:
    """Build a hit with its snippet, and highlights in the snippet and the title."""
    title_spans = tuple(spans(document.lang, document.title, shown.words, shown.bigrams))
    if passage is None:
        return Hit(document.id, document, None, score, arms, title_spans=title_spans)
    snippet, marks = snippet_of(passage, shown)
    return Hit(
        document.id,
        document,
        passage,
        score,
        arms,
        snippet,
        marks,
        title_spans,
    )
