"""Decodes text of mails, whatever their headers say of the charset. Pure; never fails.

Declared charsets are read as browsers read them (https://encoding.spec.whatwg.org/): iso-8859-1 is
windows-1252, Shift_JIS is what Windows writes.
"""

from __future__ import annotations

import re

# Charset names in mails -> Python codecs, or more tolerant supersets of them.
_CODECS = {
    **dict.fromkeys(
        ("shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "windows-31j"), "cp932"
    ),
    **dict.fromkeys(
        ("iso-8859-1", "latin1", "us-ascii", "ascii", "ansi_x3.4-1968", "windows1252", "cp-1252"),
        "cp1252",
    ),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk"), "gb18030"),
    **dict.fromkeys(("ks_c_5601-1987", "euc-kr", "ks_c_5601"), "cp949"),
    **dict.fromkeys(("unicode-1-1-utf-8", "utf8", "utf-8mb4", "x-utf-8"), "utf-8"),
    **dict.fromkeys(("euc-jp", "eucjp", "x-euc-jp", "eucjp-win", "cp51932"), "euc-jp"),
}
# Escape sequences of ISO-2022-JP with its relatives, and the set that each begins.
_ESCAPE = re.compile(rb"\x1b(\([BJIH]|\$[@BA]|\$\([DC@B]|\.[A])")
_META = re.compile(rb"(?i)<meta[^<>]{0,300}?charset\s{0,9}=\s{0,9}[\"']?([\w:.-]{2,40})")
_KANA = re.compile("[\u3041-\u30ff]")
_HALF_WIDTH_KANA = re.compile("[\uff61-\uff9f]")
_WIDE = re.compile("[\u3000-\u9fff\uf900-\ufaff\uff01-\uff60]")
_WIDE_AMONG_LATIN = re.compile("[A-Za-z][\u3400-\u9fff\uff61-\uff9f](?:[A-Za-z]|\\Z|[\\s.,])")
# A declared charset is believed as long as so small a share of the other bytes is wrong.
FEW_WRONG = 0.1


def decode(data: bytes, declared: str = "", *, markup: bool = False) -> str:
    """Decode bytes; ``markup`` is HTML, whose <meta> counts where the header names no charset."""
    if b"\x1b" in data and _ESCAPE.search(data):
        return _iso_2022(data)
    for mark, codec in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(codec, "replace")
    if data.isascii() and declared.strip().lower() not in ("utf-7", "utf-16le", "utf-16be", "hz"):
        return data.decode("ascii")
    codec = _codec(declared)
    if not codec and markup and (found := _META.search(data[:4_096])):
        codec = _codec(found[1].decode("ascii"))
    text = _decoded(data, codec) if codec else None
    return text if text is not None else _guessed(data)


def _codec(declared: str) -> str:
    name = declared.strip().strip("\"'").lower()
    name = _CODECS.get(name, name)
    try:
        "".encode(name or "-")
    except (LookupError, ValueError):
        return ""
    return name


def _decoded(data: bytes, codec: str) -> str | None:
    """The text in a declared charset, wrong bytes replaced; None if too many are wrong."""
    if codec == "cp1252":
        # It is said by programs that know no other; what is no Latin is recognised.
        return _guessed(data)
    try:
        text = _euc(data) if codec == "euc-jp" else data.decode(codec, "replace")
    except (LookupError, ValueError):
        return None
    beyond = sum(byte >= 0x80 for byte in data) or 1
    return text if text.count("\ufffd") <= max(1, FEW_WRONG * beyond) else None


def _guessed(data: bytes) -> str:
    """The text in the first likely charset: UTF-8, Shift_JIS, EUC-JP, windows-1252."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    candidates = [
        (_likelihood(text), text) for text in (data.decode("cp932", "replace"), _euc(data))
    ]
    utf8 = data.decode("utf-8", "replace")
    if utf8.count("\ufffd") <= max(1, 0.02 * sum(byte >= 0x80 for byte in data)) and _WIDE.search(
        utf8
    ):
        return utf8
    likelihood, text = max(candidates, key=lambda each: each[0])
    return text if likelihood > 0 else _windows_1252(data)


def _likelihood(text: str) -> float:
    """How Japanese a text looks; below 0 it is something else."""
    wide = len(_WIDE.findall(text))
    wrong = text.count("\ufffd") + sum("\ue000" <= char <= "\uf8ff" for char in text)
    half = len(_HALF_WIDTH_KANA.findall(text))
    among_latin = len(_WIDE_AMONG_LATIN.findall(text))
    return wide + 2 * len(_KANA.findall(text)) - 2 * half - 3 * among_latin - 5 * wrong


def _windows_1252(data: bytes) -> str:
    return "".join(
        bytes([byte]).decode("cp1252", "replace") if byte >= 0x80 else chr(byte) for byte in data
    ).replace("\ufffd", "")


def _euc(data: bytes) -> str:
    """EUC-JP with the characters that NEC and IBM added, as Windows reads it."""
    out: list[str] = []
    at = 0
    while at < len(data):
        first = data[at]
        if first < 0x80:
            out.append(chr(first))
            at += 1
        elif first == 0x8E and at + 1 < len(data):
            out.append(bytes([data[at + 1]]).decode("cp932", "replace"))
            at += 2
        elif first == 0x8F and at + 2 < len(data):
            out.append(data[at : at + 3].decode("euc_jp", "replace")[:1])
            at += 3
        elif 0xA1 <= first <= 0xFE and at + 1 < len(data) and 0xA1 <= data[at + 1] <= 0xFE:
            out.append(_jis_character(first & 0x7F, data[at + 1] & 0x7F))
            at += 2
        else:
            out.append("\ufffd")
            at += 1
    return "".join(out)


def _jis_character(row: int, cell: int) -> str:
    """The character of a row and cell of JIS X 0208, with those of NEC and IBM (cp932)."""
    lead = (row - 0x21) // 2 + (0x81 if row < 0x5F else 0xC1)
    odd = cell + (0x1F if cell < 0x60 else 0x20)
    trail = odd if row % 2 else cell + 0x7E
    return bytes([lead, trail]).decode("cp932", "replace")[:1]


def _iso_2022(data: bytes) -> str:
    """ISO-2022-JP in all its kinds, a character at a time: one bad byte costs one character."""
    out: list[str] = []
    mode, at = b"(B", 0
    for escape in _ESCAPE.finditer(data):
        out.append(_in_set(data[at : escape.start()], mode))
        mode, at = escape[1], escape.end()
    out.append(_in_set(data[at:], mode))
    return "".join(out)


def _in_set(data: bytes, mode: bytes) -> str:
    if mode in (b"(B", b"(J", b"(H"):
        return data.decode("ascii") if data.isascii() else _guessed(data)
    if mode == b"(I":
        return "".join(_half_width(byte) for byte in data)
    if mode in (b"$@", b"$B", b"$(@", b"$(B"):
        return _pairs(data)
    if mode == b"$(D":
        pairs = (
            bytes([0x8F, a | 0x80, b | 0x80]) for a, b in zip(data[::2], data[1::2], strict=False)
        )
        return "".join(pair.decode("euc_jp", "replace")[:1] for pair in pairs)
    codec = "gb2312" if mode == b"$A" else "euc_kr"
    return bytes(byte | 0x80 if byte > 0x20 else byte for byte in data).decode(codec, "replace")


def _half_width(byte: int) -> str:
    return (
        bytes([byte | 0x80]).decode("cp932", "replace")
        if 0x21 <= byte & 0x7F <= 0x5F
        else chr(byte)
    )


def _pairs(data: bytes) -> str:
    """Pairs of JIS X 0208; line breaks end nothing, as in mails whose lines were folded."""
    out: list[str] = []
    at = 0
    while at < len(data):
        first = data[at]
        if first in (0x0A, 0x0D, 0x20, 0x09):
            out.append(chr(first))
            at += 1
        else:
            pair = data[at : at + 2]
            good = len(pair) == 2 and all(0x21 <= byte <= 0x7E for byte in pair)
            out.append(_jis_character(*pair) if good else "\ufffd")
            # A wrong byte stands for a right one: the pairs after it keep their places.
            at += 1 if len(pair) == 2 and pair[1] in (0x0A, 0x0D) else 2
    return "".join(out)
