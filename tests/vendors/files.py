"""Writing folders of Markdown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from tests.vendors.blocks import Image, Link
from tests.vendors.content import Entry, Text


def front_matter(values: dict[str, Any]) -> str:
    """JSON values are YAML; keys without a value are left out."""
    kept = {key: value for key, value in values.items() if value not in ("", None, [], ())}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in kept.items()]
    return "\n".join(["---", *lines, "---", "", ""])


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def put_media(entry: Entry, pictures: Path, files: Path) -> None:
    for folder, media in ((pictures, entry.pictures), (files, entry.files)):
        for one in media:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / one.name).write_bytes(one.bytes)


def relative(source: str, target: str) -> str:
    """The way from the folder of one file to another."""
    start = str(PurePosixPath(source).parent)
    return quote(os.path.relpath(target, start), safe="/.")


def file_links(
    source: str, path_of: Callable[[str], str], address_of: Callable[[str], str]
) -> Callable[[Link], str]:
    """Articles by file path, or by address where a reader pasted it; groups by address only."""

    def write(link: Link) -> str:
        if link.target.startswith(("#", "http")):
            return link.target
        kind, _, key = link.target.partition(":")
        anchor = f"#{link.anchor}" if link.anchor else ""
        if kind == "missing":
            return f"../{key}/{key}.md"
        if kind != "article":
            return address_of(key)
        if link.form == "search":
            return address_of(key) + "?source=search"
        return relative(source, path_of(key)) + anchor

    return write


def picture_links(source: str, folder: str) -> Callable[[Image], str]:
    return lambda image: relative(source, f"{folder}/{image.name}")


def texts(entry: Entry, default: str) -> list[tuple[Text, bool]]:
    """Each text, and whether it is the one the default language's folder holds."""
    main = entry.text(default) or entry.original
    return [(text, text is main) for text in entry.texts]
