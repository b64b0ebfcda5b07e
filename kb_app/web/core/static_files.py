"""Static files: compressed once, and kept by browsers for a year under an address of their own."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import brotli
from flask import Flask, Response, abort, request
from werkzeug.security import safe_join

# Text is worth compressing; pictures are compressed already.
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
_TEXT = frozenset({".css", ".js", ".svg"})
YEAR_S, HOUR_S = 365 * 24 * 3600, 3600
VERSION_LETTERS = 12


@dataclass(frozen=True)
class StaticFile:
    """A file with its content by encoding, "" for as it is. ``version`` is a hash of it."""

    kind: str
    version: str
    contents: Mapping[str, bytes]


def set_up(app: Flask) -> None:
    """Serve the static folder, and put each file's version into its address."""
    folder = Path(app.static_folder or "")

    def serve(filename: str) -> Response:
        return _serve(folder, filename)

    app.view_functions["static"] = serve

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values:
            file = _known(folder, values.get("filename", ""))
            if file is not None:
                values["v"] = file.version


def _serve(folder: Path, filename: str) -> Response:
    file = _known(folder, filename)
    if file is None:
        abort(404)
    coding = _coding(file)
    response = Response(file.contents[coding], content_type=file.kind)
    if coding:
        response.headers["Content-Encoding"] = coding
    if len(file.contents) > 1:
        response.vary.add("Accept-Encoding")
    response.set_etag(f"{file.version}-{coding}" if coding else file.version)
    is_its_own = request.args.get("v") == file.version
    response.cache_control.public = True
    response.cache_control.max_age = YEAR_S if is_its_own else HOUR_S
    response.cache_control.immutable = is_its_own
    response.make_conditional(request)
    return response


def _coding(file: StaticFile) -> str:
    """The best encoding that the browser takes; "" for as it is."""
    accepted = request.accept_encodings
    return next((one for one in ("br", "gzip") if one in file.contents and accepted[one] > 0), "")


def _known(folder: Path, filename: str) -> StaticFile | None:
    path = safe_join(str(folder), filename)
    kind = TYPES.get(Path(filename).suffix)
    if path is None or kind is None:
        return None
    try:
        stamp = Path(path).stat()
    except OSError:
        return None
    return _read(Path(path), kind, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=64)
def _read(path: Path, kind: str, _changed: int, _size: int) -> StaticFile:
    data = path.read_bytes()
    contents = {"": data}
    if path.suffix in _TEXT:
        contents |= {"br": brotli.compress(data), "gzip": gzip.compress(data, 9, mtime=0)}
    version = hashlib.sha256(data).hexdigest()[:VERSION_LETTERS]
    return StaticFile(
        f"{kind}; charset=utf-8" if contents.keys() > {""} else kind, version, contents
    )
