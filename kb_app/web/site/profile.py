"""One's own account: password, second factor, other sessions."""

from __future__ import annotations

import io

import segno
from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from kb_app.accounts.model import password_problem
from kb_app.accounts.second_factor import (
    matching_step,
    new_secret,
    setup_uri,
    shown_code,
    shown_secret,
)
from kb_app.web.core import sign_in_attempts
from kb_app.web.core.auth import begin_session, must_set_up_second_factor, needs, user
from kb_app.web.core.context import now, services, site_settings, user_store
from kb_app.web.core.i18n import interface_language

blueprint = Blueprint("profile", __name__, url_prefix="/account")
Page = str | BaseResponse | tuple[str, int]


@blueprint.get("/")
@needs("internal")
def profile() -> str:
    """One's own account."""
    return _page("")


@blueprint.post("/password")
@needs("internal")
def change_password() -> Page:
    """Set a new password, with the one before; other sessions end."""
    account, store = user(), user_store()
    before, new = request.form.get("before", "")[:500], request.form.get("password", "")[:500]
    attempt = sign_in_attempts.attempt_of(account.mail)
    if sign_in_attempts.wait_s(attempt):
        return _page("wait"), 429
    if store.check(account.mail, before) is None:
        sign_in_attempts.failed(attempt)
        return _page("before"), 422
    wrong = password_problem(new, account.mail)
    if wrong:
        return _page(wrong), 422
    store.set_password(account.user_id, new)
    store.note(account.mail, "password changed")
    fresh = store.by_id(account.user_id)
    assert fresh is not None  # noqa: S101, it was just changed
    begin_session(fresh)
    flash(_("The new password is set. You are signed out everywhere else."))
    return redirect(url_for("profile.profile"), 303)


@blueprint.post("/sessions")
@needs("internal")
def end_others() -> BaseResponse:
    """End all other sessions."""
    count = user_store().end_sessions(user().user_id, except_key=session.get("key", ""))
    user_store().note(user().mail, "ended other sessions")
    flash(_("Other sessions ended: %(num)d", num=count))
    return redirect(url_for("profile.profile"), 303)


@blueprint.route("/second-factor/set-up", methods=["GET", "POST"])
@needs("internal")
def second_factor() -> Page:
    """Show a secret for an authenticator app, and keep it once a code of it was typed."""
    account, factors = user(), services().second_factors
    if account.second_factor:
        return redirect(url_for("profile.profile"))
    secret = session.get("secret") or new_secret()
    session["secret"] = secret
    wrong = False
    if request.method == "POST":
        if matching_step(secret, request.form.get("code", ""), now().timestamp()) is not None:
            codes = factors.set_up(account.user_id, secret)
            session.pop("secret", None)
            user_store().note(account.mail, "second factor set up")
            return render_template(
                "site/account/recovery_codes.html", codes=[shown_code(code) for code in codes]
            )
        wrong = True
    uri = setup_uri(secret, account.mail, site_settings().name(interface_language()))
    page = render_template(
        "site/account/second_factor_set_up.html",
        picture=_picture(uri),
        uri=uri,
        secret=shown_secret(secret),
        wrong=wrong,
        needed=must_set_up_second_factor(),
    )
    return page, 422 if wrong else 200


@blueprint.post("/second-factor/remove")
@needs("internal")
def remove_second_factor() -> Page:
    """Remove the second factor, with the password."""
    account, store = user(), user_store()
    attempt = sign_in_attempts.attempt_of(account.mail)
    if sign_in_attempts.wait_s(attempt):
        return _page("wait"), 429
    if store.check(account.mail, request.form.get("before", "")[:500]) is None:
        sign_in_attempts.failed(attempt)
        return _page("before"), 422
    services().second_factors.remove(account.user_id)
    store.note(account.mail, "second factor removed")
    flash(_("The second factor is removed."))
    return redirect(url_for("profile.profile"), 303)


def _page(wrong: str) -> str:
    account = user()
    return render_template(
        "site/account/profile.html",
        account=account,
        wrong=wrong,
        codes_left=services().second_factors.left(account.user_id),
    )


def _picture(uri: str) -> Markup:
    """The QR code of an address, as SVG without styles of its own."""
    out = io.BytesIO()
    segno.make(uri, error="m").save(out, kind="svg", scale=5, xmldecl=False, svgns=True, border=3)
    return Markup(out.getvalue().decode())  # noqa: S704, made here of squares
