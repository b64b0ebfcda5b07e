"""A folder of saved pages with a site's chrome around each article.

No vendor publishes this shape. Its marks are those of the HTML standard (main, article, nav,
canonical, alternate, meta description, keywords and author) and Open Graph's article times.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import quote

from tests.vendors.addressing import Targets, original_language, pictures_of
from tests.vendors.blocks import Image, Link
from tests.vendors.content import Entry, HelpCentre, Text
from tests.vendors.html_writer import Dialect, write_html

HOST = "https://help.example.jp"
CHROME = "サイト共通の飾り"
"""In the navigation, the header, the sidebar and the footer: never part of an article."""
SHIFT_JIS_EVERY = 9


def file_name(key: str) -> str:
    return f"{key}.html"


def page_path(centre: HelpCentre, key: str, lang: str) -> str:
    lang = original_language(centre, key, lang)
    section = centre.sections_by_key[centre.by_key[key].section]
    return f"{lang}/{section.category}/{section.key}/{file_name(key)}"


UP = "../../../"


def targets(centre: HelpCentre) -> Targets:
    return Targets(
        article=lambda key, lang: page_path(centre, key, lang),
        section=lambda key, lang: f"{lang}/{key[:2]}/{key}/index.html",
        category=lambda key, lang: f"{lang}/{key}/index.html",
        missing=lambda name, lang: f"{lang}/gone/{name}.html",
    )


def dialect(centre: HelpCentre, text: Text) -> Dialect:
    paths = targets(centre)

    def link(one: Link) -> str:
        if one.target.startswith(("#", "http")):
            return one.target
        path = paths.path(one.target, text.lang)
        start = f"{HOST}/" if one.form == "search" else UP
        query = "?source=search" if one.form == "search" else ""
        return start + path + query + (f"#{one.anchor}" if one.anchor else "")

    def picture(image: Image) -> str:
        return UP + quote(f"pictures/{image.name}")

    return Dialect(link, picture, lambda name: UP + quote(f"files/{name}"), pictures_of(text))


def charset(entry: Entry) -> str:
    """Some pages are old: Shift_JIS. The emoji of others cannot be."""
    return "Shift_JIS" if entry.position % SHIFT_JIS_EVERY == 8 else "UTF-8"


def breadcrumbs(centre: HelpCentre, entry: Entry, lang: str) -> str:
    section = centre.sections_by_key[entry.section]
    category = next(one for one in centre.categories if one.key == section.category)
    names = (category.title[lang], section.title[lang])
    links = [f'<li><a href="../index.html">{escape(name)}</a></li>' for name in names]
    return (
        '<nav aria-label="breadcrumb"><ol class="breadcrumbs">'
        f'<li><a href="{UP}index.html">Top</a></li>{"".join(links)}'
        f"<li>{escape(text_title(entry, lang))}</li></ol></nav>"
    )


def text_title(entry: Entry, lang: str) -> str:
    text = entry.text(lang)
    return text.title if text else entry.original.title


def alternates(centre: HelpCentre, entry: Entry) -> str:
    return "\n".join(
        f'<link rel="alternate" hreflang="{text.lang}" '
        f'href="{HOST}/{page_path(centre, entry.key, text.lang)}">'
        for text in entry.texts
    )


def page(centre: HelpCentre, entry: Entry, text: Text) -> str:
    body = write_html(text.blocks, dialect(centre, text))
    tag = "article" if entry.position % 2 else "div"
    keywords = escape(", ".join(entry.labels))
    canonical = f"{HOST}/{page_path(centre, entry.key, text.lang)}"
    return f"""<!DOCTYPE html>
<html lang="{text.lang}">
<head>
<meta charset="{charset(entry)}">
<title>{escape(text.title)} | {CHROME}</title>
<meta name="description" content="{escape(f"{text.title}についての説明")}">
<meta name="keywords" content="{keywords}">
<meta name="author" content="{escape(entry.author)}">
<meta property="article:published_time" content="{entry.created.isoformat()}">
<meta property="article:modified_time" content="{text.updated.isoformat()}">
<link rel="canonical" href="{canonical}">
{alternates(centre, entry)}
<style>body {{ margin: 0 }}</style>
</head>
<body>
<header><a href="{UP}index.html">{CHROME}</a><form role="search"><input name="q"></form></header>
<nav><ul><li><a href="{UP}index.html">{CHROME}</a></li></ul></nav>
<aside class="sidebar"><h2>{CHROME}</h2><ul><li><a href="#">{CHROME}</a></li></ul></aside>
<main>
{breadcrumbs(centre, entry, text.lang)}
<{tag} class="article-body">
<h1>{escape(text.title)}</h1>
{body}
</{tag}>
</main>
<footer><p>© {CHROME}</p><script>console.log("kbNever")</script></footer>
</body>
</html>
"""


def index_page() -> str:
    return f"""<!DOCTYPE html>
<html lang="ja"><head><meta charset="UTF-8"><title>{CHROME}</title></head>
<body><nav><a href="ja/c0/c0s0/a0000.html">{CHROME}</a></nav></body></html>
"""


def write_media(centre: HelpCentre, folder: Path) -> None:
    for entry in centre.entries:
        for kind, media in (("pictures", entry.pictures), ("files", entry.files)):
            for one in media:
                (folder / kind).mkdir(exist_ok=True)
                (folder / kind / one.name).write_bytes(one.bytes)


def write_export(centre: HelpCentre, folder: Path) -> Path:
    """LANG/CATEGORY/SECTION/KEY.html, pictures/ and files/. Drafts were never saved."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(index_page(), encoding="utf-8")
    write_media(centre, folder)
    for entry in centre.entries:
        if entry.draft:
            continue
        for text in entry.texts:
            file = folder / page_path(centre, entry.key, text.lang)
            file.parent.mkdir(parents=True, exist_ok=True)
            encoding = "cp932" if charset(entry) == "Shift_JIS" else "utf-8"
            file.write_bytes(page(centre, entry, text).encode(encoding, "xmlcharrefreplace"))
    return folder
