"""Why a hit was found: its best passage, the stretch of it to show or to quote, and the words to mark. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.highlighting import snippets
from search.highlighting.highlighter import spans
from search.model import Answer, Document, Hit, Passage, Span
from search.ports import Vector
from search.query.terms import HighlightTerms

# Writers put the answer first: among equal passages of an article the first one is shown.
FIRST_PASSAGE = 0.02
# An answer may be this much longer than a snippet.
ANSWER_SHARE = 1.6


def best_passage(
    passages: Sequence[Passage], cosines: Vector | None, shown: HighlightTerms, words_weight: float
) -> int:
    """Which of an article's passages (at least one) to show; ``cosines`` has one value a passage, or is None.

    ``words_weight``: what holding all words counts beside a cosine.
    """
    # Words that stand in the title do not say which passage of the article is meant.
    pieces = snippets.missing_terms(shown.texts, passages[0].title)
    each = words_weight / max(1, len(pieces))
    scores = [each * snippets.count_terms(passage.text, pieces) for passage in passages]
    scores[0] += FIRST_PASSAGE
    if cosines is not None:
        scores = [score + cosine for score, cosine in zip(scores, cosines.tolist(), strict=True)]
    return scores.index(max(scores))


def answer_window(passage: Passage, shown: HighlightTerms) -> Span:
    """The stretch of a passage to quote as the answer.

    The sentence or step that says most of what was asked, beyond what the title says already, and what follows it as far as it fits:
    writers answer first and explain then. Where no sentence stands out the passage's first one.
    """
    return snippets.snippet_window(
        passage.text,
        snippets.missing_terms(shown.texts, f"{passage.title} {passage.heading}"),
        ANSWER_SHARE,
    )


def snippet_of(passage: Passage, shown: HighlightTerms) -> tuple[Span, tuple[Span, ...]]:
    """The stretch of a passage to show, and the spans in it to mark, counted from its start."""
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
    """A hit with its snippet, and the words marked in it and in the title."""
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
    """The sentence or step of a hit that answers, as the writer wrote it; None where there is none to quote."""
    passage = hit.passage
    if passage is None:
        return None
    start, end = answer_window(passage, shown)
    marks = tuple(spans(passage.lang, passage.text, shown.words, shown.bigrams, (start, end)))
    return Answer(hit.article_id, passage, passage.text[start:end], marks) if end > start else None
