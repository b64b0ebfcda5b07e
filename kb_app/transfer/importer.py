"""Writes the articles of another help centre into the articles folder.

What was imported before and changed there is written again; what was changed here since stays, and
the report names it. Links lead to the imported articles, pictures and files come along, and old
addresses become aliases, so that they answer with a redirect.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from html import unescape
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from indexer.atomic_write import replace_bytes, replace_file
from indexer.editing.front_text import dump, flow
from indexer.editing.links import rewritten_links
from indexer.reading.files import MAX_BYTES
from indexer.reading.front_matter import address_of, slugify
from indexer.reading.media_types import IMAGE_TYPES
from kb_app.transfer.addresses import Addresses, absolute_url, chosen_text, relative
from kb_app.transfer.article_files import (
    LONGEST_NAME,
    digest_of,
    file_digest,
    files_by_id,
    front_matter_of,
    safe_name,
)
from kb_app.transfer.html_to_markdown import Converted, to_markdown
from kb_app.transfer.import_report import Report
from kb_app.transfer.model import (
    MAX_FILE,
    MOST_ARTICLES,
    ForeignArticle,
    ForeignFile,
    ForeignSection,
    ForeignText,
    Source,
    TransferError,
)
from kb_app.transfer.pictures import (
    DATA_URL,
    ENDINGS,
    data_url_content,
    element_of,
    image_suffix,
    is_json_or_html,
)
from kb_app.transfer.sections_file import add_sections, known_sections, section_keys
from kb_app.transfer.sources.values import Lost, first_per_language, language
from kb_app.transfer.state import ImportState, Written

Progress = Callable[[str, int, int], None]
# Where pictures and files of imported articles are, below the articles folder.
FILES = "imported"
_ANCHOR = re.compile(r"""\b(?:id|name)=["']([^"'<>]{1,100})["']""")
# Files of these endings would be read as articles, or as what says something about them.
_READ = (".md", ".mdx", ".markdown", ".yml", ".yaml")


class Importer:
    """Brings the articles of one source into one folder."""

    def __init__(
        self,
        folder: Path,
        source: Source,
        state: ImportState,
        editing: AbstractContextManager[object] | None = None,
    ) -> None:
        """``editing`` is held while a file is written."""
        self._folder = folder
        self._editing = editing or nullcontext()
        self._source = source
        self._state = state
        self.report = Report()
        self._taken: dict[str, str] = {one.path: key for key, one in state.texts.items()}
        self._sections: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._addresses = Addresses(())
        self._anchors: dict[str, frozenset[str]] = {}

    def run(self, progress: Progress, saved: Callable[[], None] = lambda: None) -> Report:
        """Import everything; ``saved`` is called after each article, to keep the state.

        Raises TransferError where the source cannot be read.
        """
        known_sections(self._folder)
        sections = list(self._source.sections())
        self._sections = section_keys(sections)
        lost = Lost()
        articles = _read(self._source, progress, lost)
        here = files_by_id(self._folder)
        self._ids = self._article_ids(articles, here)
        self._follow_moves(here, articles)
        self._addresses = Addresses(articles)
        for article in articles:
            for text in article.texts:
                self._paths[f"{article.key}/{text.lang}"] = self._place(article, text)
                known = _ANCHOR.findall(text.body) if text.anchors is None else text.anchors
                self._anchors[f"{article.key}/{text.lang}"] = frozenset(known)
        for number, article in enumerate(articles, 1):
            for text in article.texts:
                self._write(article, text)
            saved()
            progress("writing articles", number, len(articles))
        with self._editing:
            self._write_sections(sections)
        for key, one in self._state.texts.items():
            if key not in self._paths and (self._folder / one.path).exists():
                self.report.note(key, "no longer there, and stays here", one.path)
        for what in (*self._source.unmapped(), *lost):
            self.report.note(self._source.name, what)
        return self.report

    # --- places ------------------------------------------------------------------------------

    def _place(self, article: ForeignArticle, text: ForeignText) -> str:
        """The file of a text: as before, else one that nobody has."""
        key = f"{article.key}/{text.lang}"
        before = self._state.texts.get(key)
        if before is not None:
            return before.path
        section = self._sections.get(article.section) or safe_name(article.section) or "general"
        stem = (safe_name(text.title) if text.title.strip() else "") or safe_name(article.key)
        ending = ".mdx" if text.place.lower().endswith(".mdx") else ".md"
        for name in _names(stem, f"{stem}-{slugify(article.key)[-20:]}"):
            path = f"{text.lang}/{section}/{name}{ending}"
            if path not in self._taken and self._is_free(path, article):
                break
        self._taken[path] = key
        return path

    def _is_free(self, path: str, article: ForeignArticle) -> bool:
        """Whether nothing is there, or what an import that was stopped wrote of this article."""
        return not (self._folder / path).exists() or self._is_of(path, article)

    def _is_of(self, path: str, article: ForeignArticle) -> bool:
        """Whether a file is this article as an import wrote it."""
        front = front_matter_of(self._folder / path)
        imported = front.get("imported")
        found = imported if isinstance(imported, dict) else {}
        titles = [text.title.strip() for text in article.texts]
        return (
            found.get("from") == self._source.name
            and str(found.get("key")) == article.key
            and str(front.get("title")) in titles
        )

    def _article_ids(
        self, articles: Iterable[ForeignArticle], here: Mapping[str, str]
    ) -> dict[str, str]:
        """The id of each article by its key: one that no other article has."""
        ids: dict[str, str] = {}
        taken = {one.id for one in self._state.texts.values() if one.id}
        for article in articles:
            before = self._state.texts.get(f"{article.key}/{article.texts[0].lang}")
            name = before.id if before else ""
            if not name:
                name = _id(self._source.name, article.key)
                there = here.get(name, "")
                if name in taken or (there and not self._is_of(there, article)):
                    mark = f"{article.key}\0{article.texts[0].title}"
                    name = f"{name[:90]}-{hashlib.sha256(mark.encode()).hexdigest()[:8]}"
            taken.add(name)
            ids[article.key] = name
        return ids

    def _follow_moves(self, here: Mapping[str, str], articles: Iterable[ForeignArticle]) -> None:
        """Where the files are that were moved here since."""
        for article in articles:
            for text in article.texts:
                before = self._state.texts.get(f"{article.key}/{text.lang}")
                if before and before.id and not (self._folder / before.path).exists():
                    moved = here.get(before.id)
                    before.path = moved or before.path

    # --- texts -------------------------------------------------------------------------------

    def _write(self, article: ForeignArticle, text: ForeignText) -> None:
        key, where = f"{article.key}/{text.lang}", f"{article.key} {text.title[:60]!r}"
        path, digest = self._paths[key], _digest(article, text)
        before = self._state.texts.get(key)
        target = self._folder / path
        here = file_digest(target)
        if before is not None and here is None:
            self.report.kept += 1
            self.report.note(where, "removed here since, and not brought again", path)
            return
        if before is not None and before.source == digest:
            self.report.unchanged += 1
            return
        if before is not None and here != before.file:
            self.report.kept += 1
            self.report.note(where, "changed here since, and stays", path)
            return
        body = self._body(article, text, path, where)
        whole = f"---\n{dump(self._front(article, text, path))}---\n\n{body}\n"
        if len(whole.encode("utf-8", "replace")) > MAX_BYTES:
            self.report.note(where, f"larger than {MAX_BYTES // 1024} KB, and left out")
            return
        with self._editing:
            if file_digest(target) not in (before.file if before else None, digest_of(whole)):
                self.report.kept += 1
                self.report.note(where, "there already, and stays", path)
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(target, whole)
        name = self._text_id(article, text)
        self._state.texts[key] = Written(path, digest, file_digest(target) or "", name)
        self.report.written += 1
        self.report.paths.append(path)

    def _front(self, article: ForeignArticle, text: ForeignText, path: str) -> dict[str, Any]:
        """The front matter; empty values are left out."""
        original, vendor = article.texts[0], self._source.name
        is_original = text.lang == original.lang
        name = self._ids[article.key]
        old = [text.url, *text.old_urls, *(article.old_urls if is_original else ())]
        aliases = dict.fromkeys(address_of(url) for url in old if url)
        given: dict[str, Any] = {
            "id": self._text_id(article, text),
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

    def _text_id(self, article: ForeignArticle, text: ForeignText) -> str:
        name = self._ids[article.key]
        return name if text.lang == article.texts[0].lang else f"{name}-{text.lang}"

    def _body(self, article: ForeignArticle, text: ForeignText, path: str, where: str) -> str:
        linked: set[str] = set()

        def rewrite(element: str, address: str) -> str:
            return self._rewritten(article, text, path, (element, address), linked)

        def in_markdown(address: str) -> str:
            if address.startswith(("{{", "{%")):  # a template has it, which is not filled here
                self.report.note(where, "a link whose address a template makes", text.place)
                return address
            kind = element_of(address)
            # A definition without an address would take the next line as its own.
            return rewrite(kind, address) or ("" if kind == "img" else "#")

        converted = (
            Converted(rewritten_links(text.body, in_markdown))
            if text.is_markdown
            else to_markdown(text.body, rewrite)
        )
        for lost in dict.fromkeys(converted.lost):
            self.report.note(where, "left out", lost)
        if not text.title.strip():
            self.report.note(where, "has no title; its file's name is used")
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
        files = {absolute_url(text.url, one.url): one for one in article.files}
        whole = absolute_url(text.url, address)
        if not whole:
            self.report.note(where, "a link that is no address", address[:200])
            return address
        file = files.get(whole)
        if file is None and whole.startswith("file:"):  # beside the page, on this machine
            file = ForeignFile(unquote(urlsplit(whole).path), address)
        if file:
            linked.add(file.url)
            kept = self._file(article, file.url, text, file.name, where)
            return relative(path, kept) if kept else "" if whole.startswith("file:") else whole
        if self._addresses.is_own(address, text):
            self.report.note(where, "links to a page that is no article", whole)
        return whole if text.url and "://" not in address and ":" not in address else address

    def _anchor(self, key: str, anchor: str, where: str) -> str:
        """The anchor of a link, if the text that it leads to has it."""
        if anchor and anchor not in self._anchors[key]:
            self.report.note(where, "links to a heading that is not there", f"#{anchor[:80]}")
            return ""
        return f"#{anchor}" if anchor else ""

    # --- pictures and files ------------------------------------------------------------------

    def _file(
        self, article: ForeignArticle, address: str, text: ForeignText, name: str, where: str
    ) -> str:
        """The file of a picture or attachment in the folder; "" where it cannot be had."""
        inside = DATA_URL.match(address)
        url = address if inside or not text.url else absolute_url(text.url, address)
        mark = hashlib.sha256(f"{url}\0{'' if text.url else text.place}".encode()).hexdigest()
        known = self._state.files.get(mark)
        if known and (self._folder / known).is_file():
            return known
        content = None
        if url:
            content = data_url_content(inside) if inside else self._source.file(url, text.place)
        if content is None or len(content) > MAX_FILE:
            self.report.note(where, "a picture or file cannot be had", (url or address)[:200])
            return ""
        if not name and not inside and is_json_or_html(content):
            self.report.note(where, "a picture's address answers with no picture", url[:200])
            return ""
        given = name or (f"picture{ENDINGS.get(inside[1], '.' + inside[1])}" if inside else "")
        kept = self._file_path(article, given or unquote(urlsplit(url).path), content, mark)
        if PurePosixPath(kept).suffix.lower() not in IMAGE_TYPES and not name and not inside:
            self.report.note(where, "no picture that browsers show", url[:200])
        path = self._folder / kept
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_bytes(path, content)
        self._state.files[mark] = kept
        self.report.files += 1
        self.report.paths.append(kept)
        return kept

    def _file_path(self, article: ForeignArticle, given: str, content: bytes, mark: str) -> str:
        name = PurePosixPath(given).name
        stem, ending = PurePosixPath(name).stem, PurePosixPath(name).suffix.lower()[:10]
        ending = ending if re.fullmatch(r"\.[a-z0-9]{1,9}", ending) else image_suffix(content)
        ending = f"{ending}.txt" if ending in _READ else ending
        folder = f"{FILES}/{self._source.name}/{slugify(article.key)}"
        path = f"{folder}/{slugify(stem)[:LONGEST_NAME]}{ending}"
        taken = path in self._state.files.values()
        return f"{folder}/{slugify(stem)[:LONGEST_NAME]}-{mark[:8]}{ending}" if taken else path

    # --- sections ----------------------------------------------------------------------------

    def _write_sections(self, sections: Sequence[ForeignSection]) -> None:
        missed = add_sections(self._folder, sections, self._sections)
        if missed is None:
            return
        if missed:
            what = "sections that sections.yml cannot take at its end; add them by hand"
            self.report.note("sections.yml", what, ", ".join(missed))
            return
        self.report.paths.append("sections.yml")


def _read(source: Source, progress: Progress, lost: Lost) -> list[ForeignArticle]:
    """All articles, each with one text of a language that can be the name of a folder."""
    articles: list[ForeignArticle] = []
    for article in source.articles():
        texts = (replace(text, lang=language(text.lang)) for text in article.texts)
        articles.append(replace(article, texts=first_per_language(texts, lost)))
        progress("reading articles", len(articles), 0)
        if len(articles) > MOST_ARTICLES:
            raise TransferError(f"There are more than {MOST_ARTICLES:,} articles. Import fewer.")
    progress("reading articles", len(articles), len(articles))
    if not articles:
        raise TransferError("There are no articles. Check the address, or the folder.")
    return articles


def _names(*first: str) -> Iterator[str]:
    yield from first
    yield from (f"{first[-1]}-{number}" for number in count(2))


def _id(vendor: str, key: str) -> str:
    """An id of a vendor's key; two keys may make the same one."""
    return re.sub(r"[^\w.-]+", "-", f"{vendor}-{key}").strip("-.")[:100]


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


def _target(address: str) -> str:
    return f"<{address}>" if re.search(r"[\s()]", address) else address
