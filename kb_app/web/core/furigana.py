"""Furigana in the HTML of an article, for readers who ask for it."""

from __future__ import annotations

import html

from flask import Response, request
from markupsafe import Markup

from indexer.reading.html_tags import rewrite_text
from kb_app.durations import DAY
from search.analysis.furigana import furigana

COOKIE, ON, OFF = "kb_furigana", "on", "off"
KEPT_S = 365 * DAY // 1000
# Code is to be typed as it stands, and what has a reading needs none.
_BUT_IN = frozenset(("code", "pre", "kbd", "samp", "ruby", "svg", "title"))


def wants_furigana() -> bool:
    """Whether the reader asks for furigana, now or before."""
    return request.args.get("furigana", request.cookies.get(COOKIE, OFF)) == ON


def remember_furigana(response: Response) -> Response:
    """Keep what the address asks for, for the articles that follow."""
    response.vary.add("Cookie")
    asked = request.args.get("furigana")
    if asked == ON:
        secure = request.is_secure
        response.set_cookie(
            COOKIE, ON, max_age=KEPT_S, httponly=True, samesite="Lax", secure=secure
        )
    elif asked == OFF:
        response.delete_cookie(COOKIE)
    return response


def with_furigana(markup: str) -> Markup:
    """Sanitised HTML with the readings of its kanji, as ruby."""
    return Markup(rewrite_text(markup, _in_ruby, _BUT_IN))


def _in_ruby(escaped: str) -> str:
    return "".join(
        f"<ruby>{html.escape(part)}<rp>(</rp><rt>{html.escape(reading)}</rt><rp>)</rp></ruby>"
        if reading
        else html.escape(part, quote=False)
        for part, reading in furigana(html.unescape(escaped))
    )
