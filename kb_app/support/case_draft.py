"""The beginnings of an article from a case: what was asked and answered, without persons. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kb_app.support.delivery.mail_templates import is_salutation
from kb_app.support.model import AGENT, Case, Message

NAME = "[name]"
# Shorter parts of a name are parts of other words.
_SHORTEST = 2
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
    names = _names([case.name, *staff, *(said.who for said in messages)])

    def clean(text: str) -> str:
        return _TITLED.sub(NAME, names.sub(NAME, redact(text))) if names else redact(text)

    answers = [_without_greeting(said.text, case) for said in messages if said.author == AGENT]
    title = clean(case.title).strip()
    return CaseDraft(title[:100], title, "\n\n".join(clean(one) for one in answers if one))


def _names(given: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern of the names and their parts, the longest first."""
    parts = {
        part for name in given for part in (name.strip(), "".join(name.split()), *name.split())
    }
    known = sorted((part for part in parts if len(part) >= _SHORTEST), key=len, reverse=True)
    if not known:
        return None
    return re.compile("|".join(_whole(part) for part in known), re.IGNORECASE)


def _whole(name: str) -> str:
    """A name as a pattern: a Latin one only as a whole word."""
    quoted = re.escape(name)
    return rf"(?<![a-z0-9]){quoted}(?![a-z0-9])" if name.isascii() else quoted


def _without_greeting(text: str, case: Case) -> str:
    """A reply without the line that greets the customer."""
    first, _, rest = text.strip().partition("\n")
    return rest.strip() if rest.strip() and is_salutation(first, case.name) else text.strip()
