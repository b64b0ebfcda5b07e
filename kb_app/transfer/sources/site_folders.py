"""Folders of MkDocs, Docusaurus and Jekyll: read as a site of ours would read them.

What only their own configuration says is added: redirects, drafts, included files, Liquid tags.
"""

from __future__ import annotations

import fnmatch
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from indexer.bundling.build_cache import BuildCache
from indexer.collect import Collected, collect
from indexer.editing.front_text import body_of, normalised, values_of
from indexer.model import Article
from indexer.reading.article import read_article_text
from indexer.reading.yaml_loader import BrokenYamlError, read_yaml
from kb_app.transfer.model import (
    MAX_BODY,
    ForeignArticle,
    ForeignSection,
    ForeignText,
    TransferError,
)
from kb_app.transfer.sources.local_files import content_of, file_url, folder_of, moment_of

# The language in the name of a page: page.en.md
_SUFFIX = re.compile(r"\.[a-z]{2}(?=\.md\Z)")
# Folders whose files a tool serves at the root of its site.
_ROOTS = ("", "static/", "docs/", "public/", "assets/")
_INCLUDE = re.compile(r"(?m)^[ \t]*-{1,2}8<-{1,2}[ \t]+\"([^\"\n]{1,300})\"[ \t]*$")
_SITE = re.compile(r"\{\{-?[ \t]*site\.(?:url|baseurl)[ \t]*-?\}\}")
_FILTERED = re.compile(r"\{\{-?[ \t]*['\"]([^'\"\n]{1,500})['\"][ \t]*\|[^{}\n]{0,100}\}\}")
_LINK = re.compile(r"\{%-?[ \t]*+link[ \t]([^%\n]{1,500}+)%\}")
_POST = re.compile(r"\{%-?[ \t]*+post_url[ \t]([^%\n]{1,500}+)%\}")
_HIGHLIGHT = re.compile(r"\{%-?[ \t]*highlight[ \t]+([\w+#-]{1,30})[^%\n]{0,100}%\}")
_END = re.compile(r"\{%-?[ \t]*endhighlight[ \t]*-?%\}")
# Redirects of Docusaurus: from one address or several, to another.
_REDIRECT = re.compile(
    r"from:\s{0,20}(?P<from>\[[^\]]{0,5000}\]|['\"][^'\"\n]{1,500}['\"])\s{0,20},"
    r"\s{0,20}to:\s{0,20}['\"](?P<to>[^'\"\n]{1,500})['\"]"
)
_QUOTED = re.compile(r"['\"]([^'\"\n]{1,500})['\"]")
_IMPORT = re.compile(r"\Aimport [\w{}, ]{1,200} from ['\"][^'\"\n]{1,200}['\"];?\s*\Z")
_TAB = re.compile(
    r"<TabItem\b(?:[^<>]{0,300}?\blabel=\"([^\"<>]{1,200})\"|[^<>]{0,300}?\bvalue=\"([^\"<>]{1,200})\")[^<>]{0,300}>"
)
# 01-intro, 2_setup, 3. start
_NUMBERED = re.compile(r"\A\d+\s*[-_.]+\s*(?=[^-_.\s])")
_PATHNAME = re.compile(r"pathname://")


class SiteFolder:
    """The folder of another tool's site; ``name`` is mkdocs, docusaurus or jekyll."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder_of(folder)
        self._notes: list[str] = []
        self._found = self._collected()
        self._config = _yaml(self._folder / "_config.yml") if name == "jekyll" else {}
        config = _yaml(self._folder / "mkdocs.yml") if name == "mkdocs" else {}
        self._strikes = "tilde" in str(config.get("markdown_extensions"))
        self._default = _default_locale(self._folder) if name == "docusaurus" else ""
        self._redirects = _redirects(name, self._folder)
        self._drafts = _drafts(self._folder) if name == "mkdocs" else ()

    def _collected(self) -> Collected:
        with tempfile.TemporaryDirectory() as work:
            cache = BuildCache(Path(work) / "import.sqlite")
            try:
                found = collect(self._folder, cache, UTC)
            finally:
                cache.close()
        if not found.articles:
            raise TransferError(f"{self._folder} has no articles that can be read.")
        errors = [one for one in found.problems if one.severity == "error" and one.code != "link"]
        self._notes += [f"{one.path}: {one.message}" for one in errors[:100]]
        return found

    def sections(self) -> Iterator[ForeignSection]:
        """The sections that folders and navigation make."""
        for key, info in self._found.sections.items():
            yield ForeignSection(key, info.title or {"en": key}, info.description, info.order)

    def articles(self) -> Iterator[ForeignArticle]:
        """Each article with its translations."""
        groups: dict[str, list[Article]] = defaultdict(list)
        for article in (*self._found.articles, *self._jekyll_drafts()):
            groups[self._group(article)].append(article)
        for group in groups.values():
            known = [replace(one, lang=self._lang(one, group)) for one in group]
            texts = sorted(known, key=lambda one: (self._is_translation(one), one.lang))
            first = texts[0]
            values = self._values(first)
            yield ForeignArticle(
                key=first.id,
                section=first.section,
                texts=tuple(self._text(one) for one in texts),
                author=first.owner or _author(values),
                created=moment_of(str(values.get("date") or "")),
                labels=_listed(values.get("tags")) if self.name == "jekyll" else first.tags,
                is_internal=first.audience == "internal",
                order=first.order,
            )

    def file(self, url: str, place: str) -> bytes | None:
        """A file of the folder, also one that the tool serves at its root."""
        path = unquote(urlsplit(url).path).lstrip("/")
        found = (content_of(self._folder, file_url(f"{root}{path}")) for root in _ROOTS)
        return next((content for content in found if content is not None), None)

    def unmapped(self) -> Iterator[str]:
        """What could not be read."""
        yield from self._notes

    def _text(self, article: Article) -> ForeignText:
        raw = self._raw(article)
        addresses = self._addresses(article)
        leads = [article.path, _SUFFIX.sub("", article.path), *addresses]
        redirects = [old for one in leads for old in self._redirects.get(_bare(one), ())]
        is_draft = article.status == "draft" or any(
            fnmatch.fnmatch(f"/{article.path.removeprefix('docs/')}", one) for one in self._drafts
        )
        return ForeignText(
            lang=article.lang,
            title=article.title,
            body=self._body(raw, article),
            url=file_url(article.path),
            updated=moment_of(article.updated.isoformat()) if article.updated else None,
            is_draft=is_draft,
            is_markdown=True,
            place=article.path,
            summary=article.summary,
            old_urls=tuple(dict.fromkeys([*addresses, *redirects])),
            anchors=article.anchors,
        )

    def _group(self, article: Article) -> str:
        """What the translations of one article have in common."""
        if self.name == "docusaurus":
            return _docusaurus_inside(article.path)
        if self.name == "jekyll" and article.addresses:
            return article.addresses[0]  # the permalink, which jekyll-polyglot gives to all
        return article.group

    def _lang(self, article: Article, group: Sequence[Article]) -> str:
        """The language of an article; docs/ of Docusaurus is in that of its configuration."""
        inside = re.match(r"i18n/([a-z]{2,3})", article.path)
        if inside:
            return inside[1]
        return self._default if self._default and len(group) > 1 else article.lang

    def _is_translation(self, article: Article) -> bool:
        if self.name == "docusaurus":
            return article.path.startswith("i18n/")
        if self.name == "jekyll":
            return article.lang != str(self._config.get("default_lang") or article.lang)
        return bool(article.translation_of)

    def _jekyll_drafts(self) -> Iterator[Article]:
        """The articles of _drafts, which are no part of the site yet."""
        for path in sorted((self._folder / "_drafts").glob("**/*.md")) if self._config else ():
            name = path.relative_to(self._folder).as_posix()
            content = content_of(self._folder, file_url(name)) or b""
            article, problems = read_article_text(name, content.decode("utf-8-sig", "replace"))
            self._notes += [str(one) for one in problems if one.severity == "error"]
            if article is not None:
                yield replace(article, status="draft")

    def _addresses(self, article: Article) -> list[str]:
        """The addresses of an article at the tool's own site."""
        if self.name == "docusaurus":
            return [_docusaurus_address(article.path, self._values(article))]
        default = str(self._config.get("default_lang") or "")
        if self.name == "jekyll" and default and article.lang != default:
            link, *others = article.addresses or ("",)
            return [f"/{article.lang}{link}", *others] if link else []
        return list(article.addresses)

    def _raw(self, article: Article) -> str:
        content = content_of(self._folder, file_url(article.path)) or b""
        return normalised(content[:MAX_BODY].decode("utf-8-sig", "replace"))

    def _values(self, article: Article) -> Mapping[str, Any]:
        return values_of(article.path, self._raw(article))

    def _body(self, raw: str, article: Article) -> str:
        body = _INCLUDE.sub(self._included, body_of(raw))
        if self.name == "jekyll":
            body = _without_liquid(body)
        if self.name == "docusaurus":
            body = _PATHNAME.sub("", _without_components(body))
        if self.name == "mkdocs" and not self._strikes:
            body = body.replace("~~", "\\~\\~")
        lines = body.strip().split("\n")
        is_title = lines[0].startswith("# ") and lines[0][2:].strip() == article.title
        return "\n".join(lines[1:] if is_title else lines).strip()

    def _included(self, match: re.Match[str]) -> str:
        for root in ("", "docs/", "snippets/", "includes/", "docs/snippets/"):
            content = content_of(self._folder, file_url(f"{root}{match[1]}"))
            if content is not None:
                return content[:MAX_BODY].decode("utf-8", "replace").strip()
        self._notes.append(f"the included file {match[1][:100]} is not there")
        return ""


def _without_liquid(body: str) -> str:
    """The body with the tags that make links and code replaced by what they make."""
    body = _LINK.sub(lambda match: f"/{match[1].strip(' -').lstrip('/')}", body)
    body = _POST.sub(lambda match: f"/_posts/{match[1].strip(' -')}.md", body)
    body = _FILTERED.sub(lambda match: match[1], _SITE.sub("", body))
    return _END.sub("```", _HIGHLIGHT.sub(lambda match: f"```{match[1]}", body))


def _docusaurus_address(path: str, values: Mapping[str, Any]) -> str:
    """The route of a page: its slug, else its folders and its id, without the numbers in them."""
    lang = re.match(r"i18n/([^/]{2,10})/", path)
    inside = _docusaurus_inside(path)
    *folders, name = (_NUMBERED.sub("", part) for part in inside.split("/"))
    slug = str(values.get("slug") or "")
    own = "/".join([*folders, str(values.get("id") or name)])
    route = (
        slug.lstrip("/") if slug.startswith("/") else "/".join([*folders, slug]) if slug else own
    )
    return f"/{lang[1]}/docs/{route}" if lang else f"/docs/{route}"


def _docusaurus_inside(path: str) -> str:
    """The path of a page below docs/, or below the folder of its language."""
    return _bare(re.sub(r"\A(?:i18n/[^/]+/[^/]+/current|docs)/", "", path))


def _default_locale(folder: Path) -> str:
    """The language of docs/."""
    for path in folder.glob("docusaurus.config.*"):
        text = path.read_text(encoding="utf-8", errors="replace")[:MAX_BODY]
        found = re.search(r"defaultLocale:\s{0,20}['\"]([a-z]{2,3})", text)
        if found:
            return found[1]
    return "en"


def _listed(given: Any) -> tuple[str, ...]:
    """The words of a list, or of a text with spaces between them."""
    words = given if isinstance(given, list) else str(given or "").split()
    return tuple(str(word) for word in words)


def _without_components(body: str) -> str:
    """MDX with its tabs as tabs of ours, and without the lines that import components."""
    lines, inside = [], False
    for line in body.split("\n"):
        opened = _TAB.match(line.strip())
        if _IMPORT.match(line) or line.strip() in ("<Tabs>", "</Tabs>", "</TabItem>"):
            inside = inside and line.strip() != "</TabItem>"
        elif opened:
            inside = True
            lines.append(f'=== "{opened[1] or opened[2]}"\n')
        else:
            lines.append(f"    {line}" if inside and line.strip() else line)
    return "\n".join(lines)


def _author(values: Mapping[str, Any]) -> str:
    last = values.get("last_update")
    given = values.get("author") or (last.get("author") if isinstance(last, dict) else "")
    return str(given or "")


def _redirects(name: str, folder: Path) -> Mapping[str, list[str]]:
    """Old addresses by the path or address that they lead to, without ending and slashes."""
    found: dict[str, list[str]] = defaultdict(list)
    if name == "mkdocs":
        for old, new in _redirect_maps(_yaml(folder / "mkdocs.yml")):
            found[_bare(f"docs/{new}")].append(_address(old))
    if name == "docusaurus":
        for path in folder.glob("docusaurus.config.*"):
            text = path.read_text(encoding="utf-8", errors="replace")[:MAX_BODY]
            for match in _REDIRECT.finditer(text):
                found[_bare(match["to"])] += _QUOTED.findall(match["from"])
    return found


def _redirect_maps(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(old path, new path) of the plugin redirects."""
    for plugin in config.get("plugins") or ():
        given = plugin.get("redirects") if isinstance(plugin, dict) else None
        maps = given.get("redirect_maps") if isinstance(given, dict) else None
        for old, new in (maps or {}).items() if isinstance(maps, dict) else ():
            yield str(old), str(new)


def _drafts(folder: Path) -> tuple[str, ...]:
    """The patterns of drafts in mkdocs.yml."""
    given = _yaml(folder / "mkdocs.yml").get("draft_docs")
    lines = str(given).splitlines() if given else []
    return tuple(line.strip() for line in lines if line.strip() and line.strip()[0] not in "#!")


def _yaml(path: Path) -> Mapping[str, Any]:
    """A configuration; tags of Python are left out. Empty where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")[:MAX_BODY]
        values = read_yaml(re.sub(r"!(?:!python/\S+|ENV|relative)\b", "", text))
    except (OSError, BrokenYamlError):
        return {}
    return values if isinstance(values, dict) else {}


def _address(path: str) -> str:
    return "/" + _bare(path)


def _bare(path: str) -> str:
    """A path or address without ending, index and slashes."""
    plain = re.sub(r"\.(?:md|mdx|html)\Z", "", path.strip("/"))
    return re.sub(r"(?:\A|/)index\Z", "", plain)
