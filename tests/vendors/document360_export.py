"""The ZIP file of Document360's "Export project".

docs.document360.com publishes that there is one, in JSON, Markdown or HTML, not its layout. The
layout is that of two real exports: twardoch/d361 (tests/fixtures/vexy-lines-archive, Markdown, and
tests/data/v1_categories_articles.json) and the JSON one that a public converter of a company's docs
reads (scripts/convert_doc360.py: Code, Title, Slug, Content, SeoTitle, Description; Media/Images).
Authors, dates, tags, drafts and votes are not in it. Several languages in Markdown are unknown, so
that form has the original only.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Literal

from tests.vendors.addressing import uuid
from tests.vendors.content import Category, Entry, HelpCentre, Section, Text
from tests.vendors.document360 import MARKDOWN, WYSIWYG, Project
from tests.vendors.files import put
from tests.vendors.html_writer import write_html
from tests.vendors.markdown_writer import Flavour, write_markdown

HOST = "https://help.document360.example"
Form = Literal["json", "markdown"]


def article_name(project: Project, entry: Entry, form: Form) -> str:
    name = project.slug(entry, entry.original.lang)
    return f"{name}.{'json' if form == 'json' else 'md'}"


def markdown(project: Project, entry: Entry, text: Text) -> str:
    slug = project.slug(entry, text.lang)
    head = [
        "## Metadata_Start ",
        f"## code: {text.lang}",
        f"## title: {text.title} ",
        f"## slug: {slug} ",
        f"## seoTitle: {text.title} ",
        "## description:  ",
        "## contentType: Markdown ",
        "## Metadata_End",
        "",
        "",
    ]
    flavour = Flavour("document360", project.dialect(text))
    return "\n".join(head) + write_markdown(text.blocks, flavour)


def variants(project: Project, entry: Entry) -> str:
    rows = [
        {
            "Code": text.lang,
            "Title": text.title,
            "Slug": project.slug(entry, text.lang),
            "Content": write_html(text.blocks, project.dialect(text)),
            "ContentType": WYSIWYG,
            "SeoTitle": text.title,
            "Description": None,
        }
        for text in entry.texts
    ]
    return json.dumps(rows, ensure_ascii=False)


def category(project: Project, group: Category | Section, form: Form) -> dict[str, Any]:
    centre = project.centre
    section = isinstance(group, Section)
    entries = centre.in_section(group.key) if section else []
    below: list[Section] = [] if section else centre.sections_of(group.key)
    return {
        "SubCategories": [category(project, one, form) for one in below],
        "Articles": [
            {
                "Id": uuid("article", entry.key),
                "Path": article_name(project, entry, form),
                "Order": entry.position,
            }
            for entry in entries
        ],
        "Id": uuid("category", group.key),
        "Path": None,
        "Order": centre.groups.index(group),
        "CategoryType": 0,
        "Icon": None,
        "Title": group.title["ja"],
        "Languages": [
            {
                "Code": lang,
                "Title": group.title[lang],
                "Slug": group.key,
                "ContentType": MARKDOWN,
                "SeoTitle": None,
                "Description": None,
            }
            for lang in centre.languages
        ],
    }


def write_export(
    centre: HelpCentre, folder: Path, form: Form = "json", *, zipped: bool = False
) -> Path:
    """v1/articles, v1/v1_categories_articles.json, Media/Images; or the ZIP of them."""
    project = Project(centre, HOST)
    for entry in centre.entries:
        name = article_name(project, entry, form)
        if form == "json":
            put(folder / "v1" / "articles" / name, variants(project, entry))
        else:
            put(folder / "v1" / "articles" / name, markdown(project, entry, entry.original))
        for one in entry.media:
            file = folder / "Media" / "Images" / one.name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(one.bytes)
    index = {
        "Slug": "v1",
        "Workspace": "v1",
        "ResourcePath": HOST + project.media_path("").rstrip("/"),
        "Languages": list(centre.languages) if form == "json" else ["ja"],
        "Categories": [category(project, one, form) for one in centre.categories],
    }
    put(folder / "v1" / "v1_categories_articles.json", json.dumps(index, ensure_ascii=False))
    if not zipped:
        return folder
    return Path(shutil.make_archive(str(folder), "zip", folder))
