"""Builds hits and answers: best passage, snippet or quote, and highlights.

Pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.highlighting import snippets
from search.highlighting.highlighter import spans
from search.model import Answer, Document, Hit, Passage, Span
from search.ports import Vector
from search.query.terms import HighlightTerms

# Writers put the answer first, so the first of equal passages is shown.
FIRST_PASSAGE = 0.02
# Maximum length of an answer relative to a snippet.
ANSWER_SHARE = 1.6


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


def answer_window(passage: Passage, shown: HighlightTerms) -> Span:
    """Return the span of a passage to quote as the answer.

    It starts at the sentence or step with most query terms that the title and heading lack, or
    else at the first sentence, and includes the following sentences that fit: writers answer
    first, then explain.
    """
    return snippets.snippet_window(
        passage.text,
        snippets.missing_terms(shown.texts, f"{passage.title} {passage.heading}"),
        ANSWER_SHARE,
    )


def snippet_of(passage: Passage, shown: HighlightTerms) -> tuple[Span, tuple[Span, ...]]:
    """Return the snippet's span in the passage, and highlights with offsets from its start."""
    start, end = snippets.snippet_window(passage.text, shown.texts)
    return (start, end), tuple(
        spans(passage.lang, passage.text, shown.words, shown.bigrams, (start, end))
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
    window, marks = snippet_of(passage, shown)
    return Hit(
        document.id,
        document,
        passage,
        score,
        arms,
        passage.text[slice(*window)],
        marks,
        title_spans,
    )


def make_answer(hit: Hit, shown: HighlightTerms) -> Answer | None:
    """Quote the sentences of a hit that answer the query; None if there is nothing to quote."""
    passage = hit.passage
    if passage is None:
        return None
    start, end = answer_window(passage, shown)
    marks = tuple(spans(passage.lang, passage.text, shown.words, shown.bigrams, (start, end)))
    return Answer(hit.article_id, passage, passage.text[start:end], marks) if end > start else None
