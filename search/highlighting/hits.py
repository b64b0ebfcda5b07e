"""Why a hit was found: its best passage, the stretch of it to show or to quote, and the words to mark. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from search.highlighting import snippets
from search.highlighting.highlighter import spans
from search.model import Passage, Span
from search.ports import Vector
from search.query.terms import Shown

# Writers put the answer first: among equal passages of an article the first one is shown.
FIRST_PASSAGE = 0.02
# An answer may be this much longer than a snippet.
ANSWER_SHARE = 1.6


def best_passage(passages: Sequence[Passage], cosines: Vector | None, shown: Shown, words_weight: float) -> int:
    """Which of an article's passages (at least one) to show; ``cosines`` has one value a passage, or is None.

    ``words_weight``: what holding all words counts beside a cosine.
    """
    # Words that stand in the title do not say which passage of the article is meant.
    pieces = snippets.without(shown.pieces, passages[0].title)
    each = words_weight / max(1, len(pieces))
    scores = [each * snippets.overlap(passage.text, pieces) for passage in passages]
    scores[0] += FIRST_PASSAGE
    if cosines is not None:
        scores = [score + cosine for score, cosine in zip(scores, cosines.tolist(), strict=True)]
    return scores.index(max(scores))


def answer_window(passage: Passage, shown: Shown) -> Span:
    """The stretch of a passage to quote as the answer.

    The sentence or step that says most of what was asked, beyond what the title says already, and what follows it as far as it fits:
    writers answer first and explain then. Where no sentence stands out the passage's first one.
    """
    return snippets.window(passage.text, snippets.without(shown.pieces, f"{passage.title} {passage.heading}"), ANSWER_SHARE)


def snippet_of(passage: Passage, shown: Shown) -> tuple[Span, tuple[Span, ...]]:
    """The stretch of a passage to show, and the spans in it to mark, counted from its start."""
    start, end = snippets.window(passage.text, shown.pieces)
    return (start, end), tuple(spans(passage.lang, passage.text, shown.words, shown.grams, (start, end)))
