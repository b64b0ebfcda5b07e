"""A MkDocs project: nav, Material's admonitions and tabs, snippets, redirects, i18n by suffix.

Shapes: mkdocs.org "Configuration" (nav, draft_docs); squidfunk.github.io/mkdocs-material
(admonitions, content tabs, tags); facelessuser.github.io/pymdown-extensions (snippets, details);
mkdocs-redirects; ultrabug.github.io/mkdocs-static-i18n (docs_structure: suffix, nav_translations).
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.vendors.addressing import pictures_of
from tests.vendors.content import Entry, HelpCentre, Text
from tests.vendors.files import (
    file_links,
    front_matter,
    picture_links,
    put,
    put_media,
    relative,
)
from tests.vendors.html_writer import Dialect
from tests.vendors.markdown_writer import Flavour, write_markdown

SITE = "https://docs.example.jp"
SNIPPET = "お困りのときは窓口までお知らせください。"
"""Included into the first entry from snippets/contact.md."""
DEFAULT = "ja"


def page_path(centre: HelpCentre, key: str, suffix: str = "") -> str:
    section = centre.sections_by_key[centre.by_key[key].section]
    return f"{section.category}/{section.key}/{key}{suffix}.md"


def suffix_of(text: Text) -> str:
    return "" if text.lang == DEFAULT else f".{text.lang}"


def address(centre: HelpCentre, key: str) -> str:
    """Of an article, or of a folder of them."""
    if key in centre.by_key:
        return f"{SITE}/{page_path(centre, key).removesuffix('.md')}/"
    return f"{SITE}/{key[:2]}/{key}/" if key in centre.sections_by_key else f"{SITE}/{key}/"


def page(centre: HelpCentre, entry: Entry, text: Text) -> str:
    source = page_path(centre, entry.key)

    def path_of(key: str) -> str:
        other = centre.by_key[key]
        return page_path(centre, key, "" if other.text(DEFAULT) else ".en")

    dialect = Dialect(
        link=file_links(source, path_of, lambda key: address(centre, key)),
        picture=picture_links(source, "assets/images"),
        file=lambda name: relative(source, f"assets/files/{name}"),
        pictures=pictures_of(text),
    )
    body = write_markdown(text.blocks, Flavour("mkdocs", dialect))
    if entry.position == 0:
        body += '\n--8<-- "contact.md"\n'
    head = {"title": text.title, "tags": list(entry.labels), "description": text.title}
    return front_matter(head) + body


def listed(centre: HelpCentre, section: str) -> list[Entry]:
    """In the nav: what is not a draft and is in the default language."""
    return [e for e in centre.in_section(section) if e.text(DEFAULT) and not e.draft]


def nav(centre: HelpCentre) -> list[str]:
    """Titles in the nav only for every second article; the others have the title of the page."""
    lines = ["nav:"]
    for category in centre.categories:
        lines.append(f"  - {json.dumps(category.title[DEFAULT], ensure_ascii=False)}:")
        for section in centre.sections_of(category.key):
            entries = listed(centre, section.key)
            if not entries:
                continue
            lines.append(f"      - {json.dumps(section.title[DEFAULT], ensure_ascii=False)}:")
            for entry in entries:
                path = page_path(centre, entry.key)
                text = entry.text(DEFAULT)
                title = json.dumps(text.title if text else "", ensure_ascii=False)
                lines.append(
                    " " * 10 + (f"- {title}: {path}" if entry.position % 2 else f"- {path}")
                )
    return lines


def translations(centre: HelpCentre) -> list[str]:
    names = {one.title["ja"]: one.title["en"] for one in centre.groups}
    rows = [
        f"            {json.dumps(ja, ensure_ascii=False)}: {json.dumps(en)}"
        for ja, en in names.items()
    ]
    return ["          nav_translations:", *rows]


def redirect_maps(centre: HelpCentre) -> list[str]:
    return [
        f"        '{path.strip('/')}.md': '{page_path(centre, entry.key)}'"
        for entry in centre.entries
        for path in entry.old_paths
    ]


def config(centre: HelpCentre) -> str:
    drafts = [f"  /{page_path(centre, e.key, '*')}" for e in centre.entries if e.draft]
    lines = [
        "site_name: ヘルプ",
        f"site_url: {SITE}/",
        "theme:",
        "  name: material",
        "  custom_dir: !ENV [THEME_DIR, overrides]",
        "markdown_extensions:",
        "  - admonition",
        "  - attr_list",
        "  - md_in_html",
        "  - pymdownx.details",
        "  - pymdownx.superfences",
        "  - pymdownx.emoji:",
        "      emoji_index: !!python/name:material.extensions.emoji.twemoji",
        "  - pymdownx.snippets:",
        "      base_path: [snippets]",
        "  - pymdownx.tabbed:",
        "      alternate_style: true",
        "plugins:",
        "  - search",
        "  - tags",
        "  - i18n:",
        "      docs_structure: suffix",
        "      languages:",
        "        - locale: ja",
        "          name: 日本語",
        "          default: true",
        "          build: true",
        "        - locale: en",
        "          name: English",
        "          build: true",
        *translations(centre),
        "  - redirects:",
        "      redirect_maps:" if redirect_maps(centre) else "      redirect_maps: {}",
        *redirect_maps(centre),
        *(["draft_docs: |", *drafts] if drafts else []),
        *nav(centre),
    ]
    return "\n".join(lines) + "\n"


def write_export(centre: HelpCentre, folder: Path) -> Path:
    """mkdocs.yml, docs/CATEGORY/SECTION/KEY[.en].md, docs/assets, snippets."""
    put(folder / "mkdocs.yml", config(centre))
    put(folder / "snippets" / "contact.md", SNIPPET + "\n")
    docs = folder / "docs"
    for entry in centre.entries:
        put_media(entry, docs / "assets" / "images", docs / "assets" / "files")
        for text in entry.texts:
            path = page_path(centre, entry.key, suffix_of(text))
            put(docs / path, page(centre, entry, text))
    return folder
