"""The focus of a query: what is asked about the thing that an article's title names.

"TB-200 battery life" about the article "Pair the TB-200" has the focus "battery life".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from search.analysis.normalized_text import TEXTS_KEPT, normalized
from search.model import Span
from search.query.terms import WeightedTerm

# Codes and numbers with letters: e-07, tb-200, 2fa. Their hyphens do not count.
_CODE = re.compile(r"(?<![a-z0-9])(?:[a-z]++-?[0-9]++[a-z]*+|[0-9]++-?[a-z]++)(?![a-z0-9])")
# Latin words are compared without their endings, from the start of a word: charging, charge.
_ENDINGS, _SHORTEST = ("ies", "ing", "ed", "es", "s", "y", "e"), 4


@dataclass(frozen=True)
class FocusTerm:
    """A query word with its idf; a text has it if it has any of the forms, or the code."""

    forms: tuple[str, ...]
    weight: float
    code: str = ""
    spans: tuple[Span, ...] = ()

    def is_in(self, text: str) -> bool:
        """Whether a text has the word."""
        if self.code:
            return self.code in codes(text)
        folded = normalized(text).text
        return any(form in folded and _begins(form, folded) for form in self.forms)


@lru_cache(maxsize=TEXTS_KEPT)
def codes(text: str) -> frozenset[str]:
    """The codes of a text, without hyphens. Cached: the same articles are found repeatedly."""
    return frozenset(code.replace("-", "") for code in _CODE.findall(normalized(text).text))


def focus_terms(terms: Iterable[WeightedTerm]) -> tuple[FocusTerm, ...]:
    """The words of a query in the form in which blocks are searched for them."""
    return tuple(map(_focus_term, terms))


def not_named(terms: Iterable[FocusTerm], names: Sequence[str]) -> tuple[FocusTerm, ...]:
    """The words that are in none of the names."""
    return tuple(term for term in terms if not any(term.is_in(name) for name in names))


def outermost(terms: Sequence[FocusTerm]) -> tuple[FocusTerm, ...]:
    """The words that are no part of a longer one: of tb-200, tb and 200 only the first."""
    spans = {span for term in terms for span in term.spans}

    def is_part(start: int, end: int) -> bool:
        return any(
            first <= start and end <= last and (first, last) != (start, end)
            for first, last in spans
        )

    return tuple(term for term in terms if not any(is_part(*span) for span in term.spans))


def without(query: str, terms: Iterable[FocusTerm]) -> str:
    """The query without some of its words."""
    letters = list(query)
    for start, end in (span for term in terms for span in term.spans):
        letters[start:end] = " " * (end - start)
    return " ".join("".join(letters).split())


def extent(query: str, terms: Sequence[FocusTerm]) -> str:
    """The part of the query from the first of some words to the last, as written."""
    spans = [span for term in terms for span in term.spans]
    return query[min(spans)[0] : max(end for _, end in spans)].strip() if spans else ""


def told(terms: Sequence[FocusTerm], texts: Sequence[str]) -> float:
    """Share of the words, weighted by idf, that any of the texts has, 0 to 1; 0 without words."""
    total = sum(term.weight for term in terms)
    has = (term.weight for term in terms if any(map(term.is_in, texts)))
    return sum(has) / total if total else 0.0


def covered(terms: Sequence[FocusTerm], text: str) -> float:
    """Share of the words, weighted by idf, that a text has, 0 to 1; 0 without words."""
    total = sum(term.weight for term in terms)
    return sum(term.weight for term in terms if term.is_in(text)) / total if total else 0.0


def _focus_term(term: WeightedTerm) -> FocusTerm:
    found = [code for form in term.forms[:1] for code in codes(form)]
    forms = tuple(_stem(form) for form in term.forms if form)
    return FocusTerm(forms, term.weight, found[0] if found else "", term.spans)


def _stem(form: str) -> str:
    if not (form.isascii() and form.isalpha() and len(form) > _SHORTEST):
        return form
    for ending in _ENDINGS:
        stem = form.removesuffix(ending)
        if stem != form and len(stem) >= _SHORTEST - 1:
            is_doubled = ending in ("ing", "ed") and stem[-1:] == stem[-2:-1]
            return stem[:-1] if is_doubled else stem
    return form


def _begins(form: str, text: str) -> bool:
    """Whether a form stands in a text; one in Latin letters at the start of a word."""
    return not form.isascii() or bool(_at_word_start(form).search(text))


@lru_cache(maxsize=4096)
def _at_word_start(form: str) -> re.Pattern[str]:
    return re.compile(f"(?<![a-z0-9]){re.escape(form)}")
