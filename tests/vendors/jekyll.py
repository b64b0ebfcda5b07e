"""A Jekyll site: a collection, posts, drafts, Liquid, redirect_from, two languages.

Shapes: jekyllrb.com/docs (front matter, posts, drafts, collections, permalinks, Liquid tags
highlight, link and post_url); jekyll-redirect-from (redirect_from); jekyll-seo-tag (author, lang,
last_modified_at); jekyll-polyglot (languages, default_lang; one permalink, a file for each lang).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.vendors.addressing import original_language, pictures_of
from tests.vendors.blocks import Image, Link
from tests.vendors.content import Entry, HelpCentre, Text
from tests.vendors.files import front_matter, put, put_media
from tests.vendors.html_writer import Dialect
from tests.vendors.markdown_writer import Flavour, write_markdown

SITE = "https://help.example.jp"
POST_EVERY = 4
CONFIG = f"""title: ヘルプ
url: {SITE}
baseurl: ""
languages: ["ja", "en"]
default_lang: ja
exclude_from_localization: ["assets"]
permalink: /posts/:title/
collections:
  docs:
    output: true
    permalink: /docs/:path/
plugins:
  - jekyll-redirect-from
  - jekyll-seo-tag
  - jekyll-polyglot
defaults:
  - scope: {{path: "", type: docs}}
    values: {{layout: doc}}
"""


def is_post(entry: Entry) -> bool:
    return entry.position % POST_EVERY == 3 and not entry.draft


def post_name(entry: Entry, lang: str) -> str:
    return f"{entry.created:%Y-%m-%d}-{entry.key}-{lang}"


def page_path(entry: Entry, lang: str) -> str:
    """Drafts have no date in their names."""
    if entry.draft:
        return f"_drafts/{entry.key}-{lang}.md"
    if is_post(entry):
        return f"_posts/{post_name(entry, lang)}.md"
    return f"_docs/{lang}/{entry.key}.md"


def permalink(entry: Entry) -> str:
    return f"/posts/{entry.key}/" if is_post(entry) or entry.draft else f"/docs/{entry.key}/"


def link_to(centre: HelpCentre, lang: str) -> Callable[[Link], str]:
    """By Liquid tags, by ``site.url``, by address."""

    def write(link: Link) -> str:
        if link.target.startswith(("#", "http")):
            return link.target
        kind, _, key = link.target.partition(":")
        if kind != "article":
            return f"{{{{ site.url }}}}/{kind}/{key}/"
        entry = centre.by_key[key]
        anchor = f"#{link.anchor}" if link.anchor else ""
        if link.form == "search":
            return f"{SITE}{permalink(entry)}?source=search"
        if link.form == "relative" or entry.draft:
            return f"{{{{ site.baseurl }}}}{permalink(entry)}{anchor}"
        held = original_language(centre, key, lang)
        if is_post(entry):
            return f"{{% post_url {post_name(entry, held)} %}}{anchor}"
        return f"{{% link {page_path(entry, held)} %}}{anchor}"

    return write


def picture_link(image: Image) -> str:
    name = image.name.replace(" ", "%20")
    if image.form == "relative":
        return f"/assets/images/{name}"
    if image.form == "width":
        return f"{{{{ '/assets/images/{name}' | relative_url }}}}"
    return f"{{{{ site.url }}}}/assets/images/{name}"


def head(centre: HelpCentre, entry: Entry, text: Text) -> dict[str, Any]:
    section = centre.sections_by_key[entry.section]
    category = next(one for one in centre.categories if one.key == section.category)
    return {
        "title": text.title,
        "lang": text.lang,
        "permalink": permalink(entry),
        "date": f"{entry.created:%Y-%m-%d %H:%M:%S +0000}",
        "last_modified_at": f"{text.updated:%Y-%m-%d %H:%M:%S +0000}",
        "author": entry.author,
        "categories": [category.title[text.lang], section.title[text.lang]],
        "tags": list(entry.labels),
        "redirect_from": list(entry.old_paths),
    }


def page(centre: HelpCentre, entry: Entry, text: Text) -> str:
    dialect = Dialect(
        link=link_to(centre, text.lang),
        picture=picture_link,
        file=lambda name: "{{ site.url }}/assets/files/" + name.replace(" ", "%20"),
        pictures=pictures_of(text),
    )
    body = write_markdown(text.blocks, Flavour("jekyll", dialect))
    return front_matter(head(centre, entry, text)) + body


def write_export(centre: HelpCentre, folder: Path) -> Path:
    """_config.yml, _docs/LANG/KEY.md, _posts/DATE-KEY-LANG.md, _drafts/KEY-LANG.md, assets/."""
    put(folder / "_config.yml", CONFIG)
    put(folder / "_layouts" / "doc.html", "<html><body>{{ content }}</body></html>\n")
    put(folder / "README.md", "このサイトの説明です。記事ではありません。\n")
    for entry in centre.entries:
        put_media(entry, folder / "assets" / "images", folder / "assets" / "files")
        for text in entry.texts:
            put(folder / page_path(entry, text.lang), page(centre, entry, text))
    return folder
