"""Template filters and globals: links, dates, highlighted text, article HTML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, request, url_for
from flask_babel import format_date
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup, escape

from indexer.model import ArticleSummary, SectionInfo
from kb_app.localized import localized
from kb_app.settings import Settings
from kb_app.version import VERSION
from kb_app.web.core import context, i18n
from kb_app.web.core.below import this_address
from kb_app.web.core.visitor import consent_open

# Only these URL arguments are carried into links: url_for treats some others specially.
_KEPT = ("q", "section", "type", "tag", "lang", "page")


def set_up(app: Flask, settings: Settings) -> None:
    """Register the filters, globals and context of templates."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        marked=marked,
        day=day,
        language_name=i18n.language_name,
        localized=localized,
    )
    app.jinja_env.globals.update(
        article_url=article_url,
        type_name=type_name,
        section_title=section_title,
        section_description=section_description,
        switch_url=switch_url,
        public_url=public_url,
    )
    app.context_processor(
        lambda: {
            "settings": settings,
            "version": VERSION,
            "ui": i18n.interface_language(),
            "site_name": settings.name(i18n.interface_language()),
            "other_languages": [
                lang for lang in settings.languages if lang != i18n.interface_language()
            ],
            "writer": writer_present(settings),
            "consent_open": consent_open,
        }
    )


def marked(text: str, spans: Sequence[tuple[int, int]]) -> Markup:
    """Highlight spans of a text with <mark>, HTML-escaped; line breaks become a gap."""
    return _in_marks(text, spans).replace(
        "\n", Markup(' <span class="gap" aria-hidden="true">·</span> ')
    )


def _in_marks(text: str, spans: Sequence[tuple[int, int]]) -> Markup:
    pieces: list[Markup] = []
    at = 0
    for start, end in spans:
        pieces += [
            escape(text[at:start]),
            Markup("<mark>") + escape(text[start:end]) + Markup("</mark>"),
        ]
        at = end
    return Markup("").join([*pieces, escape(text[at:])])


def day(value: date | None) -> str:
    """A date in the reader's language, without time zone conversion; "" for None."""
    return format_date(value, "long") if value else ""


def article_url(card: ArticleSummary, ui: str | None = None, anchor: str = "") -> str:
    """The URL path of an article's page, in ``ui``, else in the interface language."""
    return _article_path(
        request.script_root if request else "", ui or i18n.interface_language(), card.slug, anchor
    )


@lru_cache(maxsize=16_384)
def _article_path(_below: str, ui: str, slug: str, anchor: str) -> str:
    """The URL path, cached by ``_below``, the path prefix of the site, among others."""
    return url_for("pages.article", ui=ui, slug=slug, _anchor=anchor or None)


def section_title(key: str, sections: dict[str, SectionInfo], lang: str | None = None) -> str:
    """A section's title in the reader's language, else in another language, else its key."""
    return (
        localized(sections[key].title, lang or i18n.interface_language())
        if key in sections and sections[key].title
        else key.replace("-", " ").capitalize()
    )


def section_description(key: str, sections: dict[str, SectionInfo], lang: str | None = None) -> str:
    """A section's description in the reader's language; "" where it has none."""
    spoken = lang or i18n.interface_language()
    return localized(sections[key].description, spoken) if key in sections else ""


def type_name(kind: str) -> str:
    """The name of an article type in the reader's language."""
    names = {
        "faq": _("Question"),
        "guide": _("Guide"),
        "paper": _("Paper"),
        "case": _("Case"),
        "notice": _("Notice"),
    }
    return names.get(kind, kind)


def switch_url(lang: str) -> str:
    """The URL of this page in another interface language."""
    if request.url_rule is None or "ui" not in (request.view_args or {}):
        return url_for("pages.speak", ui=lang, to=this_address())
    arguments = (
        {name: value for name, value in request.args.items() if name in _KEPT}
        if request.endpoint == "pages.search"
        else {}
    )
    return url_for(
        request.endpoint or "pages.home",
        **(arguments | dict(request.view_args or {}) | {"ui": lang}),
    )


def public_url(path: str) -> str:
    """The public URL of a path from ``url_for``; only the path where KB_BASE_URL is not set.

    It is never made from the request: anybody can write another host into it.
    """
    settings = context.site_settings()
    return settings.base_url.removesuffix(settings.path_prefix) + path


def absolute_url(path: str) -> str:
    """The whole address of a path from ``url_for``, for formats that need one."""
    parts = urlsplit(context.site_settings().address)
    return f"{parts.scheme}://{parts.netloc}{path}"


def writer_present(settings: Settings) -> bool:
    """Whether a writer reads this page: signed in, or on this machine where that is enough.

    "On this machine" needs a local peer address and Host header, and no sign of a proxy. A proxy
    may leave none, so it is not the default, and never holds for a site with a public address.
    """
    if settings.writer_panel == "off" or not request:
        return False
    if current_user.is_authenticated and current_user.may("write"):
        return True
    if settings.writer_panel != "local" or settings.base_url:
        return False
    forwarded = any(
        name in request.headers
        for name in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "Via")
    )
    host = request.host.rsplit(":", 1)[0].strip("[]")
    return (
        not forwarded
        and request.remote_addr in ("127.0.0.1", "::1")
        and host in ("127.0.0.1", "localhost", "::1")
    )
