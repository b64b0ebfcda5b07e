"""Changes one shared value in values.yml, which may be nested or written with dots. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from indexer.editing.model import EditConflictError
from indexer.reading.values_file import ANY, is_by_language


def digest_of_value(texts: Mapping[str, str]) -> str:
    """Tells one version of a value from another."""
    return hashlib.sha256(json.dumps(dict(texts), sort_keys=True).encode()).hexdigest()


def change_value(values: Any, name: str, texts: Mapping[str, str] | None) -> bool:
    """Set a value of the file's mapping, or remove it with None; whether anything changed.

    Raises EditConflictError where the name is that of a group, or below a value.
    """
    group, key = _place(values, name)
    if isinstance(group.get(key), dict) and not is_by_language(group[key]):
        raise EditConflictError(f"{name} is a group of values. Choose another name.")
    if texts is None:
        if key not in dict(group):
            raise EditConflictError(f"{name} is not in values.yml itself. Change it in an editor.")
        del group[key]
        return True
    given: Any = texts[ANY] if set(texts) == {ANY} else dict(texts)
    if group.get(key) == given:
        return False
    group[key] = given
    return True


def _place(group: Any, name: str) -> tuple[Any, str]:
    """The mapping and the key of a value; groups on the way are made."""
    if name in group:
        return group, name
    for key in list(group):
        is_group = isinstance(group[key], dict) and not is_by_language(group[key])
        if name.startswith(f"{key}.") and is_group:
            return _place(group[key], name[len(str(key)) + 1 :])
        if name.startswith(f"{key}."):
            raise EditConflictError(f"{key} is a value itself. Choose another name.")
    first, dot, rest = name.partition(".")
    if not dot:
        return group, name
    made = group.setdefault(first, {})
    return _place(made, rest)
