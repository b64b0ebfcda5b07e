"""What the contact form asks beside the message, by the settings of support.yml. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kb_app.localized import localized
from kb_app.support.config.values import CaseField

LONGEST_FIELD = 200


def field_problems(given: Mapping[str, str], fields: Sequence[CaseField]) -> dict[str, str]:
    """What is wrong with the given values by name: "long", "line", or "kind" for no choice."""
    found = {}
    for field in fields:
        value = given.get(field.name, "").strip()
        if len(value) > LONGEST_FIELD:
            found[field.name] = "long"
        elif any(ord(char) < 32 for char in value):
            found[field.name] = "line"
        elif value and field.choices and value not in field.choices:
            found[field.name] = "kind"
    return found


def known_fields(given: Mapping[str, str], fields: Sequence[CaseField]) -> dict[str, str]:
    """The values of the known fields that are not empty, in their order."""
    values = {field.name: given.get(field.name, "").strip() for field in fields}
    return {name: value for name, value in values.items() if value}


def shown_fields(
    values: Mapping[str, str], fields: Sequence[CaseField], lang: str
) -> list[tuple[str, str]]:
    """The values with their labels in a language; the name of a field that is no longer asked."""
    labels = {field.name: localized(field.label, lang) for field in fields}
    return [(labels.get(name) or name, value) for name, value in values.items()]
