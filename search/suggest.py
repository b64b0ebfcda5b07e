"""Completions while typing: titles and questions, by prefix of any of their words, as written or as read aloud.

All keys are made when the bundle is built; a look-up is a bisection. Typing ぱすわ, パスワ or pasuwa finds パスワード.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from search.folding import fold, fold_kana, fold_sounds
from search.text import morphemes_with_reading, sound_key

KEY_CHARS = 24
_KANA_OR_KANJI = re.compile("[\u3041-\u30ff\u3400-\u9fff]")
_LATIN_TAIL = re.compile("[a-z]{1,2}$")
_CONSONANT_TAIL = re.compile("(?:[kgnhbpmr]y|sh?|ch?|ts?|[kgzdnhbpmyrwfvj])$(?<!n)")
# Syllables of romaji as people type them, small tsu before a doubled consonant.
_ROMAJI = re.compile(r"(?:(?:([kstpgdbzjfhmr])(?=\1)|t(?=ch)|c(?=ch))?(?:[kgnhbpmrsztdj]y|sh|ch|ts|[kgsztdnhbpmyrwfvj])?[aeiou]|n'?|-)+")
_WORD_START = re.compile(r"[^\W_]+")
_PARTICLE_START = re.compile("[\u3041-\u3096]")


@dataclass(frozen=True)
class Entry:
    """One line that can be suggested. ``title`` ones come before questions."""

    document: int
    text: str
    title: bool


@dataclass(frozen=True)
class SuggestIndex:
    """Sorted keys, and for each of them the entry and whether the key is the entry's own beginning."""

    entries: Sequence[Entry]
    keys: Sequence[str]
    owners: Sequence[int]
    heads: Sequence[bool]

    def find(self, typed: str, allowed: Sequence[bool], preferred: Sequence[bool], limit: int) -> list[Entry]:
        """Entries of allowed documents that complete what was typed; preferred documents, beginnings and titles first."""
        parts = [forms for part in fold(typed).split() if (forms := typed_forms(part))]
        if not parts:
            return []
        found = self._owners(parts[-1])
        for forms in parts[:-1]:
            others = self._owners(forms)
            found = {owner: found[owner] and others[owner] for owner in found.keys() & others.keys()}
        kept = [(owner, head) for owner, head in found.items() if allowed[self.entries[owner].document]]
        kept.sort(key=lambda pair: self._order(pair[0], pair[1], preferred))
        return _one_a_document([self.entries[owner] for owner, _ in kept], limit)

    def _owners(self, forms: Iterable[str]) -> dict[int, bool]:
        found: dict[int, bool] = {}
        for form in forms:
            first, last = bisect_left(self.keys, form), bisect_left(self.keys, form + "\U0010ffff")
            for place in range(first, last):
                owner = self.owners[place]
                found[owner] = found.get(owner, False) or self.heads[place]
        return found

    def _order(self, owner: int, head: bool, preferred: Sequence[bool]) -> tuple[bool, bool, bool, int, str]:
        entry = self.entries[owner]
        return not preferred[entry.document], not head, not entry.title, len(entry.text), entry.text


def build_suggest(entries: Sequence[Entry], langs: Sequence[str]) -> SuggestIndex:
    """Index entries; ``langs`` gives the language of each."""
    rows = [(key, owner, head) for owner, (entry, lang) in enumerate(zip(entries, langs, strict=True)) for key, head in entry_keys(entry.text, lang)]
    rows.sort()
    return SuggestIndex(entries, [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


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


def _one_a_document(entries: Iterable[Entry], limit: int) -> list[Entry]:
    kept: dict[int, Entry] = {}
    for entry in entries:
        if entry.document not in kept:
            kept[entry.document] = entry
        if len(kept) == limit:
            break
    return list(kept.values())
