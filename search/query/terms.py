"""A question in tokens, and how much of it something says: by the words' idf, so that telling words count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search.analysis.normalize import fold, fold_kana
from search.analysis.tokens import Token
from search.index.corpus import LanguageImpacts

Tokens = tuple[list[Token], list[Token]]
"""Words and grams."""


@dataclass(frozen=True)
class Choice:
    """Words of which any one will do: ``others`` may stand for what was asked, but count only ``share`` as much."""

    asked: Tokens
    others: Sequence[Tokens]
    share: float = 1.0


@dataclass(frozen=True)
class Asked:
    """A question in one language's tokens: those that are meant as they stand, and choices. Tokens are stretches of ``text``."""

    text: str
    plain: Tokens
    choices: Sequence[Choice] = ()


@dataclass(frozen=True)
class Piece:
    """A word of a question as it may stand in a text (folded, kana as katakana), any one of ``forms``, and its idf."""

    forms: tuple[str, ...]
    weight: float


def pieces(impacts: LanguageImpacts, asked: Asked) -> Iterator[Piece]:
    """The words of a question, to be looked for in texts as they stand."""

    def written(token: Token) -> str:
        return fold_kana(fold(asked.text[token.start : token.end]))

    for token in asked.plain[0]:
        yield Piece((written(token),), impacts.words.total_weight([token]))
    for choice in asked.choices:
        others = (fold_kana(token.text) for other in choice.others for token in other[0])
        yield Piece((*map(written, choice.asked[0]), *others), impacts.words.total_weight(choice.asked[0]))


@dataclass(frozen=True)
class Shown:
    """What of a question is looked for in the articles that are shown: ``pieces`` as they stand, words and grams to mark."""

    pieces: Sequence[str]
    words: set[str]
    grams: set[str]


def shown_for(plain: str, tokens: Tokens) -> Shown:
    """The pieces of a question, and what to mark: of the grams those inside a word, or all where the words are guesses of kana."""
    words, grams = tokens
    inside = [gram for gram in grams if any(word.start <= gram.start and gram.end <= word.end for word in words)]
    written = [fold_kana(fold(plain[token.start : token.end])) for token in words]
    pieces = [piece for piece in dict.fromkeys([*written, *(token.text for token in grams)]) if piece]
    return Shown(pieces, {token.text for token in words}, {gram.text for gram in inside or grams})
