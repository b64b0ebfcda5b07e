"""Pictures of foreign articles: those inside of an address, and what an address answers. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import PurePosixPath
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from indexer.reading.media_types import IMAGE_TYPES
from kb_app.transfer.addresses import absolute_url

DATA_URL = re.compile(r"(?s)\Adata:image/([a-z+]{2,10})[^,]{0,60},(.*)\Z")
ENDINGS = {"jpeg": ".jpg", "svg+xml": ".svg"}


def is_json_or_html(content: bytes) -> bool:
    """Whether a content is what a program answers with, and no picture: JSON or a page."""
    start = content[:200].lstrip().lower()
    return start.startswith((b"{", b"[", b"<!doctype html", b"<html"))


def data_url_content(inside: re.Match[str]) -> bytes | None:
    """The content of an address that DATA_URL matches; None where it is broken."""
    head = inside[0][: inside.start(2)]
    try:
        if ";base64" in head:
            return base64.b64decode(re.sub(r"\s", "", unquote(inside[2])), validate=True)
        return unquote_to_bytes(inside[2])
    except (binascii.Error, ValueError):
        return None


def image_suffix(content: bytes) -> str:
    """The ending of a picture by how it begins."""
    signs = {b"\x89PNG": ".png", b"\xff\xd8": ".jpg", b"GIF8": ".gif", b"RIFF": ".webp"}
    return next((ending for sign, ending in signs.items() if content.startswith(sign)), ".bin")


def element_of(address: str) -> str:
    """The element that a link of Markdown would be: a picture by its ending."""
    path = urlsplit(address).path if absolute_url("", address) else ""
    ending = PurePosixPath(unquote(path)).suffix.lower()
    return "img" if ending in IMAGE_TYPES or address.startswith("data:") else "a"
