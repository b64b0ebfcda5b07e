"""Query terms for ranking and highlighting, weighted by idf."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search.analysis.normalize import fold, fold_kana
from search.analysis.scripts import HIRAGANA
from search.analysis.tokens import Token, Tokens
from search.index.corpus import LexicalIndex
from search.model import Span

HIRAGANA_ONLY = re.compile(f"[{HIRAGANA}ー]+")
# Last kana of the dictionary form of a verb.
VERB_ENDS = frozenset("ウクグスツヌブムル")


@dataclass(frozen=True)
class Alternatives:
    """Alternatives of query tokens, any of which matches.

    ``asked`` are tokens of the query; ``others`` replace them with ``share`` of the weight.
    """

    asked: Tokens
    others: Sequence[Tokens]
    share: float = 1.0


@dataclass(frozen=True)
class QueryTerms:
    """A query as tokens of one language: ``plain`` tokens and ``choices`` with alternatives.

    Token offsets refer to ``text``.
    """

    text: str
    plain: Tokens
    choices: Sequence[Alternatives] = ()


@dataclass(frozen=True)
class WeightedTerm:
    """A query word with its idf; any of ``forms`` (folded, kana as katakana) matches it.

    ``spans`` are its places in the query.
    """

    forms: tuple[str, ...]
    weight: float
    spans: tuple[Span, ...] = ()


def weighted_terms(lexical: LexicalIndex, asked: QueryTerms) -> Iterator[WeightedTerm]:
    """Yield the query words in the form in which texts are searched for them."""

    def written(token: Token) -> str:
        return fold_kana(fold(asked.text[token.start : token.end]))

    for token in asked.plain[0]:
        weight = lexical.words.total_weight([token])
        yield WeightedTerm((written(token),), weight, ((token.start, token.end),))
    for choice in asked.choices:
        others = (fold_kana(token.text) for other in choice.others for token in other[0])
        yield WeightedTerm(
            (*map(written, choice.asked[0]), *others),
            lexical.words.total_weight(choice.asked[0]),
            tuple((token.start, token.end) for token in choice.asked[0]),
        )


@dataclass(frozen=True)
class HighlightTerms:
    """Terms to find in displayed articles: ``texts`` verbatim, and words and bigrams to mark."""

    texts: Sequence[str]
    words: set[str]
    bigrams: set[str]


def highlight_terms(plain: str, tokens: Tokens) -> HighlightTerms:
    """Return the terms of a query to search for and to mark.

    Only bigrams inside a marked word are marked, or all of them where the query has no words. Verbs
    in kana are not marked: かかり of かかりません stands in too many words.
    """
    words, bigrams = tokens
    marked = [word for word in words if not _is_kana_verb(plain[word.start : word.end], word.text)]
    inside = [
        bigram
        for bigram in bigrams
        if any(word.start <= bigram.start and bigram.end <= word.end for word in marked)
    ]
    written = [fold_kana(fold(plain[token.start : token.end])) for token in words]
    texts = [
        piece for piece in dict.fromkeys([*written, *(token.text for token in bigrams)]) if piece
    ]
    shown = inside or ([] if marked else bigrams)
    return HighlightTerms(
        texts, {token.text for token in marked}, {bigram.text for bigram in shown}
    )


def _is_kana_verb(written: str, form: str) -> bool:
    return bool(HIRAGANA_ONLY.fullmatch(written)) and fold_kana(form[-1:]) in VERB_ENDS
