"""Security headers, the path prefix, and trust in reverse proxies."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, request, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix

from kb_app.settings import Settings
from kb_app.web.core.below import cookie_path

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "media-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class PathPrefix:
    """WSGI middleware that serves the application below a path prefix.

    It works whether or not the proxy in front strips the prefix.
    """

    def __init__(self, app: WSGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Move the prefix from PATH_INFO to SCRIPT_NAME."""
        path = environ.get("PATH_INFO", "")
        if path == self._prefix or path.startswith(self._prefix + "/"):
            environ["PATH_INFO"] = path[len(self._prefix) :] or "/"
        environ["SCRIPT_NAME"] = self._prefix
        return self._app(environ, start_response)


def set_up(app: Flask, settings: Settings) -> None:
    """Add the headers and the middleware."""
    names = _own_names(settings)
    app.before_request(lambda: _check_host(names, any_address=not settings.base_url))
    policy = content_policy(settings.embed_hosts)
    app.after_request(lambda response: _headers(response, policy))
    app.session_interface = SiteSessions()
    if settings.path_prefix:
        app.wsgi_app = PathPrefix(app.wsgi_app, settings.path_prefix)  # type: ignore[method-assign]
    if settings.proxies:
        count = settings.proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count
        )


def content_policy(hosts: Sequence[str]) -> str:
    """The Content-Security-Policy; images, media and frames of these hosts too."""
    if not hosts:
        return CONTENT_POLICY
    allowed = " ".join(f"https://{host}" for host in hosts)
    policy = CONTENT_POLICY
    for kind in ("img-src", "media-src"):
        policy = policy.replace(f"{kind} 'self'", f"{kind} 'self' {allowed}")
    return f"{policy}; frame-src {allowed}"


class SiteSessions(SecureCookieSessionInterface):
    """Session cookies that browsers send back over HTTPS only, where the request came by it."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether this request came by HTTPS."""
        return request.is_secure

    def get_cookie_name(self, app: Flask) -> str:
        """A name that browsers accept only from this host by HTTPS, where that is so."""
        name = super().get_cookie_name(app)
        if not request.is_secure:
            return name
        # __Host- is for cookies of a whole host.
        return f"__Secure-{name}" if request.script_root else f"__Host-{name}"

    def get_cookie_path(self, app: Flask) -> str:
        """Below the site's path prefix alone: other sites of the host have their own."""
        return cookie_path()


def _own_names(settings: Settings) -> frozenset[str]:
    """The host names under which this site may be asked for."""
    public = urlsplit(settings.base_url).hostname
    here = {public} if public else {socket.gethostname(), socket.getfqdn()}
    return frozenset({name.lower() for name in here} | {"localhost", "127.0.0.1", "::1"})


def _check_host(names: frozenset[str], any_address: bool) -> None:
    """Refuse a request for another host: caches and links must not take up its name."""
    try:
        host = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        host = ""
    if host not in names and not (any_address and _is_address(host)):
        raise SecurityError("This site has another address: KB_BASE_URL says which.")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _headers(response: Response, policy: str) -> Response:
    headers = response.headers
    if request.endpoint != "static" and (session.get("_user_id") or g.get("token")):
        # What a signed-in person sees is for nobody else, and no cache may keep it.
        headers["Cache-Control"] = "no-store"
    if response.status_code >= 400 and request.method not in ("GET", "HEAD"):
        # What was refused need not be received to its end.
        headers["Connection"] = "close"
    headers.setdefault("Content-Security-Policy", policy)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
