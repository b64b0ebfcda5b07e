"""Names the imported sections in sections.yml; those that are named there stay as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from indexer.atomic_write import replace_file
from indexer.editing.front_text import dump, load
from indexer.editing.model import EditConflictError
from indexer.reading.learned_file import writing_yaml
from kb_app.transfer.article_files import safe_name
from kb_app.transfer.model import ForeignSection, TransferError


def section_keys(sections: Iterable[ForeignSection]) -> dict[str, str]:
    """The key of each section here: its title as an address has it, numbered if it is taken."""
    keys: dict[str, str] = {}
    for one in sections:
        title = one.titles.get("en") or next(iter(one.titles.values()), "") or one.key
        key, number = safe_name(title), 2
        while key in keys.values():
            key, number = f"{safe_name(title)}-{number}", number + 1
        keys[one.key] = key
    return keys


def known_sections(folder: Path) -> tuple[str, Mapping[str, Any]]:
    """sections.yml as text and what it says. Raises TransferError where it is broken."""
    path = folder / "sections.yml"
    try:
        before = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
        known = load(writing_yaml(), "sections.yml", before)
    except EditConflictError as error:
        raise TransferError(str(error)) from error
    except UnicodeDecodeError as error:
        raise TransferError(f"{path} is no text in UTF-8. Save it as UTF-8 first.") from error
    if not isinstance(known, dict):
        raise TransferError(f"{path} is no list of sections by name. Mend it first.")
    return before, known


def add_sections(
    folder: Path, sections: Sequence[ForeignSection], keys: Mapping[str, str]
) -> list[str] | None:
    """Add those that are not there; None where there are none to add.

    Returns the keys that the file's form has no place for; then nothing was written.
    """
    path = folder / "sections.yml"
    before, known = known_sections(folder)
    new = {
        keys[one.key]: _named(one) for one in sections if keys[one.key] not in known and one.titles
    }
    if not new:
        return None
    gap = "" if not before or before.endswith("\n") else "\n"
    whole = f"{before}{gap}{dump(new)}"
    if not _has(whole, new):
        return list(new)
    replace_file(path, whole)
    return []


def _named(one: ForeignSection) -> dict[str, Any]:
    described = any(one.descriptions.values())
    descriptions = {"description": dict(one.descriptions)} if described else {}
    return {"title": dict(one.titles), **descriptions, "order": one.order}


def _has(whole: str, new: Iterable[str]) -> bool:
    """Whether a text of sections.yml can be read and has the new sections."""
    try:
        found = load(writing_yaml(), "sections.yml", whole)
    except EditConflictError:
        return False
    return isinstance(found, dict) and all(name in found for name in new)
