"""Confirmed questions (learned.yml), read by builds and written by the desk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexer.model import Problem
from indexer.reading.yaml_loader import BrokenYamlError, read_yaml, round_trip_yaml

LEARNED = "learned.yml"
MAX_BYTES = 512 * 1024


def read_learned(folder: Path) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """Return confirmed questions by article id, and the problem of a file that is ignored."""
    path = folder / LEARNED
    if not path.is_file():
        return {}, []
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BrokenYamlError(f"it is larger than {MAX_BYTES // 1024} KB")
        values = read_yaml(path.read_text(encoding="utf-8"))
        if not isinstance(values, Mapping) or not all(
            isinstance(one, list) for one in values.values()
        ):
            raise BrokenYamlError("it is not a list of questions for each article id")
    except (BrokenYamlError, OSError, UnicodeDecodeError) as error:
        line = getattr(error, "line", -1) + 1
        hint = "The confirmed questions are not used until it is mended."
        return {}, [Problem(LEARNED, line, "warning", "learned", f"is ignored: {error}.", hint)]
    confirmed = {str(name): tuple(str(text) for text in texts) for name, texts in values.items()}
    return confirmed, []


def writing_yaml() -> Any:
    """Return a loader and writer in the layout of the files that the desk writes."""
    yaml = round_trip_yaml()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
