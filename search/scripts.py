"""Which characters are written without spaces, which are ideographs, and what holds a run of letters together."""

from __future__ import annotations

import re
from collections.abc import Iterator

SPACELESS = (
    "\u3005-\u3007\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"
)
RUN = re.compile(f"[{SPACELESS}]+")
IDEOGRAPH = re.compile("[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\uac00-\ud7af]")
# A run of letters and digits with the signs that hold codes and names together: wi-fi, e-502, c++, don't, a.b.c
LATIN = re.compile(rf"[^\W_{SPACELESS}]+(?:[-'._/&@][^\W_{SPACELESS}]+)*(?:\+\+|#)?")
# The same for texts in ASCII: several times as fast.
LATIN_ASCII = re.compile(r"[A-Za-z0-9]+(?:[-'._/&@][A-Za-z0-9]+)*(?:\+\+|#)?")
# Ideographs and katakana: what separates one word from the next in Japanese
WRITTEN_OUT = re.compile("[\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff]")
KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\u30fc]+")
HANGUL = re.compile("[\uac00-\ud7af]+")


def is_spaceless(text: str) -> bool:
    """Whether it holds a script that is written without spaces."""
    return bool(RUN.search(text))


def has_letters(text: str) -> bool:
    """Whether anything in the text could be searched for."""
    return any(char.isalnum() for char in text)


def latin_runs(text: str) -> Iterator[re.Match[str]]:
    """Runs of letters and digits of scripts that are written with spaces."""
    return (LATIN_ASCII if text.isascii() else LATIN).finditer(text)
