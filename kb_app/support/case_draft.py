"""The beginnings of an article from a case: what was asked and answered, without persons. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kb_app.support.delivery.mail_templates import is_salutation
from kb_app.support.model import AGENT, Case, Message

NAME = "[name]"
# Shorter parts of a Latin name are words themselves, unless they are written like the name.
_SHORTEST_WORD = 3
# What stands after one letter that is a name, as in 林です.
_AFTER_ONE = r"(?=\s?(?:様|さま|さん|殿|氏|です|と申し|といい|と言い|より|$))"
_TITLED = re.compile(r"\[name\] ?(?:様|さま|さん|殿|氏)")


@dataclass(frozen=True)
class CaseDraft:
    """A title, the customer's question, and the answers as Markdown; "" where none was given."""

    title: str
    question: str
    body: str


def draft_of(
    case: Case,
    messages: Sequence[Message],
    staff: Iterable[str],
    redact: Callable[[str], str],
) -> CaseDraft:
    """What a case says, without the names of its customer and of ``staff``.

    ``redact`` removes addresses and numbers. What is left is to be read by a writer: a name that
    stands nowhere but in the text is not known as one.
    """
    patterns = _patterns([case.name, *staff, *(said.who for said in messages)])

    def clean(text: str) -> str:
        return _without_names(redact(text), patterns)

    answers = [_without_greeting(said.text, case) for said in messages if said.author == AGENT]
    title = clean(case.title).strip()
    return CaseDraft(title[:100], title, "\n\n".join(clean(one) for one in answers if one))


def _without_names(text: str, patterns: Sequence[re.Pattern[str]]) -> str:
    for pattern in patterns:
        folded = _folded(text)
        pieces, at = [], 0
        for match in pattern.finditer(folded):
            pieces += [text[at : match.start()], NAME]
            at = match.end()
        text = "".join([*pieces, text[at:]])
    return _TITLED.sub(NAME, re.sub(r"\[name\](?:[ \u3000]?\[name\])+", NAME, text))


def _patterns(given: Iterable[str]) -> list[re.Pattern[str]]:
    """Patterns of the names and their parts, in folded text, the longest first."""
    parts: set[str] = set()
    for name in given:
        folded = _folded(name.strip())
        parts |= {folded, "".join(folded.split()), *folded.split()}
    known = sorted((part for part in parts if part), key=lambda part: (-len(part), part))
    return [re.compile(_pattern(part), re.MULTILINE) for part in known]


def _pattern(name: str) -> str:
    quoted = re.escape(name)
    if not name.isascii():
        return quoted if len(name) > 1 else rf"(?<![\u4e00-\u9fff]){quoted}{_AFTER_ONE}"
    whole = rf"(?<![A-Za-z0-9]){quoted}(?![A-Za-z0-9])"
    return whole if len(name) < _SHORTEST_WORD else f"(?i:{whole})"


def _folded(text: str) -> str:
    """The text with plain letters for wide and accented ones, each in its place."""
    return "".join(map(_plain, text))


def _plain(char: str) -> str:
    if char.isascii():
        return char
    base = unicodedata.normalize("NFKD", char)
    # Only Latin letters lose their accents: が is no か.
    form = base[0] if base[0].isascii() else unicodedata.normalize("NFKC", char)
    return form if len(form) == 1 else char


def _without_greeting(text: str, case: Case) -> str:
    """A reply without the line that greets the customer."""
    first, _, rest = text.strip().partition("\n")
    return rest.strip() if rest.strip() and is_salutation(first, case.name) else text.strip()
