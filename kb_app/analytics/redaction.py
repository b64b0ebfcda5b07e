"""What names a person is taken out of a text before it is stored. Pure functions.

E-mail addresses, phone numbers (of any country with their prefix, and Japanese ones in all their spellings), card numbers (Luhn's
check), and what the operator adds. A name typed freely can slip through: docs/analytics.md says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kb_app.db.writing import storable

MAIL, PHONE, CARD, OTHER = "[mail]", "[phone]", "[card]", "[removed]"
# Longer texts are cut before they are stored; a question is never so long.
LONGEST = 2_000

# No ideograph or kana in it: Japanese puts no space between a word and an address.
_MAIL = re.compile(
    r"[A-Za-z0-9\u00c0-\u024f\uff10-\uff5a.!#$%&'*+/=?^_`{|}~-]{1,64}\s?[@\uff20]\s?[\w.-]{1,190}[.\uff0e][A-Za-z]{2,24}"
)
# Digits with the signs that people put between them.
_DIGITS = re.compile(r"[+＋]?\(?[0-9](?:[\s().・ー-]{0,2}[0-9]){8,18}")
_ID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SIGNS = re.compile(r"[\u2010-\u2015\u2212\uff0d\u30fc]")


def redact(text: str, more: Sequence[re.Pattern[str]] = ()) -> str:
    """The text with everything that names a person replaced, cut to what is kept of any text.

    Full-width digits and signs are read as plain ones; what is not redacted stays as it was written.
    """
    kept = storable(text[:LONGEST])
    for pattern in more:
        kept = pattern.sub(OTHER, kept)
    kept = _MAIL.sub(MAIL, kept)
    plain = _plain(kept)
    pieces: list[str] = []
    at = 0
    for match in _DIGITS.finditer(plain):
        label = _what(match.group())
        if label:
            pieces += [kept[at : match.start()], label]
            at = match.end()
    return "".join([*pieces, kept[at:]])


def redact_all(values: Mapping[str, Any], more: Sequence[re.Pattern[str]] = ()) -> dict[str, Any]:
    """The same for every text in a mapping, but for ids of ours: one in some thousands ends like a phone number."""
    return {
        name: redact(value, more) if isinstance(value, str) and not _ID.fullmatch(value) else value
        for name, value in values.items()
    }


def patterns(lines: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Compiled patterns, one a line; raises ValueError naming the bad one."""
    found: list[re.Pattern[str]] = []
    for line in lines:
        if not line.strip():
            continue
        try:
            found.append(re.compile(line.strip()))
        except re.error as error:
            raise ValueError(f"{line.strip()!r} is no regular expression: {error}") from error
    return tuple(found)


def _plain(text: str) -> str:
    """Full-width digits and signs as plain ones, one character for one."""
    folded = "".join(
        form if len(form := unicodedata.normalize("NFKC", char)) == 1 else char for char in text
    )
    return _SIGNS.sub("-", folded)


def _what(written: str) -> str:
    """Which kind of number it is; "" for one that may stay, like an order's."""
    digits = re.sub(r"\D", "", written)
    if 13 <= len(digits) <= 19 and luhn(digits):
        return CARD
    return PHONE if _is_phone(written, digits) else ""


def luhn(digits: str) -> bool:
    """Whether a row of digits passes Luhn's check, as every card number does (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_phone(written: str, digits: str) -> bool:
    import phonenumbers

    # A Japanese number begins with 0 and has ten or eleven digits; an order number rarely does.
    if not written.startswith("+") and not digits.startswith("0"):
        return False
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(written, "JP"))
    except phonenumbers.NumberParseException:
        return False
