"""Text folding (normalisation) with offsets into the original text.

Indexing, querying and highlighting share one folding, so matches can be marked in the original.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_VARIANTS_FILE = Path(__file__).resolve().parents[1] / "data" / "kanji_variants.txt"

# Some keyboards send spacing voiced marks; only the combining ones compose under NFKC.
_MARKS = str.maketrans(
    {"\u309b": "\u3099", "\u309c": "\u309a", "\uff9e": "\u3099", "\uff9f": "\u309a"}
)
# Characters that attach to a base: combining and voiced marks, conjoining Hangul vowels and finals.
_FOLLOWS = re.compile(
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u1160-\u11ff\u20d0-\u20ff"
    r"\u3099-\u309c\ufe20-\ufe2f\uff9e\uff9f]"
)
_CLUSTER = re.compile(rf"(?s).{_FOLLOWS.pattern}*")


@dataclass(frozen=True)
class Folded:
    """Folded text; character i comes from ``original[starts[i]:ends[i]]``."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    @property
    def in_place(self) -> bool:
        """Whether every character keeps its offset."""
        return isinstance(self.starts, range)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that the folded span [start, end) comes from."""
        return self.starts[start], self.ends[end - 1]


@lru_cache(maxsize=1)
def kanji_variants() -> dict[int, str]:
    """Return the translation table from variant characters to the indexed form."""
    table: dict[int, str] = {}
    for line in _VARIANTS_FILE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kept, *others = line.split()
            table.update({ord(other): kept for other in others if other != kept})
    return table


def fold(text: str) -> str:
    """Fold a text: NFKC, lower case, one form for variant characters.

    Drops controls, zero-width characters and lone surrogates.
    ``fold("Ｗｉ－Ｆｉ ｶﾞ ㈱") == "wi-fi ガ (株)"``
    """
    if _FOLLOWS.search(text):
        return "".join(_fold_cluster(match.group()) for match in _CLUSTER.finditer(text))
    return text.translate(_TABLE)


def fold_ascii(text: str) -> str | None:
    """Fold a printable ASCII text (line feeds allowed); None for any other text.

    A fast path of ``fold`` with the same result.
    """
    lines = text.replace("\n", " ")
    return lines.lower() if lines.isascii() and lines.isprintable() else None


class _Table(dict[int, str]):
    """Character foldings, computed on first use so that str.translate stays fast."""

    def __missing__(self, code: int) -> str:
        self[code] = _fold_char(chr(code))
        return self[code]


_TABLE = _Table()


class _KanaTable(dict[int, str]):
    """Character foldings with katakana for all kana, computed on first use."""

    def __missing__(self, code: int) -> str:
        self[code] = fold_kana(_TABLE[code])
        return self[code]


_KANA_TABLE = _KanaTable()


def fold_to_kana(text: str) -> str:
    """Return ``fold_kana(fold(text))`` in one pass."""
    return fold_kana(fold(text)) if _FOLLOWS.search(text) else text.translate(_KANA_TABLE)


# Characters seen so far that fold to exactly one character and attach to no base.
_STEADY: set[str] = set()


def keeps_places(text: str) -> bool:
    """Return whether every character folds to one character, so that offsets do not change."""
    if _STEADY.issuperset(text):
        return True
    new = set(text) - _STEADY
    steady = {char for char in new if len(_TABLE[ord(char)]) == 1 and not _FOLLOWS.match(char)}
    _STEADY.update(steady)
    return len(steady) == len(new)


def clean(text: str) -> str:
    """Return the visible text in NFC: no controls, zero-width characters or lone surrogates."""
    return unicodedata.normalize("NFC", text.translate(_SEEN))


class _Seen(dict[int, str]):
    """Visible form of each character, computed on first use."""

    def __missing__(self, code: int) -> str:
        char = chr(code).translate(_MARKS)
        self[code] = " " if char in _SPACES else char if _visible(char) else ""
        return self[code]


_SEEN = _Seen()


def fold_with_offsets(text: str) -> Folded:
    """Fold a text like ``fold``, with offsets into the original."""
    plain = fold_ascii(text)
    if plain is not None:
        return Folded(plain, range(len(text)), range(1, len(text) + 1))
    if keeps_places(text):
        return Folded(text.translate(_TABLE), range(len(text)), range(1, len(text) + 1))
    if _FOLLOWS.search(text):
        clusters = [
            (match.start(), match.end(), _fold_cluster(match.group()))
            for match in _CLUSTER.finditer(text)
        ]
    else:
        clusters = [(place, place + 1, _TABLE[ord(char)]) for place, char in enumerate(text)]
    starts = [start for start, _end, piece in clusters for _ in piece]
    ends = [end for _start, end, piece in clusters for _ in piece]
    return Folded("".join(piece for _start, _end, piece in clusters), starts, ends)


def _fold_cluster(cluster: str) -> str:
    if len(cluster) == 1:
        return _fold_char(cluster)
    base = unicodedata.normalize("NFKC", cluster.translate(_MARKS))
    return "".join(_fold_char(char) for char in base)


def _fold_char(char: str) -> str:
    if char in _SPACES:
        return " "
    if not _visible(char):
        return ""
    folded = unicodedata.normalize("NFKC", char.translate(_MARKS)).casefold()
    folded = unicodedata.normalize("NFKC", folded).translate(kanji_variants())
    return _DASHES.sub("-", folded).translate(_QUOTES)


def _visible(char: str) -> bool:
    """Return False for controls, format characters, surrogates and variation selectors.

    Private-use and unassigned characters are not visible either.
    """
    return (
        unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")
        and not "\ufe00" <= char <= "\ufe0f"
    )


_SPACES = frozenset(" \t\r\n\u3000\u00a0\u2028\u2029\x0b\x0c\x85")
_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})

_HIRAGANA = {code: chr(code + 0x60) for code in range(0x3041, 0x3097)}
_SMALL_V = (
    ("ヴァ", "バ"),
    ("ヴィ", "ビ"),
    ("ヴェ", "ベ"),
    ("ヴォ", "ボ"),
    ("ヴュ", "ビュ"),
    ("ヴ", "ブ"),
)
_LONG_END = re.compile(r"(?<=[\u30a1-\u30fa\u30fc][\u30a1-\u30fa])ー(?![\u30a1-\u30fa])")


def fold_kana(folded: str) -> str:
    """Convert hiragana to katakana, keeping offsets: ぱすわーど -> パスワード."""
    return folded.translate(_HIRAGANA)


def fold_sounds(kana: str) -> str:
    """Unify spellings of one sound: ヴィーガン -> ビーガン, サーバー -> サーバ.

    Changes the length.
    """
    if "ヴ" in kana:
        for written, kept in _SMALL_V:
            kana = kana.replace(written, kept)
    return _LONG_END.sub("", kana) if "ー" in kana else kana
