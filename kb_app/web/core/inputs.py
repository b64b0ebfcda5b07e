"""Values that come from outside: bounded, and None or "" where they are not what they must be.

Pure functions. Every number, time and path of a request passes through one of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError

from kb_app.db.writing import storable

Model = TypeVar("Model", bound=BaseModel)
# Years that a form or a report may name.
FIRST_YEAR, LAST_YEAR = 2000, 2100
# Result pages, and ids of rows.
MOST_PAGES, MOST_ID = 10_000, 10**12
_LONGEST_NUMBER = 18
_CONTROL = re.compile(r"[\x00-\x20\x7f]")

StorableText = Annotated[str, AfterValidator(storable)]
"""A text of a JSON body that a database can store."""


def whole_number(text: str, least: int, most: int) -> int | None:
    """The number that ASCII digits write, if it is from ``least`` to ``most``; else None."""
    if not (text.isascii() and text.isdigit()) or len(text) > _LONGEST_NUMBER:
        return None
    number = int(text)
    return number if least <= number <= most else None


def day(text: str) -> date | None:
    """The day that YYYY-MM-DD writes, from FIRST_YEAR to LAST_YEAR; else None."""
    try:
        written = date.fromisoformat(text[:20])
    except ValueError:
        return None
    return written if FIRST_YEAR <= written.year <= LAST_YEAR else None


def moment(text: str, zone: tzinfo | None = None) -> int | None:
    """The time that ISO 8601 writes, in ms since 1970, from FIRST_YEAR to LAST_YEAR; else None.

    ``zone`` is that of a time without one; without ``zone`` such a time is None.
    """
    try:
        written = datetime.fromisoformat(text[:40])
    except ValueError:
        return None
    if written.tzinfo is None:
        written = written.replace(tzinfo=zone)
    if written.tzinfo is None or not FIRST_YEAR <= written.year <= LAST_YEAR:
        return None
    return int(written.timestamp() * 1000)


def own_path(text: str) -> str:
    """A path of this site, as browsers read it; "" for a URL of another site and anything else."""
    path = _CONTROL.sub("", text)
    # Browsers take a backslash for a slash, and // for the start of another host.
    if path != text or not path.startswith("/") or path.startswith("//") or "\\" in path:
        return ""
    return path


def parse_body(model: type[Model], body: bytes) -> tuple[Model | None, str]:
    """(the JSON body, "") or (None, the field that is wrong and why)."""
    try:
        return model.model_validate_json(body), ""
    except ValidationError as error:
        return None, _explained(model, error.errors(include_url=False, include_context=False))


def parse_query(model: type[Model], given: Mapping[str, str]) -> tuple[Model | None, str]:
    """(the parameters of an address, "") or (None, the one that is wrong and why)."""
    try:
        return model.model_validate(dict(given)), ""
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    known = model.model_json_schema()["properties"]
    if first["type"] == "extra_forbidden":
        return None, f"{name[:40]}: there is no such parameter. Those are {', '.join(known)}."
    shown = f"{name}={given[name][:20]}" if name in given else name
    limits = known[name].get("minimum"), known[name].get("maximum")
    if None not in limits:
        return None, f"{shown}: must be an integer from {limits[0]} to {limits[1]}."
    if first["type"] == "missing":
        return None, f"{name}: must be given."
    return None, f"{shown}: {_said(first, known[name])}."


def _explained(model: type[BaseModel], errors: Sequence[Any]) -> str:
    first = errors[0]
    if first["type"] in ("json_invalid", "model_type", "model_attributes_type"):
        return "The body must be a JSON object."
    field = ".".join(str(part) for part in first["loc"])
    described = model.model_json_schema().get("properties", {}).get(field, {})
    return f"{field}: {_said(first, described)}."


def _said(error: Any, described: Mapping[str, Any]) -> str:
    """What is right for a field; one with a pattern says so in its description."""
    if error["type"] == "string_pattern_mismatch" and "description" in described:
        return f"must be {described['description']}"
    said = str(error["msg"]).removeprefix("Value error, ")
    return re.sub(r"^(?:Input|String|Value) should ", "must ", said)
