"""Finds what links mean: articles and files, by path, address, name or title.

The check and the bundle use the same one, so that what is accepted is what is served.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from indexer.model import Article, Link
from indexer.reading.front_matter import address_of, slugify
from indexer.reading.link_targets import WIKI

MAX_FILE_BYTES = 200 * 1024 * 1024
# Folders whose files other tools serve at the root of the site.
_SERVED_AT_ROOT = ("static", "public", "assets")
_ENDING = re.compile(r"(?i)\.(?:md|mdx|markdown|html?)\Z")
_NUMBER = re.compile(r"(?:\A|(?<=/))\d{1,3}[._-](?=\D)")
_INDEXES = ("", "/index", "/readme", "/_index")


class Targets:
    """The articles and files of one folder. ``roots`` are the folders that hold articles."""

    def __init__(
        self, articles: Sequence[Article], folder: Path, roots: Sequence[str] = ("",)
    ) -> None:
        self._articles = articles
        self._folder = folder
        self._roots = tuple(dict.fromkeys(("", *roots)))
        self._by_path = {article.path: article for article in articles}

    @cached_property
    def _by_name(self) -> Mapping[str, Article]:
        # The first of one name stays.
        return {_loose(article.path): article for article in reversed(self._articles)}

    @cached_property
    def _by_numberless(self) -> Mapping[str, Article]:
        return {_NUMBER.sub("", _loose(article.path)): article for article in self._articles}

    @cached_property
    def _by_address(self) -> Mapping[str, Article]:
        found: dict[str, Article] = {}
        for article in self._articles:
            own = (f"/{article.lang}/articles/{article.slug}", *article.addresses)
            for address in own:
                found.setdefault(address.casefold(), article)
        return found

    @cached_property
    def _by_stem(self) -> Mapping[str, Sequence[Article]]:
        found: dict[str, list[Article]] = defaultdict(list)
        for article in self._articles:
            names = (PurePosixPath(article.path).stem, article.title, *article.aliases)
            for name in {_fold(name) for name in names}:
                found[name].append(article)
        return found

    @cached_property
    def _files(self) -> Mapping[str, str]:
        """Every other file by its path in lower case, and by its name alone."""
        found: dict[str, str] = {}
        for path in sorted(self._folder.rglob("*")):
            inside = path.relative_to(self._folder).as_posix()
            if not _is_hidden(inside) and not _ENDING.search(inside):
                found.setdefault(_fold(inside), inside)
                found.setdefault(f"*/{_fold(path.name)}", inside)
        return found

    # --- articles ---

    def article(self, source: Article, link: Link) -> Article | None:
        """The article that a link leads to; None if there is none."""
        if not link.target:
            return source
        if link.target in self._by_path:
            return self._by_path[link.target]
        if link.target.startswith(WIKI):
            return self._by_wiki_name(source, link.target.removeprefix(WIKI))
        for candidate in self._candidates(source, link.target):
            name = _loose(candidate)
            for index in (*_INDEXES, f"/{name.rpartition('/')[2]}"):
                full = f"{name}{index}".strip("/")
                found = self._by_name.get(full) or self._by_numberless.get(_NUMBER.sub("", full))
                if found is not None:
                    return found
        found = self._by_address.get(address_of(f"/{link.target.lstrip('/')}").casefold())
        return found or self._by_last_part(source, link.target)

    def _by_last_part(self, source: Article, target: str) -> Article | None:
        """The only article of that name, for addresses such as ``/article/sharing/``."""
        if not target.startswith("/"):
            return None
        name = _fold(_ENDING.sub("", target.strip("/").rpartition("/")[2]))
        found = [one for one in self._by_stem.get(name, ()) if one.lang == source.lang]
        return found[0] if len(found) == 1 else None

    def _candidates(self, source: Article, target: str) -> Iterator[str]:
        """Paths that a target may mean, the nearest first."""
        if not target.startswith("/"):
            yield target
            yield _as_from_folder(source.path, target)
            return
        inside = target.strip("/")
        language = source.path.split("/")[0]
        yield f"{language}/{inside}"
        for root in self._roots:
            yield f"{root}{inside}"
            yield f"{root}{source.lang}/{inside}"

    def _by_wiki_name(self, source: Article, name: str) -> Article | None:
        clean = name.strip().strip("/")
        found = self._by_stem.get(_fold(PurePosixPath(_ENDING.sub("", clean)).name), ())
        if "/" in clean:
            end = _loose(clean)
            found = [one for one in found if f"/{_loose(one.path)}".endswith(f"/{end}")] or found
        near = sorted(
            found, key=lambda one: (one.lang != source.lang, one.path.count("/"), one.path)
        )
        return near[0] if near else None

    @staticmethod
    def anchor(article: Article, anchor: str) -> str | None:
        """The anchor of an article that a link means, also in other capitals; None without."""
        if not anchor or anchor in article.anchors:
            return anchor
        wanted = {_fold(anchor), _fold(slugify(anchor.rsplit("#", maxsplit=1)[-1]))}
        return next((one for one in article.anchors if _fold(one) in wanted), None)

    # --- files ---

    def file(self, source: Article, link: Link) -> str | None:
        """The path inside the folder of the file that a link or image means; None without."""
        if link.target.startswith(WIKI):
            name = link.target.removeprefix(WIKI)
            return self._existing(name) or self._files.get(f"*/{_fold(PurePosixPath(name).name)}")
        if not link.target or link.target.startswith(".."):
            return None
        for candidate in self._file_candidates(source, link.target):
            if self._existing(candidate):
                return candidate
        for candidate in self._file_candidates(source, link.target):
            if _fold(candidate) in self._files and self._existing(self._files[_fold(candidate)]):
                return self._files[_fold(candidate)]
        return None

    def _file_candidates(self, source: Article, target: str) -> Iterator[str]:
        if not target.startswith("/"):
            yield target
            return
        inside = target.strip("/")
        for root in (*self._roots, *(f"{name}/" for name in _SERVED_AT_ROOT)):
            yield f"{root}{inside}"
            yield f"{root}{source.lang}/{inside}"

    def _existing(self, name: str) -> str | None:
        return name if file_in(self._folder, name) else None


def _as_from_folder(path: str, target: str) -> str:
    """The target as if the page were a folder, as its address elsewhere ends with a slash."""
    if target.startswith("../"):
        return target.removeprefix("../")
    page = [*path.split("/")[:-1], PurePosixPath(path).stem]
    parts = target.split("/")
    common = 0
    while common < min(len(page) - 1, len(parts)) and page[common] == parts[common]:
        common += 1
    return "/".join([*page[: common + 1], *parts[common:]])


def file_in(folder: Path, name: str) -> Path | None:
    """A regular file inside the folder, not hidden and no article; None for everything else."""
    if not name or name.startswith("..") or _is_hidden(name) or _ENDING.search(name):
        return None
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        return path if inside and path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # not a valid file name
        return None


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _loose(path: str) -> str:
    """A path without its ending, in lower case."""
    return _fold(_ENDING.sub("", path.strip("/")))
