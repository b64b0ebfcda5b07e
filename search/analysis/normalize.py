"""Folding of text: what must be equal becomes equal, and every folded character knows where it came from.

One folding serves index, query and highlighting, so that a match can always be marked in the writer's own text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_VARIANTS_FILE = Path(__file__).resolve().parents[1] / "data" / "kanji_variants.txt"

# Spacing voiced marks are what some keyboards send; the combining ones compose under NFKC.
_MARKS = str.maketrans(
    {"\u309b": "\u3099", "\u309c": "\u309a", "\uff9e": "\u3099", "\uff9f": "\u309a"}
)
# Follow their base: combining marks, voiced marks, conjoining Hangul vowels and finals.
_FOLLOWS = re.compile(
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u1160-\u11ff\u20d0-\u20ff\u3099-\u309c\ufe20-\ufe2f\uff9e\uff9f]"
)
_CLUSTER = re.compile(rf"(?s).{_FOLLOWS.pattern}*")


@dataclass(frozen=True)
class Folded:
    """Folded text; character i came from ``original[starts[i]:ends[i]]``."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    @property
    def in_place(self) -> bool:
        """Whether each character stands where it stood."""
        return isinstance(self.starts, range)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the original that the folded stretch [start, end) came from."""
        return self.starts[start], self.ends[end - 1]


@lru_cache(maxsize=1)
def kanji_variants() -> dict[int, str]:
    """Translation table from a variant character to the form that is indexed."""
    table: dict[int, str] = {}
    for line in _VARIANTS_FILE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kept, *others = line.split()
            table.update({ord(other): kept for other in others if other != kept})
    return table


def fold(text: str) -> str:
    """NFKC, lower case, one form for variant characters; controls, zero-width characters and lone surrogates go.

    ``fold("Ｗｉ－Ｆｉ ｶﾞ ㈱") == "wi-fi ガ (株)"``
    """
    if _FOLLOWS.search(text):
        return "".join(_fold_cluster(match.group()) for match in _CLUSTER.finditer(text))
    return text.translate(_TABLE)


def fold_ascii(text: str) -> str | None:
    """The same for a text in ASCII, in a tenth of the time: half of what is shown; None for other texts, and for controls but line ends."""
    lines = text.replace("\n", " ")
    return lines.lower() if lines.isascii() and lines.isprintable() else None


class _Table(dict[int, str]):
    """What each character folds to, worked out when it is first met: str.translate then runs without Python."""

    def __missing__(self, code: int) -> str:
        self[code] = _fold_char(chr(code))
        return self[code]


_TABLE = _Table()


class _KanaTable(dict[int, str]):
    """The same with katakana for all kana."""

    def __missing__(self, code: int) -> str:
        self[code] = fold_kana(_TABLE[code])
        return self[code]


_KANA_TABLE = _KanaTable()


def fold_to_kana(text: str) -> str:
    """``fold_kana(fold(text))`` at once, as texts are compared while they are shown."""
    return fold_kana(fold(text)) if _FOLLOWS.search(text) else text.translate(_KANA_TABLE)


# Characters met so far that fold to one each and follow none.
_STEADY: set[str] = set()


def keeps_places(text: str) -> bool:
    """Whether each character folds to one, as in almost every text, so that all stand where they stood."""
    if _STEADY.issuperset(text):
        return True
    met = set(text) - _STEADY
    steady = {char for char in met if len(_TABLE[ord(char)]) == 1 and not _FOLLOWS.match(char)}
    _STEADY.update(steady)
    return len(steady) == len(met)


def clean(text: str) -> str:
    """The text as a person sees it: no controls, zero-width characters or lone surrogates, marks joined to their letters."""
    return unicodedata.normalize("NFC", text.translate(_SEEN))


class _Seen(dict[int, str]):
    """What is seen of each character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        char = chr(code).translate(_MARKS)
        self[code] = " " if char in _SPACES else char if _visible(char) else ""
        return self[code]


_SEEN = _Seen()


def fold_with_offsets(text: str) -> Folded:
    """The same as ``fold`` with the way back into the original."""
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
    """Not a control, a format character, half a surrogate pair, or a sign that only picks a variant."""
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
    """Katakana for all kana, one character for one, so that offsets stay: ぱすわーど -> パスワード."""
    return folded.translate(_HIRAGANA)


def fold_sounds(kana: str) -> str:
    """Spellings of one sound made one: ヴィーガン -> ビーガン, サーバー -> サーバ. Changes the length."""
    if "ヴ" in kana:
        for written, kept in _SMALL_V:
            kana = kana.replace(written, kept)
    return _LONG_END.sub("", kana) if "ー" in kana else kana
