"""The file of confirmed questions: read by a build, written by the desk."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

log = logging.getLogger("indexer.reading.learned_file")


LEARNED = "learned.yml"


def read_learned(folder: Path) -> dict[str, tuple[str, ...]]:
    """Article id -> questions that people confirmed it answers, from learned.yml; {} where it is missing or broken."""
    path = folder / LEARNED
    try:
        values = _yaml().load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except Exception as error:  # a broken file takes its own lines away and nothing else
        log.warning("%s cannot be read: %s", LEARNED, str(error).splitlines()[0])
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
