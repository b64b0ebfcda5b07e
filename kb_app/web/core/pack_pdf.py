"""A pack of articles as a PDF, by WeasyPrint where it is installed (the extra ``pdf``)."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import threading
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import current_app, render_template, url_for

from indexer.atomic_write import replace_bytes
from indexer.reading.media_types import SHOWN_TYPES
from kb_app.web.core.context import PUBLIC, now, site_settings, snapshot
from kb_app.web.core.packs import PackPage, pack_bodies

# One document at a time: a long one takes seconds and hundreds of MB.
_one_at_a_time = threading.Lock()


@cache
def can_print() -> bool:
    """Whether PDF documents can be made here."""
    return importlib.util.find_spec("weasyprint") is not None


def pack_pdf(page: PackPage, ui: str) -> Path:
    """The file of a pack's PDF; it is made when its articles changed."""
    markup = render_template("site/pack_pdf.html", page=page, bodies=pack_bodies(page, ui), ui=ui)
    folder = site_settings().data / "cache" / "packs"
    path = folder / f"{page.key}-{ui}-{hashlib.sha256(markup.encode()).hexdigest()[:16]}.pdf"
    with _one_at_a_time:
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            replace_bytes(path, _printed(markup))
            for old in folder.glob(f"{page.key}-{ui}-*.pdf"):
                if old != path and len(old.stem) == len(path.stem):
                    old.unlink(missing_ok=True)
    return path


def _printed(markup: str) -> bytes:
    from weasyprint import CSS, HTML

    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    base = f"{site_settings().address}/"
    document = HTML(string=markup, base_url=base, url_fetcher=_fetcher(base))
    style = CSS(filename=str(Path(current_app.root_path) / "static" / "pack.css"))
    return bytes(document.write_pdf(stylesheets=[style]))


def _fetcher(base: str) -> Any:
    """Gives the files of the bundle and nothing else: no other site, no file of this machine."""
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    store, at = snapshot().articles, now()
    media = url_for("assets.media", name="x").removesuffix("x")

    class BundleFetcher(URLFetcher):  # type: ignore[misc]
        """Reads pictures of public articles from the bundle."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            """The file at one of the site's own addresses."""
            parts = urlsplit(url)
            name = unquote(parts.path.removeprefix(media))
            path = store.image(name) if parts.hostname == urlsplit(base).hostname else None
            seen = any(card.visible(at, PUBLIC) for card in store.image_owners(name))
            if path is None or not seen:
                raise ValueError("not a file of the articles")
            kind = SHOWN_TYPES.get(path.suffix, "application/octet-stream")
            return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": kind})

    return BundleFetcher()
