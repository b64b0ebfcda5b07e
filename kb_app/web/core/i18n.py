"""Interface languages: set by the URL, stored in a cookie, initially chosen by the browser."""

from __future__ import annotations

from flask import Flask, Response, g, request
from flask_babel import Babel
from werkzeug.wrappers import Response as BaseResponse

from kb_app.settings import INTERFACE_LANGUAGES, Settings
from kb_app.web.core.below import cookie_path

COOKIE = "kb_lang"
_YEAR = 365 * 24 * 3600
NAMES = {
    "ja": "日本語",
    "en": "English",
    "zh": "中文",
    "ko": "한국어",
    "fr": "Français",
    "de": "Deutsch",
    "es": "Español",
    "pt": "Português",
    "it": "Italiano",
    "nl": "Nederlands",
    "th": "ไทย",
    "vi": "Tiếng Việt",
    "id": "Bahasa Indonesia",
    "ru": "Русский",
}


def set_up(app: Flask, settings: Settings) -> None:
    """Set up Flask-Babel with the language of the URL."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    app.config["KB_LANGUAGES"] = settings.languages
    Babel(app, locale_selector=interface_language, default_timezone=settings.timezone)
    app.after_request(_remember)


def interface_language() -> str:
    """The interface language of this page."""
    return str(getattr(g, "ui", None) or preferred_language())


def preferred_language() -> str:
    """The language in the cookie, else the browser's best match, else the site's first."""
    from flask import current_app

    languages: tuple[str, ...] = current_app.config["KB_LANGUAGES"]
    if not request:
        return languages[0]
    stored = request.cookies.get(COOKIE)
    if stored in languages:
        return str(stored)
    return request.accept_languages.best_match(languages, default=languages[0]) or languages[0]


def language_name(lang: str) -> str:
    """The native name of a language."""
    return NAMES.get(lang, lang)


def remember(response: BaseResponse, lang: str) -> None:
    """Store a language in the reader's cookie."""
    response.set_cookie(
        COOKIE,
        lang,
        max_age=_YEAR,
        path=cookie_path(),
        samesite="Lax",
        httponly=True,
        secure=request.is_secure,
    )


def _remember(response: Response) -> Response:
    """Store the language of the page where it differs from the reader's preferred one."""
    chosen = getattr(g, "ui", None)
    if (
        chosen in INTERFACE_LANGUAGES
        and response.status_code == 200
        and chosen != preferred_language()
    ):
        remember(response, chosen)
    return response
