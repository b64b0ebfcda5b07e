"""Autocomplete over titles and questions, by prefix of any word, as written or as pronounced.

All keys are computed when the bundle is built; a lookup is a binary search over them. Typing
ぱすわ, パスワ or pasuwa finds パスワード.
"""

from __future__ import annotations

import re
import unicodedata
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
# Entries read per suggestion: several may belong to one document.
FEW = 16
# Above this share of new entries, all keys are rebuilt.
FRESH_SHARE = 0.1
_KANA_OR_KANJI = re.compile("[\u3041-\u30ff\u3400-\u9fff]")
_LATIN_TAIL = re.compile("[a-z]{1,2}$")
_CONSONANT_TAIL = re.compile("(?:[kgnhbpmr]y|sh?|ch?|ts?|[kgzdnhbpmyrwfvj])$(?<!n)")
# Romaji syllables as users type them; a doubled consonant stands for a small tsu.
_ROMAJI = re.compile(
    r"(?:(?:([kstpgdbzjfhmr])(?=\1)|t(?=ch)|c(?=ch))?"
    r"(?:[kgnhbpmrsztdj]y|sh|ch|ts|[kgsztdnhbpmyrwfvj])?[aeiou]|n'?|-)+"
)
_IN_COMPOUND = re.compile(r"(?<=[a-z0-9])[-'._/&](?=[a-z0-9])")
_ACCENTS = re.compile("([a-z])[\u0300-\u036f]+")
_WORD_START = re.compile(r"[^\W_]+")
_PARTICLE_START = re.compile(f"[{HIRAGANA}]")


class Entry(NamedTuple):
    """One suggestion. Titles (``title``) rank before questions."""

    document: int
    text: str
    title: bool


@dataclass(frozen=True)
class SuggestIndex:
    """Suggestion entries and their sorted prefix keys.

    For key i, ``owners[i]`` is its entry and ``heads[i]`` is true if the key is the start of the
    entry's text; ``keys`` are sorted. For entry j, ``documents[j]`` is its document and
    ``ranks[j]`` its rank among all entries: titles first, then shorter texts first.
    """

    keys: Sequence[str]
    owners: NDArray[np.int32]
    heads: NDArray[np.bool_]
    texts: Sequence[str]
    documents: NDArray[np.int32]
    ranks: NDArray[np.int32]

    def find(
        self,
        typed: str,
        allowed: NDArray[np.bool_],
        preferred: NDArray[np.bool_],
        limit: int,
        *,
        with_romaji: bool = True,
    ) -> list[tuple[int, str]]:
        """Return up to ``limit`` (document, text) pairs that complete the typed text.

        ``allowed`` and ``preferred`` are masks over documents. Preferred documents come first,
        then entries that start with the typed text, then titles; one entry per document, its title
        if that matches. ``with_romaji`` reads Latin letters as Japanese too.
        """
        words = _plain(fold(typed)).split()
        parts = [forms for part in words if (forms := typed_forms(part, with_romaji))]
        if not parts or not len(self.documents):
            return []
        hits, heads = self._entries(parts[-1])
        for forms in parts[:-1]:
            other_hits, other_heads = self._entries(forms)
            hits, heads = hits & other_hits, heads & other_heads
        matches = np.flatnonzero(hits & allowed[self.documents])
        order = (~preferred[self.documents[matches]] * 2 + ~heads[matches]) * np.int64(
            len(self.documents)
        ) + self.ranks[matches]
        return self._one_a_document(matches[_smallest(order, FEW * limit)], limit)

    def _entries(self, forms: Iterable[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Two masks over entries: any key matches one of the forms, and the text starts with it."""
        hits, heads = np.zeros((2, len(self.documents)), dtype=np.bool_)
        for form in forms:
            key_range = slice(
                bisect_left(self.keys, form), bisect_left(self.keys, form + "\U0010ffff")
            )
            owners = self.owners[key_range]
            hits[owners] = True
            heads[owners[self.heads[key_range]]] = True
        return hits, heads

    def _one_a_document(self, entries: NDArray[np.int64], limit: int) -> list[tuple[int, str]]:
        """The first entries, one per document: the best ranked of those that match."""
        best: dict[int, int] = {}
        for entry in entries.tolist():
            document = int(self.documents[entry])
            if document in best:
                best[document] = min(best[document], entry, key=self.ranks.__getitem__)
            elif len(best) < limit:
                best[document] = entry
        return [(document, self.texts[entry]) for document, entry in best.items()]


def _smallest(order: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Indices of the ``count`` smallest values, in ascending order of value."""
    if len(order) > count:
        chosen = np.argpartition(order, count)[:count]
        return chosen[np.argsort(order[chosen])]
    return np.argsort(order)


def build_suggest(entries: Sequence[Entry], langs: Sequence[str]) -> SuggestIndex:
    """Build the index; ``langs[j]`` is the language of entry j."""
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
    """Update the index ``before`` to ``entries``.

    Old entry j is now entry ``places[j]``, or is removed where ``places[j]`` is -1. Only the keys
    of new entries are computed. With many new entries the index is rebuilt, which is faster than
    inserting each key.
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
    """Yield (key, entry, key is the start of the entry's text) for the given entries."""
    for number in numbers:
        for key, head in entry_keys(entries[number].text, langs[number]):
            yield key, number, head


def _rank_of(entries: Sequence[Entry], number: int) -> tuple[bool, int, str, int]:
    """Sort key: titles first, then shorter texts."""
    text, title = entries[number].text, entries[number].title
    return not title, len(text), text, number


def _index(
    keys: Sequence[str],
    owners: NDArray[np.int32],
    heads: NDArray[np.bool_],
    entries: Sequence[Entry],
    order: Sequence[int],
) -> SuggestIndex:
    """Assemble the index; ``order`` lists entry numbers, best suggestion first."""
    ranks = np.zeros(len(entries), dtype=np.int32)
    ranks[order] = np.arange(len(entries))
    documents = np.array([entry.document for entry in entries], dtype=np.int32)
    return SuggestIndex(keys, owners, heads, [entry.text for entry in entries], documents, ranks)


@lru_cache(maxsize=100_000)
def entry_keys(text: str, lang: str) -> tuple[tuple[str, bool], ...]:
    """(key, key is the start of the text) for every word, as written and, in Japanese, as read.

    Cached, so that a rebuild after each save computes only the keys of the saved texts.
    """
    return tuple(sorted(set(_keys(text, lang))))


def _keys(text: str, lang: str) -> Iterator[tuple[str, bool]]:
    folded = fold(text)
    for written in dict.fromkeys((folded, _plain(folded))):
        yield from _keys_as_written(written, lang)


def _plain(folded: str) -> str:
    """Compounds as one word and letters without accents, as people type them: wifi, cafe."""
    text = _IN_COMPOUND.sub("", folded)
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", _ACCENTS.sub(r"\1", apart))


def _keys_as_written(folded: str, lang: str) -> Iterator[tuple[str, bool]]:
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


def typed_forms(part: str, with_romaji: bool = True) -> list[str]:
    """Prefix forms of a partly typed word.

    They are the word with folded kana, the kana before trailing romaji letters, and, with
    ``with_romaji``, romaji as kana.
    """
    key = fold_sounds(fold_kana(part))
    forms = [key]
    if _KANA_OR_KANJI.search(key):
        kana_part = _LATIN_TAIL.sub("", key)
        forms += [kana_part] if kana_part and kana_part != key else []
        # Keys have no trailing long-vowel mark, but a partly typed word may end in one.
        forms += [key[:-1]] if key.endswith("ー") and len(key) > 2 else []
    elif with_romaji and part.isascii() and len(part) > 1 and part.replace("-", "").isalpha():
        forms += [kana for kana in [romaji(part)] if kana]
    return list(dict.fromkeys(forms))


def romaji(letters: str) -> str:
    """Convert romaji to katakana; "" if not romaji. An incomplete last syllable is dropped."""
    import jaconv

    syllables = _CONSONANT_TAIL.sub("", letters)
    if not _ROMAJI.fullmatch(syllables):
        return ""
    kana = str(jaconv.hira2kata(jaconv.alphabet2kana(syllables)))
    return "" if re.search("[a-z']", kana) else fold_sounds(kana)
