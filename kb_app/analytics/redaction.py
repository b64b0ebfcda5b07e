"""Removes personal data from text before it is stored. Pure functions.

Covers mail addresses (full-width, percent-encoded and internationalised too), phone numbers
(international with prefix, Japanese in all spellings), card numbers (Luhn check and the issuers'
prefixes), Japanese My Numbers (check digit), bank accounts named as such, IBANs, and the operator's
own patterns. A name or a postal address in free text is not detected; see docs/analytics.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kb_app.db.writing import storable

MAIL, PHONE, CARD, NUMBER, BANK, OTHER = (
    "[mail]",
    "[phone]",
    "[card]",
    "[number]",
    "[bank]",
    "[removed]",
)
# Characters kept of any text.
LONGEST = 2_000

_KANJI_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")
_AT = re.compile(r" ?(?:[(\[]?@[)\]]?|%40|[(\[]at[)\]]) ?")
_DOT = r"(?:\.| \. ?| ?[(\[]dot[)\]] ?)"
_LABEL = r"[^\W_][\w-]{0,62}+"
_DOMAIN = re.compile(rf"{_LABEL}(?:{_DOT}{_LABEL}){{1,8}}+")
_LATIN_LABEL = r"[a-z0-9\u00c0-\u024f-]{1,63}+"
# Ends where Japanese begins, since no space stands between them.
_LATIN_DOMAIN = re.compile(rf"{_LATIN_LABEL}(?:{_DOT}{_LATIN_LABEL}){{1,8}}+")
_LONGEST_LOCAL = 64
_LOCAL_SIGNS = frozenset(".!#$&'*+/=?^_`{|}~-")
_SEPARATOR = r"[\s()./_,·*・ー~\-の「」]"
# Digits with at most three separators between two of them.
_RUN = re.compile(rf"[0-9](?:{_SEPARATOR}{{0,3}}+[0-9])*+")
_DASHES = re.compile(r"[\u2010-\u2015\u2212\u30fc]")
_IBAN = re.compile(r"(?<![a-z0-9])[a-z]{2}[0-9]{2}(?: ?[a-z0-9]){11,30}")
# Accounts are told by what stands before them: kind or word, and nothing but a colon or particle.
_BANK = (
    re.compile(
        r"(?:(?:普通|当座|貯蓄)(?:預金)?(?:口座)?|口座)(?:番号)?[\sは:]{0,4}+"
        r"[0-9]{6,8}+(?! ?(?:円|年|月|日|枚|個|cc|km))"
    ),
    re.compile(r"記号[\sは:]{0,3}+[0-9]{5}[\s-]{0,3}(?:番号)?[\sは:]{0,3}[0-9]{6,8}+"),
    re.compile(r"\b(?:account|acct)\.? ?(?:number|num|no\.?|#)[\s:]{0,3}[0-9][0-9 -]{4,16}[0-9]"),
)
_BANK_WORDS = ("口座", "普通", "当座", "貯蓄", "記号", "account", "acct")
_ID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Issuer's prefix and lengths of card numbers (ISO/IEC 7812).
_CARDS = (
    (re.compile(r"4"), (16, 19)),
    (re.compile(r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"35(?:2[89]|[3-8])"), (16,)),
    (re.compile(r"3(?:0[0-5]|[689])"), (14,)),
    (re.compile(r"6(?:011|4[4-9]|5)"), (16, 19)),
    (re.compile(r"62|81"), (16, 17, 18, 19)),
    (re.compile(r"5[06-8]|6"), (16, 19)),
)
_MY_NUMBER_DIGITS = 12
# Digits of a national Japanese number, and of one with its country.
_NATIONAL, _INTERNATIONAL = range(10, 12), range(8, 16)


@dataclass(frozen=True)
class _Folded:
    """A text as it is compared, and the place of each of its characters in the original."""

    text: str
    places: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's characters that a part of the folded text is made of."""
        return self.places[start], self.places[end - 1] + 1


def redact(text: str, more: Sequence[re.Pattern[str]] = ()) -> str:
    """Replace personal data by placeholders and cut the text to LONGEST characters.

    ``more`` holds additional patterns. The rest of the text keeps its original spelling.
    """
    cleaned = storable(text[:LONGEST])
    for pattern in more:
        cleaned = pattern.sub(OTHER, cleaned)
    for find in (_mails, _accounts, _numbers):
        cleaned = _replaced(cleaned, find(_folded(cleaned)))
    return cleaned


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


# --- folding --------------------------------------------------------------------------------------


def _folded(text: str) -> _Folded:
    """Small ASCII letters, digits and dashes for all their forms; no format characters."""
    chars: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        if char.isascii():
            form = char.lower()
        elif unicodedata.category(char) == "Cf":
            continue
        elif char.isdecimal():
            form = str(unicodedata.decimal(char))
        else:
            form = unicodedata.normalize("NFKC", char).lower().translate(_KANJI_DIGITS)
        chars.append(form)
        places += [place] * len(form)
    return _Folded(_DASHES.sub("-", "".join(chars)), places)


def _replaced(text: str, found: Iterable[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    at = 0
    for start, end, label in sorted(found):
        if start >= at:
            pieces += [text[at:start], label]
            at = end
    return "".join([*pieces, text[at:]])


# --- mail addresses and bank accounts -------------------------------------------------------------


def _mails(folded: _Folded) -> Iterator[tuple[int, int, str]]:
    for at in _AT.finditer(folded.text):
        domain = _LATIN_DOMAIN.match(folded.text, at.end()) or _DOMAIN.match(folded.text, at.end())
        start = _start_of_local(folded.text, at.start())
        if domain and start < at.start():
            yield *folded.span(start, domain.end()), MAIL


def _start_of_local(text: str, end: int) -> int:
    """Where the part before the @ begins: in Latin letters if it ends in them."""
    start, latin = end, _is_latin(text[end - 1 : end])
    while start > max(0, end - _LONGEST_LOCAL):
        char = text[start - 1]
        if not (_is_latin(char) if latin else char.isalnum() or char in "._+-"):
            break
        start -= 1
    return start


def _is_latin(char: str) -> bool:
    return char in _LOCAL_SIGNS or (char.isalnum() and char < "\u0250")


def _accounts(folded: _Folded) -> Iterator[tuple[int, int, str]]:
    for match in _IBAN.finditer(folded.text):
        end = _end_of_iban(match.group())
        if end:
            yield *folded.span(match.start(), match.start() + end), BANK
    if any(word in folded.text for word in _BANK_WORDS):
        for pattern in _BANK:
            for match in pattern.finditer(folded.text):
                yield *folded.span(*match.span()), BANK


def _end_of_iban(text: str) -> int:
    """The length of the IBAN that the text begins with; 0 if it begins with none (ISO 13616)."""
    for end in range(len(text), 14, -1):
        compact = text[:end].replace(" ", "")
        if text[end - 1] == " " or len(compact) < 15:
            continue
        moved = compact[4:] + compact[:4]
        if int("".join(str(int(char, 36)) for char in moved)) % 97 == 1:
            return end
    return 0


# --- numbers --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Run:
    """Digits with their places in the folded text. ``starts`` and ``ends`` bound the groups."""

    digits: str
    places: Sequence[int]
    starts: Sequence[int]
    ends: Sequence[int]
    plus: frozenset[int]


def _numbers(folded: _Folded) -> Iterator[tuple[int, int, str]]:
    for match in _RUN.finditer(folded.text):
        run = _run_of(folded.text, match.start(), match.end())
        taken: list[tuple[int, int]] = []
        for start, end, label in _windows(run):
            if any(begin < end and start < stop for begin, stop in taken):
                continue
            taken.append((start, end))
            first = run.places[start] - (start in run.plus)
            opening = first > 0 and folded.text[first - 1] == "(" and label == PHONE
            yield *folded.span(first - opening, run.places[end - 1] + 1), label


def _run_of(text: str, start: int, end: int) -> _Run:
    places = [place for place in range(start, end) if text[place].isdigit()]
    starts = [
        number
        for number, place in enumerate(places)
        if number == 0 or places[number - 1] != place - 1
    ]
    return _Run(
        "".join(text[place] for place in places),
        places,
        starts,
        [*starts[1:], len(places)],
        frozenset(number for number in starts if text[places[number] - 1 : places[number]] == "+"),
    )


def _windows(run: _Run) -> Iterator[tuple[int, int, str]]:
    """(first digit, after the last, placeholder), the surest first."""
    cards, phones = list(_cards(run)), list(_phones(run))
    yield from (window for window, whole in cards if whole)
    yield from (window for window, valid in phones if valid)
    yield from (window for window, whole in cards if not whole)
    for start in run.starts:
        window = run.digits[start : start + _MY_NUMBER_DIGITS]
        if start + _MY_NUMBER_DIGITS in run.ends and is_my_number(window):
            yield start, start + _MY_NUMBER_DIGITS, NUMBER
    yield from (window for window, valid in phones if not valid)


def _cards(run: _Run) -> Iterator[tuple[tuple[int, int, str], bool]]:
    """Windows that may be a card number, and whether they are whole groups.

    Others begin with a group, or lie within one.
    """
    for start in range(len(run.digits) - 12):
        for prefix, lengths in _CARDS:
            if not prefix.match(run.digits, start):
                continue
            for length in lengths:
                window = run.digits[start : start + length]
                if len(window) != length or not luhn(window):
                    continue
                end, begins = start + length, start in run.starts
                if begins or not any(start < other < end for other in run.starts):
                    yield (start, end, CARD), begins and end in run.ends


def _phones(run: _Run) -> Iterator[tuple[tuple[int, int, str], bool]]:
    """Windows of whole groups that may be a phone number, and whether it is a valid one."""
    for start in run.starts:
        international = start in run.plus or run.digits.startswith("00", start)
        lengths = _INTERNATIONAL if international else _NATIONAL
        if not international and run.digits[start] != "0":
            continue
        for end in sorted((end for end in run.ends if end - start in lengths), reverse=True):
            digits = run.digits[start:end]
            written = f"+{digits.removeprefix('00')}" if international else digits
            possible, valid = _is_phone(written)
            if possible:
                yield (start, end, PHONE), valid


def _is_phone(written: str) -> tuple[bool, bool]:
    """(possible by its length, assigned by its country)."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(written, "JP")
    except phonenumbers.NumberParseException:
        return False, False
    return phonenumbers.is_possible_number(parsed), phonenumbers.is_valid_number(parsed)


def luhn(digits: str) -> bool:
    """Whether a digit string passes the Luhn check of card numbers (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_my_number(digits: str) -> bool:
    """Whether twelve digits pass the check of the Japanese My Number (ordinance 85 of 2014)."""
    if len(digits) != _MY_NUMBER_DIGITS:
        return False
    total = sum(
        int(digit) * (place + 1 if place <= 6 else place - 5)
        for place, digit in enumerate(reversed(digits[:-1]), 1)
    )
    rest = total % 11
    return int(digits[-1]) == (0 if rest <= 1 else 11 - rest)
