"""Authentication and authorisation: sessions, API tokens and rights."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar, cast

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from flask_login import AnonymousUserMixin, LoginManager, current_user, login_user, logout_user
from flask_wtf.csrf import CSRFProtect

from kb_app.accounts.model import User
from kb_app.settings import Settings
from kb_app.web.core.below import this_address
from kb_app.web.core.context import site_settings, user_store

csrf = CSRFProtect()


F = TypeVar("F", bound=Callable[..., Any])


class Anonymous(AnonymousUserMixin):  # type: ignore[misc]
    """An anonymous visitor."""

    audiences = frozenset({"public"})

    def may(self, right: str) -> bool:
        """Return False: an anonymous visitor has no rights."""
        return False


def set_up(app: Flask, settings: Settings) -> None:
    """Set up sessions with a maximum age, CSRF tokens, and OpenID Connect where it is set."""
    app.config.update(
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.session_hours),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_NAME="kb_session",
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
        REMEMBER_COOKIE_DURATION=timedelta(0),
    )
    csrf.init_app(app)
    manager = LoginManager(app)
    manager.anonymous_user = Anonymous
    manager.session_protection = None
    manager.user_loader(_load)
    manager.request_loader(_by_token)
    app.context_processor(lambda: {"oidc": bool(settings.oidc_issuer)})
    if settings.oidc_issuer:
        from authlib.integrations.flask_client import OAuth

        OAuth(app).register(
            "oidc",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            server_metadata_url=(
                f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration"
            ),
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
        )


def user() -> User:
    """The signed-in user, or an ``Anonymous`` for an anonymous visitor."""
    return cast(User, current_user)


def needs(right: str) -> Callable[[F], F]:
    """Restrict a view to users with a right.

    Anonymous visitors are redirected to the sign-in page, other users get a 403. Requests that
    change something must carry a CSRF token.
    """

    def decorate(view: F) -> F:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not user().is_authenticated:
                return redirect(
                    url_for("accounts.sign_in", next=this_address())
                    if request.method == "GET"
                    else url_for("accounts.sign_in")
                )
            if not user().may(right):
                abort(403)
            if must_set_up_second_factor() and not request.path.startswith("/account"):
                return redirect(url_for("profile.second_factor"))
            if request.method not in ("GET", "HEAD"):
                csrf.protect()
            return view(*args, **kwargs)

        guarded.right = right  # type: ignore[attr-defined]
        return cast(F, guarded)

    return decorate


def must_set_up_second_factor() -> bool:
    """Whether this user's role needs a second factor that the account does not have yet."""
    needed = site_settings().second_factor
    return user().role in needed and not user().second_factor and not session.get("oidc")


def begin_session(account: User, by_provider: bool = False) -> None:
    """Sign an account in, in a session of its own that the server can end."""
    session.clear()
    session.permanent = True
    session["key"] = user_store().begin_session(account.user_id, _oldest_session())
    if by_provider:
        session["oidc"] = True
    login_user(account)
    user_store().note(account.mail, "signed in")


def end_session() -> None:
    """End the session of this browser, here and on the server."""
    if user().is_authenticated:
        user_store().note(user().mail, "signed out")
    if session.get("key"):
        user_store().end_session(session["key"])
    logout_user()
    session.clear()


def _oldest_session() -> int:
    """The time before which sessions have ended, even if they are in use."""
    return int((time.time() - site_settings().session_hours * 3600) * 1000)


def _load(user_id: str) -> User | None:
    """The user of this browser's session, if the server still knows it."""
    if _bearer():
        return None  # the token counts, not who is signed in
    known = user_store().by_session(session.get("key", ""), _oldest_session())
    return known if known and known.get_id() == user_id else None


def _by_token(_request: object) -> User | None:
    """The user of an API token; tokens are only valid for API paths."""
    token = _bearer()
    if not token:
        return None
    view = current_app.view_functions.get(request.endpoint or "")
    scope = getattr(view, "scope", "")
    g.token = True
    return user_store().by_token(token, scope) if scope else None


def _bearer() -> str:
    """The token of a request to the API; "" without one."""
    header = request.headers.get("Authorization", "")
    if not request.path.startswith(("/api/", "/mcp")) or not header.startswith("Bearer "):
        return ""
    return header.removeprefix("Bearer ").strip()
