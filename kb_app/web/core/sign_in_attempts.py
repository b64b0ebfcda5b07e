"""Sign-in attempts of this request: their pauses, and the cookie by which a browser is known."""

from __future__ import annotations

import secrets
import time

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response as BaseResponse

from kb_app.accounts.model import User
from kb_app.accounts.throttle import Attempt
from kb_app.web.core.below import cookie_path
from kb_app.web.core.context import services, user_store
from kb_app.web.core.rate_limits import client_key

DEVICE = "kb_device"
DEVICE_S = 180 * 24 * 3600


def attempt_of(mail: str) -> Attempt:
    """The attempt to sign in that this request makes."""
    return Attempt(mail, client_key(request.remote_addr or ""), _device_of(mail))


def wait_s(attempt: Attempt) -> int:
    """The seconds until the attempt may be made, rounded up; 0 for at once."""
    return -(-services().throttle.wait(attempt, _now()) // 1000)


def failed(attempt: Attempt) -> None:
    """Count a failed attempt."""
    services().throttle.failed(attempt, _now())


def remember_device(response: BaseResponse, account: User) -> None:
    """Let this browser be known at the account's next sign-in."""
    response.set_cookie(
        DEVICE,
        _serializer().dumps([account.user_id, secrets.token_hex(16)]),
        max_age=DEVICE_S,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
        path=cookie_path(),
    )


def _device_of(mail: str) -> str:
    """The name of this browser, if the owner of the account has signed in with it; else ""."""
    try:
        user_id, name = _serializer().loads(request.cookies.get(DEVICE, ""), max_age=DEVICE_S)
    except (BadSignature, ValueError, TypeError):
        return ""
    account = user_store().by_mail(mail)
    return str(name) if account is not None and account.user_id == user_id else ""


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="kb-device")


def _now() -> int:
    return int(time.time() * 1000)
