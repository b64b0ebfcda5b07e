"""Character classes: scripts written without spaces, ideographs, kana, and runs of letters."""

from __future__ import annotations

import re
from collections.abc import Iterator

HIRAGANA, KATAKANA = "\u3041-\u3096", "\u30a1-\u30fa"
IDEOGRAPHS = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
SPACELESS = (
    "\u3005-\u3007\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"
)
RUN = re.compile(f"[{SPACELESS}]+")
IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}\U00020000-\U0003ffff\uac00-\ud7af]")
# Letters and digits with the separators inside codes and names: wi-fi, e-502, c++, don't, a.b.c
LATIN = re.compile(rf"[^\W_{SPACELESS}]+(?:[-'._/&@][^\W_{SPACELESS}]+)*(?:\+\+|#)?")
# Faster equivalent for ASCII texts.
LATIN_ASCII = re.compile(r"[A-Za-z0-9]+(?:[-'._/&@][A-Za-z0-9]+)*(?:\+\+|#)?")
# Ideographs and katakana, which mark word boundaries in Japanese.
WRITTEN_OUT = re.compile(f"[{KATAKANA}\u3400-\u4dbf\u4e00-\u9fff]")
KANA = re.compile(f"[{HIRAGANA}{KATAKANA}\u30fc]+")
# Characters about twice as wide as a Latin one.
_WIDE = re.compile("[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]")
HANGUL = re.compile("[\uac00-\ud7af]+")


def is_spaceless(text: str) -> bool:
    """Return whether the text contains a script written without spaces."""
    return bool(RUN.search(text))


def is_wide(text: str) -> bool:
    """Return whether more than a third of the characters are wide (Japanese, Chinese, Korean)."""
    return not text.isascii() and len(_WIDE.findall(text)) > len(text) / 3


def has_letters(text: str) -> bool:
    """Return whether the text contains anything searchable: a letter or digit."""
    return any(char.isalnum() for char in text)


def latin_runs(text: str) -> Iterator[re.Match[str]]:
    """Yield the runs of letters and digits of scripts written with spaces."""
    return (LATIN_ASCII if text.isascii() else LATIN).finditer(text)
