"""Query expansion for the keyword arm: synonyms and spelling corrections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from search.analysis.analyzer import analyser
from search.analysis.dictionary import is_word
from search.analysis.scripts import HIRAGANA, IDEOGRAPH, KATAKANA
from search.analysis.spelling import folded_word
from search.analysis.tokens import Token, Tokens
from search.index.corpus import Corpus
from search.model import Span
from search.query.terms import Alternatives, HighlightTerms, QueryTerms, highlight_terms

# A corrected word counts less than a word of the query itself.
CORRECTED_SHARE = 0.7
_KANA_RUN = re.compile(f"[{HIRAGANA}{KATAKANA}\u30fc\uff66-\uff9f]{{4,}}")


@dataclass(frozen=True)
class Correction:
    """A query span [start, end) that no article has, and the nearest indexed word."""

    start: int
    end: int
    word: str


@dataclass(frozen=True)
class ExpandedQuery:
    """A query in one language: terms for ranking, tokens to highlight, spelling corrections."""

    terms: QueryTerms
    marks: Tokens
    corrections: tuple[Correction, ...] = ()

    @cached_property
    def highlight(self) -> HighlightTerms:
        """The terms to highlight; computed on first use, for languages that have hits."""
        return highlight_terms(self.terms.text, self.marks)


def expand(
    corpus: Corpus, lang: str, plain: str, tokens: Tokens, correct_spelling: bool
) -> ExpandedQuery:
    """Expand the query tokens with synonyms and corrections.

    ``correct_spelling`` enables spelling correction in this language.
    """
    reader = analyser(lang)
    synonyms = corpus.synonyms.matches(lang, plain)
    spans = [(match.start, match.end) for match in synonyms]
    choices = [
        Alternatives(
            _inside(tokens, m.start, m.end), [reader.analyse_query(word) for word in m.alternatives]
        )
        for m in synonyms
    ]
    corrections = (
        tuple(_corrections(corpus, lang, plain, tokens, spans)) if correct_spelling else ()
    )
    for correction in corrections:
        corrected_tokens = reader.analyse_query(correction.word)
        choices.append(
            Alternatives(
                _inside(tokens, correction.start, correction.end),
                [corrected_tokens],
                CORRECTED_SHARE,
            )
        )
        spans.append((correction.start, correction.end))
    others = [other for choice in choices for other in choice.others]
    marks = Tokens(
        [*tokens.words, *(token for other in others for token in other.words)], tokens.bigrams
    )
    return ExpandedQuery(QueryTerms(plain, _outside(tokens, spans), choices), marks, corrections)


def corrected(plain: str, corrections: tuple[Correction, ...]) -> str:
    """Return the query with its corrections applied."""
    for correction in sorted(corrections, key=lambda one: -one.start):
        plain = plain[: correction.start] + correction.word + plain[correction.end :]
    return plain


def _corrections(
    corpus: Corpus, lang: str, plain: str, tokens: Tokens, taken: list[tuple[int, int]]
) -> Iterator[Correction]:
    known = corpus.lexical[lang].words
    # Numbers and codes are never corrected.
    unknown = [
        (token.start, token.end)
        for token in tokens.words
        if token.text.isalpha() and not known.weight(token)
    ]
    for span in _worth_correcting(plain, unknown):
        if any(start < span[1] and span[0] < end for start, end in taken):
            continue
        word = folded_word(plain[slice(*span)])
        better = corpus.keyword.correct(lang, word)
        # A word that the articles lack is no typing error: noise is not noisy.
        if better and not _is_meant(lang, word, better):
            taken = [*taken, span]
            yield Correction(*span, better)


def _is_meant(lang: str, word: str, better: str) -> bool:
    """Whether a word is one as it stands; one in kana for a word in kanji is not."""
    return not IDEOGRAPH.search(better) and is_word(lang, word)


def _worth_correcting(plain: str, unknown: list[Span]) -> Iterator[Span]:
    """Yield kana runs with an unknown word, then the unknown words.

    Whole runs come first, since the dictionary splits unknown kana at arbitrary positions.
    """
    for match in _KANA_RUN.finditer(plain):
        if any(match.start() <= start and end <= match.end() for start, end in unknown):
            yield match.span()
    yield from dict.fromkeys(unknown)


def _inside(tokens: Tokens, start: int, end: int) -> Tokens:
    def kept(stream: list[Token]) -> list[Token]:
        return [token for token in stream if start <= token.start and token.end <= end]

    return Tokens(kept(tokens.words), kept(tokens.bigrams))


def _outside(tokens: Tokens, spans: list[tuple[int, int]]) -> Tokens:
    if not spans:
        return tokens

    def kept(stream: list[Token]) -> list[Token]:
        return [
            token
            for token in stream
            if not any(start <= token.start and token.end <= end for start, end in spans)
        ]

    return Tokens(kept(tokens.words), kept(tokens.bigrams))
