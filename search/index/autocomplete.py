"""Completions while typing: titles and questions, by prefix of any of their words, as written or as read aloud.

All keys are made when the bundle is built; a look-up is a bisection over them. Typing ぱすわ, パスワ or pasuwa finds パスワード.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.analysis.japanese import morphemes_with_reading
from search.analysis.normalize import fold, fold_kana, fold_sounds
from search.analysis.scripts import HIRAGANA
from search.analysis.spelling import sound_key
from search.index.record_files import StringFile
from search.ports import Rows

KEY_CHARS = 24
# Entries looked at for each one wanted: several may be of one document.
FEW = 16
# From this share of new entries on all keys are made anew.
FRESH_SHARE = 0.1
_KANA_OR_KANJI = re.compile("[\u3041-\u30ff\u3400-\u9fff]")
_LATIN_TAIL = re.compile("[a-z]{1,2}$")
_CONSONANT_TAIL = re.compile("(?:[kgnhbpmr]y|sh?|ch?|ts?|[kgzdnhbpmyrwfvj])$(?<!n)")
# Syllables of romaji as people type them, small tsu before a doubled consonant.
_ROMAJI = re.compile(
    r"(?:(?:([kstpgdbzjfhmr])(?=\1)|t(?=ch)|c(?=ch))?(?:[kgnhbpmrsztdj]y|sh|ch|ts|[kgsztdnhbpmyrwfvj])?[aeiou]|n'?|-)+"
)
_WORD_START = re.compile(r"[^\W_]+")
_PARTICLE_START = re.compile(f"[{HIRAGANA}]")


class Entry(NamedTuple):
    """One line that can be suggested. ``title`` ones come before questions."""

    document: int
    text: str
    title: bool


@dataclass(frozen=True)
class SuggestIndex:
    """Entries by their keys.

    Of key i, ``owners[i]`` is the entry it leads to and ``heads[i]`` whether it is the entry's own beginning; ``keys`` are sorted.
    Of entry j, ``documents[j]`` is its document and ``ranks[j]`` its place among all: titles first, short ones first.
    """

    keys: Sequence[str]
    owners: NDArray[np.int32]
    heads: NDArray[np.bool_]
    texts: Sequence[str]
    documents: NDArray[np.int32]
    ranks: NDArray[np.int32]

    def find(
        self, typed: str, allowed: NDArray[np.bool_], preferred: NDArray[np.bool_], limit: int
    ) -> list[tuple[int, str]]:
        """(document, text) that complete what was typed; ``allowed`` and ``preferred`` say so of each document.

        Preferred documents come first, then entries that begin so, then titles; one entry a document.
        """
        parts = [forms for part in fold(typed).split() if (forms := typed_forms(part))]
        if not parts or not len(self.documents):
            return []
        hits, heads = self._entries(parts[-1])
        for forms in parts[:-1]:
            also, also_heads = self._entries(forms)
            hits, heads = hits & also, heads & also_heads
        found = np.flatnonzero(hits & allowed[self.documents])
        order = (~preferred[self.documents[found]] * 2 + ~heads[found]) * np.int64(
            len(self.documents)
        ) + self.ranks[found]
        return self._one_a_document(found[_smallest(order, FEW * limit)], limit)

    def _entries(self, forms: Iterable[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of each entry whether one of the forms leads to it, and whether it begins so."""
        hits, heads = np.zeros((2, len(self.documents)), dtype=np.bool_)
        for form in forms:
            found = slice(bisect_left(self.keys, form), bisect_left(self.keys, form + "\U0010ffff"))
            owners = self.owners[found]
            hits[owners] = True
            heads[owners[self.heads[found]]] = True
        return hits, heads

    def _one_a_document(self, entries: NDArray[np.int64], limit: int) -> list[tuple[int, str]]:
        kept: dict[int, str] = {}
        for entry in entries.tolist():
            kept.setdefault(int(self.documents[entry]), self.texts[entry])
            if len(kept) == limit:
                break
        return list(kept.items())


def _smallest(order: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Where the ``count`` smallest values are, in their order."""
    if len(order) > count:
        chosen = np.argpartition(order, count)[:count]
        return chosen[np.argsort(order[chosen])]
    return np.argsort(order)


def build_suggest(entries: Sequence[Entry], langs: Sequence[str]) -> SuggestIndex:
    """Index entries; ``langs`` gives the language of each."""
    rows = sorted(_rows(entries, langs, range(len(entries))))
    owners, heads = (
        np.array([row[1] for row in rows], dtype=np.int32),
        np.array([row[2] for row in rows], dtype=np.bool_),
    )
    order = sorted(range(len(entries)), key=partial(_rank_of, entries))
    return _index([row[0] for row in rows], owners, heads, entries, order)


def edited_suggest(
    before: SuggestIndex, places: Rows, entries: Sequence[Entry], langs: Sequence[str]
) -> SuggestIndex:
    """The index of ``entries`` when entry j of the one before has become ``places[j]``, or is gone where that is -1.

    Only the keys of the others are made. Where those are many, all are: to find a place for each takes longer.
    """
    fresh = np.setdiff1d(np.arange(len(entries)), places)
    if len(fresh) > FRESH_SHARE * len(entries):
        return build_suggest(entries, langs)
    rows = sorted(_rows(entries, langs, fresh.tolist()))
    owners = places[before.owners] if len(places) else np.zeros(0, dtype=np.int64)
    stay = owners >= 0
    keys = StringFile.of(before.keys).kept(stay)
    at = np.array([bisect_left(keys, row[0]) for row in rows], dtype=np.int64)
    all_owners = np.insert(owners[stay], at, [row[1] for row in rows]).astype(np.int32)
    heads = np.insert(before.heads[stay], at, [row[2] for row in rows])
    moved = places[np.argsort(before.ranks)] if len(places) else places
    order = moved[moved >= 0].tolist()
    for number in fresh.tolist():
        insort(order, number, key=partial(_rank_of, entries))
    return _index(keys.inserted(at, [row[0] for row in rows]), all_owners, heads, entries, order)


def _rows(
    entries: Sequence[Entry], langs: Sequence[str], numbers: Iterable[int]
) -> Iterator[tuple[str, int, bool]]:
    """(key, entry, whether it is the entry's beginning) of all keys of some entries."""
    for number in numbers:
        for key, head in entry_keys(entries[number].text, langs[number]):
            yield key, number, head


def _rank_of(entries: Sequence[Entry], number: int) -> tuple[bool, int, str, int]:
    """Titles first, then what is short."""
    text, title = entries[number].text, entries[number].title
    return not title, len(text), text, number


def _index(
    keys: Sequence[str],
    owners: NDArray[np.int32],
    heads: NDArray[np.bool_],
    entries: Sequence[Entry],
    order: Sequence[int],
) -> SuggestIndex:
    """``order`` has the entries, the first to be suggested first."""
    ranks = np.zeros(len(entries), dtype=np.int32)
    ranks[order] = np.arange(len(entries))
    documents = np.array([entry.document for entry in entries], dtype=np.int32)
    return SuggestIndex(keys, owners, heads, [entry.text for entry in entries], documents, ranks)


@lru_cache(maxsize=100_000)
def entry_keys(text: str, lang: str) -> tuple[tuple[str, bool], ...]:
    """(key, whether it is the beginning) of every word of a text, as written and, in Japanese, as read.

    Remembered, so that a site that rebuilds at every save makes only the keys of what was saved.
    """
    return tuple(sorted(set(_keys(text, lang))))


def _keys(text: str, lang: str) -> Iterator[tuple[str, bool]]:
    folded = fold(text)
    if lang != "ja" or not _KANA_OR_KANJI.search(folded):
        for match in _WORD_START.finditer(folded):
            yield sound_key(folded[match.start() :])[:KEY_CHARS], match.start() == 0
        return
    morphemes = list(morphemes_with_reading(folded))
    for index, (surface, _spoken) in enumerate(morphemes):
        if index and (len(surface) < 2 or not surface[0].isalnum()) and _is_minor(surface):
            continue
        written = "".join(part for part, _ in morphemes[index:])
        spoken = "".join(part for _, part in morphemes[index:])
        yield fold_sounds(fold_kana(written))[:KEY_CHARS], index == 0
        yield fold_sounds(spoken)[:KEY_CHARS], index == 0


def _is_minor(surface: str) -> bool:
    return not surface[0].isalnum() or bool(_PARTICLE_START.match(surface))


def typed_forms(part: str) -> list[str]:
    """What a half-typed word can stand for: itself, its kana, the kana before unfinished romaji letters, romaji as kana."""
    key = fold_sounds(fold_kana(part))
    forms = [key]
    if _KANA_OR_KANJI.search(key):
        begun = _LATIN_TAIL.sub("", key)
        forms += [begun] if begun and begun != key else []
        # A long-vowel mark at the end was folded away from whole words; while typing it may stand.
        forms += [key[:-1]] if key.endswith("ー") and len(key) > 2 else []
    elif part.isascii() and len(part) > 1 and part.replace("-", "").isalpha():
        forms += [kana for kana in [romaji(part)] if kana]
    return list(dict.fromkeys(forms))


def romaji(letters: str) -> str:
    """Katakana for romaji; "" where the letters are not romaji. An unfinished last syllable is left out."""
    import jaconv

    begun = _CONSONANT_TAIL.sub("", letters)
    if not _ROMAJI.fullmatch(begun):
        return ""
    kana = str(jaconv.hira2kata(jaconv.alphabet2kana(begun)))
    return "" if re.search("[a-z']", kana) else fold_sounds(kana)
