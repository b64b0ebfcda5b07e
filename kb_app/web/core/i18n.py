"""Languages of the interface: kept in the URL, remembered in a cookie, first chosen from the browser."""

from __future__ import annotations

from flask import Flask, Response, g, request
from flask_babel import Babel
from werkzeug.wrappers import Response as BaseResponse

from kb_app.settings import INTERFACE_LANGUAGES, Settings

COOKIE = "kb_lang"
_YEAR = 365 * 24 * 3600
NAMES = {"ja": "日本語", "en": "English", "zh": "中文", "ko": "한국어", "fr": "Français", "de": "Deutsch", "es": "Español", "pt": "Português",
         "it": "Italiano", "nl": "Nederlands", "th": "ไทย", "vi": "Tiếng Việt", "id": "Bahasa Indonesia", "ru": "Русский"}  # fmt: skip


def set_up(app: Flask, settings: Settings) -> None:
    """Let Flask-Babel speak the language of the URL."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    app.config["KB_LANGUAGES"] = settings.languages
    Babel(app, locale_selector=interface_language, default_timezone=settings.timezone)
    app.after_request(_remember)


def interface_language() -> str:
    """The language this page speaks."""
    return str(getattr(g, "ui", None) or preferred_language())


def preferred_language() -> str:
    """The remembered language, else the browser's best, else the site's first."""
    from flask import current_app

    languages: tuple[str, ...] = current_app.config["KB_LANGUAGES"]
    if not request:
        return languages[0]
    remembered = request.cookies.get(COOKIE)
    if remembered in languages:
        return str(remembered)
    return request.accept_languages.best_match(languages, default=languages[0]) or languages[0]


def language_name(lang: str) -> str:
    """A language's name in itself."""
    return NAMES.get(lang, lang)


def remember(response: BaseResponse, lang: str) -> None:
    """Keep a language as the reader's own."""
    response.set_cookie(
        COOKIE, lang, max_age=_YEAR, samesite="Lax", httponly=True, secure=request.is_secure
    )


def _remember(response: Response) -> Response:
    """Keep the language of the pages somebody reads, where it is not the one they would get anyway."""
    chosen = getattr(g, "ui", None)
    if (
        chosen in INTERFACE_LANGUAGES
        and response.status_code == 200
        and chosen != preferred_language()
    ):
        remember(response, chosen)
    return response
