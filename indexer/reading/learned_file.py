"""Confirmed questions (learned.yml), read by builds and written by the desk."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

log = logging.getLogger("indexer.reading.learned_file")


LEARNED = "learned.yml"


def read_learned(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return confirmed questions by article id; {} if learned.yml is missing or broken."""
    path = folder / LEARNED
    try:
        values = _yaml().load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except Exception as error:  # a broken file must not stop the build
        log.warning("%s cannot be read and is ignored: %s", LEARNED, str(error).splitlines()[0])
        return {}
    if not isinstance(values, Mapping):
        return {}
    return {
        str(name): tuple(str(text) for text in texts)
        for name, texts in values.items()
        if isinstance(texts, list)
    }


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 10_000
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
