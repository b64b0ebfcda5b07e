"""Writes the articles of another help centre into the articles folder.

What was imported before and changed there is written again; what was changed here since stays, and
the report names it. Links lead to the imported articles, pictures and files come along, and old
addresses become aliases, so that they answer with a redirect.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urljoin, urlsplit

import orjson

from indexer.atomic_write import replace_bytes, replace_file
from indexer.editing.front_text import dump, flow
from indexer.editing.links import rewritten_links
from indexer.reading.files import MAX_BYTES
from indexer.reading.front_matter import address_of, slugify
from indexer.reading.media_types import IMAGE_TYPES
from kb_app.transfer.addresses import Addresses, chosen_text, relative
from kb_app.transfer.html_to_markdown import Converted, to_markdown
from kb_app.transfer.model import (
    MAX_FILE,
    MOST_ARTICLES,
    ForeignArticle,
    ForeignSection,
    ForeignText,
    Source,
    TransferError,
)
from kb_app.transfer.state import ImportState, Written

Progress = Callable[[str, int, int], None]
# Where pictures and files of imported articles are, below the articles folder.
FILES = "imported"
LONGEST_NAME = 60
_DATA = re.compile(r"(?s)\Adata:image/([a-z+]{2,10})[^,]{0,60},(.*)\Z")
_ANCHOR = re.compile(r"""\b(?:id|name)=["']([^"'<>]{1,100})["']""")
_ENDINGS = {"jpeg": ".jpg", "svg+xml": ".svg"}


@dataclass(frozen=True)
class Note:
    """What of an article could not be brought along."""

    where: str
    what: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f": {self.detail}" if self.detail else "")


@dataclass
class Report:
    """What an import did. ``notes`` say what could not be brought along, by article."""

    written: int = 0
    unchanged: int = 0
    kept: int = 0
    files: int = 0
    paths: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def note(self, where: str, what: str, detail: str = "") -> None:
        """Say what of an article has no place here."""
        self.notes.append(Note(where, what, detail))

    @property
    def kinds(self) -> Counter[str]:
        """The notes by their kind, without what they name."""
        return Counter(note.what for note in self.notes)


class Importer:
    """Brings the articles of one source into one folder."""

    def __init__(
        self,
        folder: Path,
        source: Source,
        state: ImportState,
        editing: AbstractContextManager[object] | None = None,
    ) -> None:
        """``editing`` is held while files are written."""
        self._folder = folder
        self._editing = editing or nullcontext()
        self._source = source
        self._state = state
        self._report = Report()
        self._taken: dict[str, str] = {one.path: key for key, one in state.texts.items()}
        self._sections: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._addresses = Addresses(())
        self._anchors: dict[str, frozenset[str]] = {}

    def run(self, progress: Progress) -> Report:
        """Import everything. Raises TransferError where the source cannot be read."""
        sections = list(self._source.sections())
        self._sections = _section_keys(sections)
        articles = _read(self._source, progress)
        self._addresses = Addresses(articles)
        for article in articles:
            for text in article.texts:
                self._paths[f"{article.key}/{text.lang}"] = self._place(article, text)
                known = _ANCHOR.findall(text.body) if text.anchors is None else text.anchors
                self._anchors[f"{article.key}/{text.lang}"] = frozenset(known)
        with self._editing:
            for number, article in enumerate(articles, 1):
                for text in article.texts:
                    self._write(article, text)
                progress("writing articles", number, len(articles))
            self._write_sections(sections)
        for what in self._source.unmapped():
            self._report.note(self._source.name, what)
        return self._report

    # --- places ------------------------------------------------------------------------------

    def _place(self, article: ForeignArticle, text: ForeignText) -> str:
        """The file of a text: as before, else one that nobody has."""
        key = f"{article.key}/{text.lang}"
        before = self._state.texts.get(key)
        if before is not None:
            return before.path
        section = self._sections.get(article.section) or _name(article.section) or "general"
        stem = (_name(text.title) if text.title.strip() else "") or _name(article.key)
        ending = ".mdx" if text.place.lower().endswith(".mdx") else ".md"
        for name in (stem, f"{stem}-{slugify(article.key)[-20:]}"):
            path = f"{text.lang}/{section}/{name}{ending}"
            if path not in self._taken and not (self._folder / path).exists():
                break
        self._taken[path] = key
        return path

    # --- texts -------------------------------------------------------------------------------

    def _write(self, article: ForeignArticle, text: ForeignText) -> None:
        key, where = f"{article.key}/{text.lang}", f"{article.key} {text.title[:60]!r}"
        path, digest = self._paths[key], _digest(article, text)
        before = self._state.texts.get(key)
        target = self._folder / path
        here = _file_digest(target)
        if before is not None and before.source == digest and here is not None:
            self._report.unchanged += 1
            return
        if before is not None and here is not None and here != before.file:
            self._report.kept += 1
            self._report.note(where, "changed here since, and stays", path)
            return
        body = self._body(article, text, path, where)
        whole = f"---\n{dump(self._front(article, text, path))}---\n\n{body}\n"
        if len(whole.encode("utf-8", "replace")) > MAX_BYTES:
            self._report.note(where, f"larger than {MAX_BYTES // 1024} KB, and left out")
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, whole)
        self._state.texts[key] = Written(path, digest, _file_digest(target) or "")
        self._report.written += 1
        self._report.paths.append(path)

    def _front(self, article: ForeignArticle, text: ForeignText, path: str) -> dict[str, Any]:
        """The front matter; empty values are left out."""
        original, vendor = article.texts[0], self._source.name
        is_original = text.lang == original.lang
        name = _id(vendor, article.key)
        old = [text.url, *text.old_urls, *(article.old_urls if is_original else ())]
        aliases = dict.fromkeys(address_of(url) for url in old if url)
        given: dict[str, Any] = {
            "id": name if is_original else f"{name}-{text.lang}",
            "title": text.title.strip() or PurePosixPath(path).stem,
            "summary": text.summary.strip(),
            "tags": flow([label for label in article.labels if label.strip()]),
            "status": "draft" if text.is_draft else "",
            "audience": "internal" if article.is_internal else "",
            "updated": text.updated.date() if text.updated else "",
            "owner": article.author,
            "featured": article.is_promoted,
            "order": article.order if article.order is not None else "",
            "translation_of": "" if is_original else name,
            "aliases": list(aliases),
            "imported": _provenance(vendor, article, text),
        }
        return {key: value for key, value in given.items() if value not in ("", [], False, None)}

    def _body(self, article: ForeignArticle, text: ForeignText, path: str, where: str) -> str:
        linked: set[str] = set()

        def rewrite(element: str, address: str) -> str:
            return self._rewritten(article, text, path, (element, address), linked)

        converted = (
            Converted(rewritten_links(text.body, lambda address: rewrite(_kind(address), address)))
            if text.is_markdown
            else to_markdown(text.body, rewrite)
        )
        for lost in dict.fromkeys(converted.lost):
            self._report.note(where, "left out", lost)
        if not text.title.strip():
            self._report.note(where, "has no title; its file's name is used")
        others = "".join(unescape(one.body) for one in article.texts if one is not text)
        rest = [one for one in article.files if one.url not in linked and one.url not in others]
        lines = [
            f"- [{one.name}]({_target(relative(path, kept))})"
            for one in rest
            if (kept := self._file(article, one.url, text, one.name, where))
        ]
        return "\n\n".join(part for part in (converted.markdown, "\n".join(lines)) if part)

    def _rewritten(
        self,
        article: ForeignArticle,
        text: ForeignText,
        path: str,
        link: tuple[str, str],
        linked: set[str],
    ) -> str:
        """What a link or picture of a text leads to here."""
        (element, address), where = link, f"{article.key} {text.title[:60]!r}"
        if element != "a":
            kept = self._file(article, address, text, "", where)
            return relative(path, kept) if kept else address if "://" in address else ""
        if address.startswith("#"):
            return self._anchor(f"{article.key}/{text.lang}", address[1:], where)
        target = self._addresses.article(address, text)
        if target is not None:
            key = chosen_text(self._paths, target, text.lang)
            there = relative(path, self._paths[key])
            return f"{there}{self._anchor(key, target.anchor, where)}"
        files = {urljoin(text.url, one.url): one for one in article.files}
        whole = urljoin(text.url, address)
        if whole in files:
            linked.add(files[whole].url)
            kept = self._file(article, files[whole].url, text, files[whole].name, where)
            return relative(path, kept) if kept else whole
        if whole.startswith("file:"):  # beside the page, on this machine
            kept = self._file(article, address, text, unquote(urlsplit(whole).path), where)
            return relative(path, kept) if kept else ""
        if self._addresses.is_own(address, text):
            self._report.note(where, "links to a page that is no article", whole)
        return whole if text.url and "://" not in address and ":" not in address else address

    def _anchor(self, key: str, anchor: str, where: str) -> str:
        """The anchor of a link, if the text that it leads to has it."""
        if anchor and anchor not in self._anchors[key]:
            self._report.note(where, "links to a heading that is not there", f"#{anchor[:80]}")
            return ""
        return f"#{anchor}" if anchor else ""

    # --- pictures and files ------------------------------------------------------------------

    def _file(
        self, article: ForeignArticle, address: str, text: ForeignText, name: str, where: str
    ) -> str:
        """The file of a picture or attachment in the folder; "" where it cannot be had."""
        inside = _DATA.match(address)
        url = address if inside or not text.url else urljoin(text.url, address)
        mark = hashlib.sha256(f"{url}\0{'' if text.url else text.place}".encode()).hexdigest()
        known = self._state.files.get(mark)
        if known and (self._folder / known).is_file():
            return known
        content = _from_data(inside) if inside else self._source.file(url, text.place)
        if content is None or len(content) > MAX_FILE:
            self._report.note(where, "a picture or file cannot be had", url[:200])
            return ""
        given = name or (f"picture{_ENDINGS.get(inside[1], '.' + inside[1])}" if inside else "")
        kept = self._file_path(article, given or unquote(urlsplit(url).path), content, mark)
        if PurePosixPath(kept).suffix.lower() not in IMAGE_TYPES and not name and not inside:
            self._report.note(where, "no picture that browsers show", url[:200])
        path = self._folder / kept
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_bytes(path, content)
        self._state.files[mark] = kept
        self._report.files += 1
        self._report.paths.append(kept)
        return kept

    def _file_path(self, article: ForeignArticle, given: str, content: bytes, mark: str) -> str:
        name = PurePosixPath(given).name
        stem, ending = PurePosixPath(name).stem, PurePosixPath(name).suffix.lower()[:10]
        ending = ending if re.fullmatch(r"\.[a-z0-9]{1,9}", ending) else _ending_of(content)
        folder = f"{FILES}/{self._source.name}/{slugify(article.key)}"
        path = f"{folder}/{slugify(stem)[:LONGEST_NAME]}{ending}"
        taken = path in self._state.files.values()
        return f"{folder}/{slugify(stem)[:LONGEST_NAME]}-{mark[:8]}{ending}" if taken else path

    # --- sections ----------------------------------------------------------------------------

    def _write_sections(self, sections: Sequence[ForeignSection]) -> None:
        """Name the sections in sections.yml; those that are named there stay as they are."""
        from indexer.editing.front_text import load
        from indexer.reading.learned_file import writing_yaml

        path, yaml = self._folder / "sections.yml", writing_yaml()
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        known = load(yaml, "sections.yml", before)
        new = {
            self._sections[one.key]: {
                "title": dict(one.titles),
                **(
                    {"description": dict(one.descriptions)}
                    if any(one.descriptions.values())
                    else {}
                ),
                "order": one.order,
            }
            for one in sections
            if self._sections[one.key] not in known and one.titles
        }
        if new:
            gap = "" if not before or before.endswith("\n") else "\n"
            replace_file(path, f"{before}{gap}{dump(new)}")
            self._report.paths.append("sections.yml")


def _read(source: Source, progress: Progress) -> list[ForeignArticle]:
    articles: list[ForeignArticle] = []
    for article in source.articles():
        articles.append(article)
        progress("reading articles", len(articles), 0)
        if len(articles) > MOST_ARTICLES:
            raise TransferError(f"There are more than {MOST_ARTICLES:,} articles. Import fewer.")
    return articles


def _section_keys(sections: Iterable[ForeignSection]) -> dict[str, str]:
    """The key of each section here: its title as an address has it, numbered if it is taken."""
    keys: dict[str, str] = {}
    for one in sections:
        title = one.titles.get("en") or next(iter(one.titles.values()), "") or one.key
        key, number = _name(title), 2
        while key in keys.values():
            key, number = f"{_name(title)}-{number}", number + 1
        keys[one.key] = key
    return keys


def _name(text: str) -> str:
    """A name of a file or folder that is read: not hidden, and no part of others."""
    return slugify(text)[:LONGEST_NAME].strip("-_.") if text.strip() else ""


def _id(vendor: str, key: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{vendor}-{key}").strip("-.")[:100]


def _provenance(vendor: str, article: ForeignArticle, text: ForeignText) -> dict[str, Any]:
    """Where an article comes from, with what has no other place here."""
    given: dict[str, Any] = {
        "from": vendor,
        "key": article.key,
        "url": text.url,
        "created": article.created.isoformat() if article.created else "",
        "updated": text.updated.isoformat() if text.updated else "",
        "author": article.author,
        "up": article.up,
        "down": article.down,
    }
    return {key: value for key, value in given.items() if value not in ("", None)}


def _digest(article: ForeignArticle, text: ForeignText) -> str:
    """Tells one version of a text from another, with what of the article is written with it."""
    values: Mapping[str, Any] = {**vars(article), "texts": [vars(text)]}
    dumped = orjson.dumps(
        values, default=lambda one: vars(one) if hasattr(one, "__dict__") else str(one)
    )
    return hashlib.sha256(dumped).hexdigest()


def _file_digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _from_data(inside: re.Match[str]) -> bytes | None:
    head = inside[0][: inside.start(2)]
    try:
        if ";base64" in head:
            return base64.b64decode(re.sub(r"\s", "", unquote(inside[2])), validate=True)
        return unquote_to_bytes(inside[2])
    except (binascii.Error, ValueError):
        return None


def _ending_of(content: bytes) -> str:
    """The ending of a picture by how it begins."""
    signs = {b"\x89PNG": ".png", b"\xff\xd8": ".jpg", b"GIF8": ".gif", b"RIFF": ".webp"}
    return next((ending for sign, ending in signs.items() if content.startswith(sign)), ".bin")


def _kind(address: str) -> str:
    """The element that a link of Markdown would be: a picture by its ending."""
    ending = PurePosixPath(unquote(urlsplit(address).path)).suffix.lower()
    return "img" if ending in IMAGE_TYPES or address.startswith("data:") else "a"


def _target(address: str) -> str:
    return f"<{address}>" if re.search(r"[\s()]", address) else address
