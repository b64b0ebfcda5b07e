"""A question in tokens, and how much of it something says: by the words' idf, so that telling words count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search.analysis.normalize import fold, fold_kana
from search.analysis.tokens import Token, Tokens
from search.index.corpus import LexicalIndex


@dataclass(frozen=True)
class Alternatives:
    """Words of which any one will do: ``others`` may stand for what was asked, but count only ``share`` as much."""

    asked: Tokens
    others: Sequence[Tokens]
    share: float = 1.0


@dataclass(frozen=True)
class QueryTerms:
    """A question in one language's tokens: those that are meant as they stand, and choices. Tokens are stretches of ``text``."""

    text: str
    plain: Tokens
    choices: Sequence[Alternatives] = ()


@dataclass(frozen=True)
class WeightedTerm:
    """A word of a question as it may stand in a text (folded, kana as katakana), any one of ``forms``, and its idf."""

    forms: tuple[str, ...]
    weight: float


def weighted_terms(lexical: LexicalIndex, asked: QueryTerms) -> Iterator[WeightedTerm]:
    """The words of a question, to be looked for in texts as they stand."""

    def written(token: Token) -> str:
        return fold_kana(fold(asked.text[token.start : token.end]))

    for token in asked.plain[0]:
        yield WeightedTerm((written(token),), lexical.words.total_weight([token]))
    for choice in asked.choices:
        others = (fold_kana(token.text) for other in choice.others for token in other[0])
        yield WeightedTerm(
            (*map(written, choice.asked[0]), *others), lexical.words.total_weight(choice.asked[0])
        )


@dataclass(frozen=True)
class HighlightTerms:
    """What of a question is looked for in the articles that are shown: ``texts`` as they stand, words and grams to mark."""

    texts: Sequence[str]
    words: set[str]
    bigrams: set[str]


def highlight_terms(plain: str, tokens: Tokens) -> HighlightTerms:
    """The pieces of a question, and what to mark: of the grams those inside a word, or all where the words are guesses of kana."""
    words, bigrams = tokens
    inside = [
        bigram
        for bigram in bigrams
        if any(word.start <= bigram.start and bigram.end <= word.end for word in words)
    ]
    written = [fold_kana(fold(plain[token.start : token.end])) for token in words]
    texts = [
        piece for piece in dict.fromkeys([*written, *(token.text for token in bigrams)]) if piece
    ]
    return HighlightTerms(
        texts, {token.text for token in words}, {bigram.text for bigram in inside or bigrams}
    )
