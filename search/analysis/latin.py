"""Words of scripts written with spaces, stemmed by Snowball.

A compound gives the joined form and its parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from threading import local

from search.analysis.scripts import SPACELESS, latin_runs
from search.analysis.tokens import Token

# ISO 639-1 code -> Snowball algorithm.
STEMMERS = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}

ENGLISH_FUNCTION_WORDS = frozenset(
    """
    a about above after again all am an and any are as at be because been before being between both
    but by can cannot could did do does doing done down during each few for from further get got had
    has have having he her here hers him his how i id if im in into is it its ive just let like me
    more most my myself no nor not now of off on once only or other our out over own please same she
    should so some such tell than thanks that the their them then there these they this those
    through to too under until up us very want was we were what when where which while who whom why
    will with would you your yours
    """.split()  # noqa: SIM905, a list of words reads best as words
)

_ALPHANUMERIC = re.compile(rf"[^\W\d_{SPACELESS}]+|\d+")
_ALPHANUMERIC_ASCII = re.compile(r"[A-Za-z]+|\d+")
_SEPARATORS = re.compile(r"[-'._/&@]")
# Between digits a separator is part of the number: 2.1.0 is not 21.0.
_NOT_IN_NUMBER = re.compile(r"(?<!\d)[-'._/&@]|[-'._/&@](?!\d)")
_IN_NUMBER = "."
_POSSESSIVE = re.compile(r"'s?$|'s(?=\W|$)")

Stem = Callable[[str], str]


def latin_words(folded: str, stem: Stem) -> Iterator[Token]:
    """Yield the words of a folded text; a compound gives the joined form and then its parts."""
    for match in latin_runs(folded):
        run, start = match.group(), match.start()
        if run.isalpha():
            yield Token(stem(run), start, match.end())
            continue
        plain = _POSSESSIVE.sub("", run) if "'" in run else run
        parts = _parts(run)
        yield Token(stem(joined(plain)), start, match.end())
        if "'" not in run and len(parts) > 1:
            for part, offset in parts:
                yield Token(stem(part), start + offset, start + offset + len(part))


def joined(run: str) -> str:
    """A compound without separators, but for those between digits, which become dots."""
    return _SEPARATORS.sub(_IN_NUMBER, _NOT_IN_NUMBER.sub("", run))


def _parts(run: str) -> list[tuple[str, int]]:
    """Split a compound into letters and digits, without single letters.

    Examples: e-502 -> 502; iphone15 -> iphone, 15.
    """
    parts = [
        (match.group(), match.start())
        for match in (_ALPHANUMERIC_ASCII if run.isascii() else _ALPHANUMERIC).finditer(run)
    ]
    kept = [(part, at) for part, at in parts if len(part) > 1 or part.isdigit()]
    return kept if len(parts) > 1 and kept else []


@lru_cache(maxsize=4096)
def may_hold(word: str) -> re.Pattern[str]:
    """Return a pattern that matches every folded text containing the word, stemming aside.

    It matches the word's letters with optional compound separators between them, and any one
    separator inside a number.
    """
    each = (_SEPARATORS.pattern if char == _IN_NUMBER else re.escape(char) for char in word)
    return re.compile(r"(?:'s|[-'._/&@])*".join(each))


@lru_cache(maxsize=64)
def stemmer(lang: str) -> Stem:
    """Return a thread-safe Snowball stemmer of the language; the identity without one.

    PyStemmer objects are not thread-safe, so each thread has its own.
    """
    if lang not in STEMMERS:
        return lambda word: word
    import Stemmer

    store = local()
    name = STEMMERS[lang]

    @lru_cache(maxsize=50_000)
    def stem(word: str) -> str:
        if not hasattr(store, "stemmer"):
            store.stemmer = Stemmer.Stemmer(name)
        return str(store.stemmer.stemWord(word))

    return stem


def english_function_words() -> frozenset[str]:
    """Return English function words, as written and as stems."""
    stem = stemmer("en")
    return ENGLISH_FUNCTION_WORDS | {stem(word) for word in ENGLISH_FUNCTION_WORDS}
