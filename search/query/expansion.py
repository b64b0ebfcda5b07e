"""Makes a question ready for the keyword arm: its words, what else they may be called here, and what a misspelt one may mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from search.analysis.analyzer import analyser
from search.analysis.scripts import HIRAGANA, KATAKANA
from search.analysis.spelling import folded_word
from search.analysis.tokens import Token, Tokens
from search.index.corpus import Corpus
from search.model import Span
from search.query.terms import Alternatives, HighlightTerms, QueryTerms, highlight_terms

# What a word nobody wrote may mean counts less than a word that somebody did.
CORRECTED_SHARE = 0.7
_KANA_RUN = re.compile(f"[{HIRAGANA}{KATAKANA}\u30fc\uff66-\uff9f]{{4,}}")


@dataclass(frozen=True)
class Correction:
    """A stretch [start, end) of the question that no article has, and the nearest word that some has."""

    start: int
    end: int
    word: str


@dataclass(frozen=True)
class ExpandedQuery:
    """A query in one language: its terms for ranking, the tokens to mark in hits, and the corrections of its misspelt words."""

    terms: QueryTerms
    marks: Tokens
    corrections: tuple[Correction, ...] = ()

    @cached_property
    def highlight(self) -> HighlightTerms:
        """What is looked for in the articles that are shown; worked out only for a language that is."""
        return highlight_terms(self.terms.text, self.marks)


def expand(
    corpus: Corpus, lang: str, plain: str, tokens: Tokens, correct_spelling: bool
) -> ExpandedQuery:
    """The question's tokens with their choices. ``correct_spelling`` says whether misspelt words are looked up in this language."""
    reader = analyser(lang)
    synonyms = corpus.synonyms.matches(lang, plain)
    stretches = [(match.start, match.end) for match in synonyms]
    choices = [
        Alternatives(
            _inside(tokens, m.start, m.end), [reader.analyse_query(word) for word in m.alternatives]
        )
        for m in synonyms
    ]
    corrections = (
        tuple(_corrections(corpus, lang, plain, tokens, stretches)) if correct_spelling else ()
    )
    for correction in corrections:
        meant = reader.analyse_query(correction.word)
        choices.append(
            Alternatives(
                _inside(tokens, correction.start, correction.end), [meant], CORRECTED_SHARE
            )
        )
        stretches.append((correction.start, correction.end))
    others = [other for choice in choices for other in choice.others]
    marks = Tokens(
        [*tokens.words, *(token for other in others for token in other.words)], tokens.bigrams
    )
    return ExpandedQuery(
        QueryTerms(plain, _outside(tokens, stretches), choices), marks, corrections
    )


def corrected(plain: str, corrections: tuple[Correction, ...]) -> str:
    """The question as it was probably meant."""
    for correction in sorted(corrections, key=lambda one: -one.start):
        plain = plain[: correction.start] + correction.word + plain[correction.end :]
    return plain


def _corrections(
    corpus: Corpus, lang: str, plain: str, tokens: Tokens, taken: list[tuple[int, int]]
) -> Iterator[Correction]:
    known = corpus.lexical[lang].words
    # Numbers and codes are never misspelt words.
    unknown = [
        (token.start, token.end)
        for token in tokens.words
        if token.text.isalpha() and not known.weight(token)
    ]
    for stretch in _worth_correcting(plain, unknown):
        if any(start < stretch[1] and stretch[0] < end for start, end in taken):
            continue
        better = corpus.keyword.correct(lang, folded_word(plain[slice(*stretch)]))
        if better:
            taken = [*taken, stretch]
            yield Correction(*stretch, better)


def _worth_correcting(plain: str, unknown: list[Span]) -> Iterator[Span]:
    """Runs of kana that hold an unknown word, since the dictionary cuts those anywhere; then the unknown words."""
    for match in _KANA_RUN.finditer(plain):
        if any(match.start() <= start and end <= match.end() for start, end in unknown):
            yield match.span()
    yield from dict.fromkeys(unknown)


def _inside(tokens: Tokens, start: int, end: int) -> Tokens:
    def kept(stream: list[Token]) -> list[Token]:
        return [token for token in stream if start <= token.start and token.end <= end]

    return Tokens(kept(tokens.words), kept(tokens.bigrams))


def _outside(tokens: Tokens, stretches: list[tuple[int, int]]) -> Tokens:
    if not stretches:
        return tokens

    def kept(stream: list[Token]) -> list[Token]:
        return [
            token
            for token in stream
            if not any(start <= token.start and token.end <= end for start, end in stretches)
        ]

    return Tokens(kept(tokens.words), kept(tokens.bigrams))
