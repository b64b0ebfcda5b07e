"""Flask's ways to write JSON and to sign cookies, without doing anew at each request what is always the same."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
from flask import Flask
from flask.json.provider import DefaultJSONProvider
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

# Keys in order and times as Flask writes them.
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME


def set_up(app: Flask) -> None:
    """Use both."""
    app.json = QuickJson(app)
    app.session_interface = OneSigner()


class QuickJson(DefaultJSONProvider):
    """Answers by orjson, in a tenth of the time; what that cannot write is written as Flask does."""

    ensure_ascii = False

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """The object as JSON with sorted keys; to anybody's special wishes as Flask does."""
        if kwargs.keys() <= {"separators"}:
            with suppress(orjson.JSONEncodeError):
                return orjson.dumps(obj, default=self.default, option=_OPTIONS).decode()
        return super().dumps(obj, **kwargs)


class OneSigner(SecureCookieSessionInterface):
    """Sessions in signed cookies; the signer is made once for a key instead of twice a request."""

    def __init__(self) -> None:
        self._made: tuple[Any, URLSafeTimedSerializer | None] = (None, None)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """The signer of the application's key."""
        key = (app.secret_key, tuple(app.config.get("SECRET_KEY_FALLBACKS") or ()))
        if self._made[0] != key:
            self._made = key, super().get_signing_serializer(app)
        return self._made[1]
