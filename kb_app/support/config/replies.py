"""Saved replies (replies.yml): texts by language and name, with variables in double braces. Pure.

ja:
  お詫びと交換: |
    {{ name }} 様のご注文について……
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from indexer.reading.yaml_loader import BrokenYamlError, read_yaml

FILE = "replies.yml"
VARIABLES = ("name", "number", "agent", "site", "link")
MAX_BYTES, LONGEST_NAME, LONGEST_REPLY = 512 * 1024, 100, 10_000
_VARIABLE = re.compile(r"\{\{([^{}\n]{0,80})\}\}")
_LANG = re.compile(r"[a-z]{2,3}")
Replies = Mapping[str, Mapping[str, str]]
"""texts by name by language"""


class ReplyError(Exception):
    """A saved reply or its file cannot be used. The message says why and what to do."""


def read_replies(text: str) -> Replies:
    """The replies of a file's text; raises ReplyError where it is none."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ReplyError(f"{FILE} is larger than {MAX_BYTES // 1024} KB. Take out what is old.")
    try:
        values = read_yaml(text) if text.strip() else {}
    except BrokenYamlError as error:
        raise ReplyError(
            f"{FILE}, line {error.line + 1}: {error}. Mend it in an editor."
        ) from error
    if not isinstance(values, dict) or not all(
        isinstance(replies, dict) and all(isinstance(one, str) for one in replies.values())
        for replies in values.values()
    ):
        raise ReplyError(f"{FILE} must have a language, then names with their texts.")
    return {
        str(lang): {str(name): str(one) for name, one in replies.items()}
        for lang, replies in values.items()
    }


def problem_of(lang: str, name: str, text: str) -> str:
    """What is wrong with a reply that is to be saved, with what to do; "" if nothing is."""
    if not _LANG.fullmatch(lang):
        return f"{lang[:20]!r} is no language. Write one like ja or en."
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        return f"Give it a name of at most {LONGEST_NAME} letters, on one line."
    if not text.strip() or len(text) > LONGEST_REPLY:
        return f"Write a text of at most {LONGEST_REPLY} letters."
    unknown = unknown_variables(text)
    if unknown:
        known = ", ".join(f"{{{{ {one} }}}}" for one in VARIABLES)
        return f"There is no {{{{ {unknown[0]} }}}}. What is filled in: {known}."
    return ""


def unknown_variables(text: str) -> list[str]:
    """The names in double braces that nothing fills in."""
    names = (name.strip() for name in _VARIABLE.findall(text))
    return [name for name in names if name not in VARIABLES]


def filled(text: str, values: Mapping[str, str]) -> str:
    """A reply with its variables filled in; raises ReplyError for one that is unknown."""
    unknown = unknown_variables(text)
    if unknown:
        raise ReplyError(f"The reply has {{{{ {unknown[0]} }}}}, which nothing fills in. Mend it.")
    return _VARIABLE.sub(lambda match: values.get(match.group(1).strip(), ""), text)
