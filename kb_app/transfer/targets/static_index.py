"""The search index of a static site: terms with their articles, for pages/search.js.

Both cut texts in the same way: runs of letters and digits are words in lower case; runs of
Japanese and Chinese characters are cut into pairs, with their last character alone, so that every
character begins a term. Katakana is read as hiragana.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from indexer.model import Article

# How much more a word counts in a title than in the text, and so on.
TITLE, QUESTION, KEYWORD, HEADING, TEXT = 8, 6, 4, 3, 1
MOST_COUNTED, LONGEST_WORD, LONGEST_SAID = 60, 40, 120
_RUN = re.compile(r"[ぁ-ゖー々〇㐀-鿿]++|[^\W_ぁ-ゖー々〇㐀-鿿]++")
_PAIRED = re.compile(r"[ぁ-ゖー々〇㐀-鿿]")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}


def folded(text: str) -> str:
    """A text in the form in which terms are compared."""
    return unicodedata.normalize("NFKC", text).lower().translate(_KATAKANA)


def terms(text: str) -> list[str]:
    """The terms of a text, in their order."""
    found: list[str] = []
    for run in _RUN.findall(folded(text)):
        if _PAIRED.match(run):
            found += [run[at : at + 2] for at in range(len(run))]
        else:
            found.append(run[:LONGEST_WORD])
    return found


@dataclass(frozen=True)
class Entry:
    """An article with the address of its page below the site's root."""

    article: Article
    address: str


def index_of(lang: str, entries: Sequence[Entry]) -> bytes:
    """The index as a script that gives it to search.js, so that it loads from a folder too.

    A term's articles are a text of numbers in base 36: how far on the next article is, and behind a
    dot how often the term counts there if that is not 1.
    """
    postings: dict[str, list[tuple[int, int]]] = {}
    lengths = []
    for number, entry in enumerate(entries):
        counted = weighed(entry.article)
        lengths.append(min(sum(counted.values()), 99_999))
        for term, weight in counted.items():
            postings.setdefault(term, []).append((number, min(weight, MOST_COUNTED)))
    value = {
        "lang": lang,
        "docs": [[one.article.title, one.address, _said(one.article)] for one in entries],
        "lengths": lengths,
        "terms": {term: _packed(postings[term]) for term in sorted(postings)},
    }
    # What ends a script, or a line of one, may stand in no text of it.
    text = orjson.dumps(value).decode().replace("<", "\\u003c")
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"kbSearch({text});\n".encode()


def weighed(article: Article) -> Counter[str]:
    """How much each term of an article counts. Questions of customers are not among them."""
    parts: list[tuple[int, Iterable[str]]] = [
        (TITLE, (article.title,)),
        (QUESTION, article.questions),
        (KEYWORD, (*article.keywords, *article.tags, article.summary)),
        (HEADING, (section.heading for section in article.sections)),
        (TEXT, (section.text for section in article.sections)),
    ]
    counted: Counter[str] = Counter()
    for weight, texts in parts:
        for text in texts:
            for term in terms(text):
                counted[term] += weight
    return counted


def _said(article: Article) -> str:
    """What is shown below a title: the summary, else how the text begins."""
    text = article.summary or next((one.text for one in article.sections if one.text), "")
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SAID else f"{line[:LONGEST_SAID].rstrip()}…"


def _packed(found: Sequence[tuple[int, int]]) -> str:
    parts, before = [], 0
    for number, weight in found:
        step = _base36(number - before)
        parts.append(step if weight == 1 else f"{step}.{_base36(weight)}")
        before = number
    return " ".join(parts)


def _base36(number: int) -> str:
    digits = _DIGITS[number % 36]
    while number >= 36:
        number //= 36
        digits = _DIGITS[number % 36] + digits
    return digits
