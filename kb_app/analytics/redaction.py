"""Removes personal data from text before it is stored. Pure functions.

Covers e-mail addresses, phone numbers (international with prefix, and Japanese in all spellings),
card numbers (Luhn check) and the operator's own patterns. A name in free text is not detected; see
docs/analytics.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kb_app.db.writing import storable

MAIL, PHONE, CARD, OTHER = "[mail]", "[phone]", "[card]", "[removed]"
# Characters kept of any text.
LONGEST = 2_000

# Excludes kanji and kana: Japanese has no space between a word and an address.
_MAIL = re.compile(
    r"[A-Za-z0-9\u00c0-\u024f\uff10-\uff5a.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"\s?[@\uff20]\s?[\w.-]{1,190}[.\uff0e][A-Za-z]{2,24}"
)
# Digits with common separators.
_DIGITS = re.compile(r"[+＋]?\(?[0-9](?:[\s().・ー-]{0,2}[0-9]){8,18}")
_ID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SIGNS = re.compile(r"[\u2010-\u2015\u2212\uff0d\u30fc]")


def redact(text: str, more: Sequence[re.Pattern[str]] = ()) -> str:
    """Replace personal data by placeholders and cut the text to LONGEST characters.

    ``more`` holds additional patterns. Matching treats full-width digits and signs as ASCII; the
    rest of the text keeps its original spelling.
    """
    cleaned = storable(text[:LONGEST])
    for pattern in more:
        cleaned = pattern.sub(OTHER, cleaned)
    cleaned = _MAIL.sub(MAIL, cleaned)
    plain = _plain(cleaned)
    pieces: list[str] = []
    at = 0
    for match in _DIGITS.finditer(plain):
        label = _what(match.group())
        if label:
            pieces += [cleaned[at : match.start()], label]
            at = match.end()
    return "".join([*pieces, cleaned[at:]])


def redact_all(values: Mapping[str, Any], more: Sequence[re.Pattern[str]] = ()) -> dict[str, Any]:
    """Redact every string value of a mapping, except UUIDs: some contain a valid phone number."""
    return {
        name: redact(value, more) if isinstance(value, str) and not _ID.fullmatch(value) else value
        for name, value in values.items()
    }


def patterns(lines: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Compile regular expressions, one per line; raises ValueError naming the invalid line."""
    compiled: list[re.Pattern[str]] = []
    for line in lines:
        if not line.strip():
            continue
        try:
            compiled.append(re.compile(line.strip()))
        except re.error as error:
            raise ValueError(
                f"{line.strip()!r} is no regular expression: {error}. Correct or remove the line."
            ) from error
    return tuple(compiled)


def _plain(text: str) -> str:
    """Convert full-width digits and signs to ASCII, keeping the number of characters."""
    folded = "".join(
        form if len(form := unicodedata.normalize("NFKC", char)) == 1 else char for char in text
    )
    return _SIGNS.sub("-", folded)


def _what(written: str) -> str:
    """The placeholder for a number; "" for one to keep, such as an order number."""
    digits = re.sub(r"\D", "", written)
    if 13 <= len(digits) <= 19 and luhn(digits):
        return CARD
    return PHONE if _is_phone(written, digits) else ""


def luhn(digits: str) -> bool:
    """Whether a digit string passes the Luhn check of card numbers (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_phone(written: str, digits: str) -> bool:
    import phonenumbers

    # National Japanese numbers start with 0; order numbers rarely do.
    if not written.startswith("+") and not digits.startswith("0"):
        return False
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(written, "JP"))
    except phonenumbers.NumberParseException:
        return False
