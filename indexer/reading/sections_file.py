"""Reads sections.yml: names, descriptions and order of the site's sections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from indexer.model import Problem, SectionInfo
from indexer.reading.yaml_loader import Lines, load_yaml

MAX_CHARS = 512 * 1024


def read_sections(folder: Path) -> tuple[dict[str, SectionInfo], list[Problem]]:
    """Return the sections by key and the problems found; no sections if there is no file."""
    path = folder / "sections.yml"
    if not path.is_file():
        return {}, []
    values, lines, problem = load_yaml(
        "sections.yml", path.read_text(encoding="utf-8", errors="replace"), MAX_CHARS
    )
    if problem:
        return {}, [problem]
    sections: dict[str, SectionInfo] = {}
    problems: list[Problem] = []
    for key, value in values.items():
        try:
            title, description = _said(value["title"]), _said(value.get("description", {}))
            sections[str(key)] = SectionInfo(
                str(key),
                title,
                description,
                float(value.get("order", 0)),
                str(value.get("icon", "info")),
            )
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
            message = (
                f"section {key} needs a title for each language; "
                "description, order and icon are optional."
            )
            problems.append(
                Lines("sections.yml", lines).error(
                    str(key), "sections", message, "For example: title: {ja: ご注文, en: Orders}"
                )
            )
    return sections, problems


def _said(texts: Any) -> dict[str, str]:
    """Return texts by language."""
    return {str(lang): str(text) for lang, text in dict(texts).items()}
