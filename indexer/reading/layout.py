"""Where articles lie in a folder, and what their places say: language, section, translations.

A folder may be ours (``<language>/<section>/<name>.md``) or the whole repository of another tool:
Docusaurus, MkDocs, VitePress, Hugo, Jekyll, GitBook, Nuxt, Obsidian.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from indexer.reading.yaml_loader import BrokenYamlError, read_yaml

SUFFIXES = (".md", ".mdx", ".markdown")
INDEXES = ("index", "readme", "_index")
_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv "
    "cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr "
    "ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw "
    "ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv "
    "ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr "
    "ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi "
    "yo za zh zu"
)
_LANGUAGES = frozenset(_CODES.split())
_REGION = re.compile(r"\A([a-z]{2})(?:[-_][a-z]{2,4})?\Z", re.IGNORECASE)
# Folders that hold no articles of their own, whatever lies in them.
LEFT_ALONE = frozenset(("node_modules", "vendor", "__pycache__", "venv"))
BUILD_OUTPUT = ("build", "dist", "public", "site", "out", "_site")
# Folders of Jekyll and others whose names begin with _ and that do hold articles.
_COLLECTIONS = ("_docs", "_posts", "_articles", "_pages", "_guides")
# At the root of a repository these are about it, whatever their case.
_ABOUT_THE_REPOSITORY = frozenset(
    (
        *("readme", "license", "licence", "changelog", "contributing", "copying", "agents"),
        *("code_of_conduct", "code-of-conduct", "pull_request_template", "issue_template"),
    )
)
# These only in capitals: security.md can be an article.
_ABOUT_IN_CAPITALS = frozenset(
    (
        *("CHANGES", "SECURITY", "SUPPORT", "HISTORY", "AUTHORS", "MAINTAINERS", "GOVERNANCE"),
        *("NOTICE", "TODO", "SUMMARY", "CLAUDE", "GEMINI"),
    )
)
_CONTENT = ("content/", "docs/", "doc/", "documentation/", "src/content/docs/", "src/content/")
# A folder with this share of the files is where the articles are.
MOST_OF = 0.8
_DOCUSAURUS = "docusaurus-plugin-content-docs/current/"


class Place(NamedTuple):
    """What the place of a file says about its article.

    ``lang`` and ``section`` are "" where it says nothing. ``key`` is the same for translations of
    one article. ``is_index`` is true for the page that introduces its folder, and ``ids_are_local``
    where ids are unique in their folder only, as in Docusaurus.
    """

    lang: str = ""
    section: str = ""
    folders: tuple[str, ...] = ()
    stem: str = ""
    is_index: bool = False
    ids_are_local: bool = False

    @property
    def key(self) -> str:
        """The path without language and suffix."""
        return "/".join((*self.folders, "index" if self.is_index else self.stem)).casefold()


class _Folder(NamedTuple):
    """What the files of one folder share. ``index_name`` is that of a page about the folder."""

    lang: str
    section: str
    folders: tuple[str, ...]
    index_name: str | None
    is_root: bool


_OUTSIDE = _Folder("", "", (), None, is_root=False)


def is_language(name: str) -> bool:
    """Whether a name can be a language, as in ``ja``, ``pt-br`` or ``zh_CN``."""
    found = _REGION.match(name)
    return bool(found) and found[1].lower() in _LANGUAGES if found else False


def language_code(name: str) -> str:
    """The language of a folder or suffix, in lower case with a dash."""
    return name.lower().replace("_", "-")


@dataclass(frozen=True)
class Layout:
    """The layout of one articles folder.

    ``roots`` are the folders that hold articles, with "/" at the end or "" for all, each with its
    language or "". ``languages`` are the first folders below them that are languages.
    """

    roots: tuple[tuple[str, str], ...] = (("", ""),)
    languages: frozenset[str] = frozenset()
    suffixed: bool = False
    ids_are_local: bool = False
    readme_is_article: bool = False

    def place(self, name: str) -> Place | None:
        """The place of a file; None for one that is no article, such as a licence."""
        folder, _, last = name.rpartition("/")
        known = self._known_folders.get(folder)
        if known is None:
            known = self._known_folders[folder] = self._folder(folder)
        if known is _OUTSIDE:
            return None
        stem, suffix = self._stem_and_suffix(last.rpartition(".")[0])
        if known.is_root and self._is_no_article(stem, at_top=not folder):
            return None
        folded = stem.casefold()
        return Place(
            known.lang or (language_code(suffix) if suffix else ""),
            known.section,
            known.folders,
            stem,
            folded in INDEXES or folded == known.index_name,
            self.ids_are_local,
        )

    def _folder(self, folder: str) -> _Folder:
        """What a folder says of its files; _OUTSIDE for one outside the roots."""
        path = f"{folder}/" if folder else ""
        root = next(((root, lang) for root, lang in self.roots if path.startswith(root)), None)
        if root is None:
            return _OUTSIDE
        names, lang = tuple(path[len(root[0]) :].split("/")[:-1]), root[1]
        is_root = not names
        if names and not lang and names[0] in self.languages:
            lang, names = names[0], names[1:]
        section, index_name = (names[0], names[-1].casefold()) if names else ("", None)
        return _Folder(language_code(lang), section, names, index_name, is_root)

    @cached_property
    def _known_folders(self) -> dict[str, _Folder]:
        return {}

    def _is_no_article(self, stem: str, *, at_top: bool) -> bool:
        if stem in ("404", "SUMMARY"):
            return True
        return at_top and self._is_about_the_repository(stem)

    def _stem_and_suffix(self, stem: str) -> tuple[str, str]:
        """``x`` and ``ja`` of ``x.ja`` where the files of this folder have suffixes."""
        before, _, suffix = stem.rpartition(".") if self.suffixed else ("", "", "")
        return (before, suffix) if before and is_language(suffix) else (stem, "")

    def _is_about_the_repository(self, stem: str) -> bool:
        return _is_meta(stem) and not (stem.casefold() == "readme" and self.readme_is_article)


def _is_meta(stem: str) -> bool:
    return stem.casefold() in _ABOUT_THE_REPOSITORY or stem in _ABOUT_IN_CAPITALS


def left_alone(name: str, inside: Iterable[str], collections: Iterable[str] = ()) -> bool:
    """Whether a folder is passed over: hidden, of a tool, or what a tool has built."""
    if name in LEFT_ALONE or name.startswith("."):
        return True
    if name.startswith("_"):
        return name not in _COLLECTIONS and name not in collections
    return name in BUILD_OUTPUT and "index.html" in inside


def layout_of(root: Path, names: Sequence[str]) -> Layout:
    """The layout of a folder with these Markdown files; reads the small files that name it."""
    top = {entry.name for entry in root.iterdir()} if root.is_dir() else set()
    roots = _roots(root, top, names)
    inside = [
        name[len(prefix) :]
        for prefix, lang in roots
        if not lang
        for name in names
        if name.startswith(prefix)
    ]
    firsts = {name.split("/")[0] for name in inside if "/" in name}
    readme = bool(top & {"SUMMARY.md", ".gitbook.yaml", "_sidebar.md"})
    docusaurus = any(name.startswith("docusaurus.config.") for name in top)
    return Layout(roots, _languages(firsts), _are_suffixed(inside), docusaurus, readme)


def _roots(root: Path, top: set[str], names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    if any(name.startswith("docusaurus.config.") for name in top) and "docs" in top:
        translated = {
            name.split("/")[1]
            for name in names
            if name.startswith("i18n/") and f"/{_DOCUSAURUS}" in name
        }
        return (
            ("docs/", ""),
            *((f"i18n/{lang}/{_DOCUSAURUS}", lang) for lang in sorted(translated)),
        )
    if "mkdocs.yml" in top:
        folder = str(config_of(root / "mkdocs.yml").get("docs_dir", "docs")).strip("/")
        return ((f"{folder}/", ""),) if folder and folder != "." else (("", ""),)
    if "_config.yml" in top:
        named = (*collections_of(root), *_COLLECTIONS)
        used = [f"{name}/" for name in dict.fromkeys(named) if name in top]
        return (*((name, "") for name in used), ("", ""))
    deep = [name for name in names if "/" in name or not _is_meta(PurePosixPath(name).stem)]
    inside = [name for name in deep if name.startswith(_CONTENT)]
    counted = Counter(folder for name in inside for folder in _CONTENT if name.startswith(folder))
    for folder in sorted(counted, key=len, reverse=True):
        if counted[folder] >= MOST_OF * len(deep):
            return ((folder, ""),)
    return (("", ""),)


def collections_of(root: Path) -> tuple[str, ...]:
    """The folders of Jekyll's collections, such as ``_faq``."""
    named = config_of(root / "_config.yml").get("collections")
    return tuple(f"_{name}" for name in named) if isinstance(named, dict | list) else ()


def config_of(path: Path) -> Mapping[str, object]:
    """A small YAML file of another tool; {} if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")[:200_000]
        values = read_yaml(re.sub(r"!(?:!python/[\w:.]+|ENV|relative)", "", text))
    except (OSError, BrokenYamlError):
        return {}
    return values if isinstance(values, dict) else {}


def _languages(firsts: set[str]) -> frozenset[str]:
    """The folders that are languages: Japanese or English among them, several, or all of them."""
    found = {name for name in firsts if is_language(name)}
    known = any(name.lower()[:2] in ("ja", "en") for name in found)
    return frozenset(found if known or len(found) > 1 or found == firsts else ())


def _are_suffixed(names: Sequence[str]) -> bool:
    """Whether languages stand in file names: ``x.md`` beside ``x.ja.md``."""
    stems = {name.rpartition(".")[0] for name in names}
    suffixed = [stem for stem in stems if "." in stem and is_language(stem.rpartition(".")[2])]
    return any(
        stem.rpartition(".")[0] in stems or stem.rpartition(".")[2] in ("ja", "en")
        for stem in suffixed
    )
