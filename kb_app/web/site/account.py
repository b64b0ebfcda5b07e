"""Sign-in and sign-out, the first account, password resets by mail, and OpenID Connect."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response as BaseResponse
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, Length

from kb_app.accounts.model import User, password_problem
from kb_app.accounts.store import AccountError
from kb_app.accounts.throttle import Attempt
from kb_app.services.container import Services
from kb_app.smtp import MailError, send_mail
from kb_app.web.core import sign_in_attempts
from kb_app.web.core.auth import begin_session, csrf, end_session
from kb_app.web.core.context import services, site_settings, user_store
from kb_app.web.core.inputs import own_path

blueprint = Blueprint("accounts", __name__, url_prefix="/account")
RESET_S, SETUP_S = 3600, 24 * 3600
# Time to type the code after the password.
SECOND_FACTOR_S = 600


# --- signing in ---


class SignIn(FlaskForm):  # type: ignore[misc]
    """The sign-in form."""

    mail = StringField(validators=[DataRequired(), Length(max=200)])
    password = PasswordField(validators=[DataRequired(), Length(max=500)])


class Code(FlaskForm):  # type: ignore[misc]
    """The form for a code of the authenticator app, or a recovery code."""

    code = StringField(validators=[DataRequired(), Length(max=40)])


class NewPassword(FlaskForm):  # type: ignore[misc]
    """The form for a new password; the mail address is used for the first account only."""

    mail = StringField(validators=[Length(max=200)])
    password = PasswordField(validators=[DataRequired(), Length(max=500)])


class Reset(FlaskForm):  # type: ignore[misc]
    """The form that requests a password reset link."""

    mail = StringField(validators=[DataRequired(), Length(max=200)])


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> str | BaseResponse | tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Sign in by mail address and password; the error does not say which one is wrong."""
    form = SignIn(request.form)
    if request.method != "POST":
        return render_template("site/account/sign_in.html", form=form, wrong=False)
    csrf.protect()
    attempt = sign_in_attempts.attempt_of(form.mail.data or "")
    wait_s = sign_in_attempts.wait_s(attempt)
    if wait_s:
        return _too_soon(form, wait_s)
    account = (
        user_store().check(form.mail.data or "", form.password.data or "")
        if form.validate()
        else None
    )
    if account is None:
        sign_in_attempts.failed(attempt)
        user_store().note((form.mail.data or "")[:200], "sign-in refused")
        return render_template("site/account/sign_in.html", form=form, wrong=True), 401
    if account.second_factor:
        session["first_factor"] = [account.user_id, account.stamp, time.time()]
        return redirect(url_for("accounts.second_factor", next=_next()))
    return _signed_in(account, attempt)


def _too_soon(form: FlaskForm, wait_s: int) -> tuple[str, int, dict[str, str]]:
    page = render_template("site/account/sign_in.html", form=form, wrong=False, wait_s=wait_s)
    return page, 429, {"Retry-After": str(wait_s)}


def _signed_in(account: User, attempt: Attempt) -> BaseResponse:
    """Begin the session, and know this browser next time."""
    begin_session(account)
    services().throttle.succeeded(attempt)
    response = redirect(_next())
    sign_in_attempts.remember_device(response, account)
    return response


@blueprint.route("/second-factor", methods=["GET", "POST"])
def second_factor() -> str | BaseResponse | tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Ask for the code of the authenticator app, after the right password."""
    user_id, stamp, begun = session.get("first_factor") or (0, "", 0.0)
    account = user_store().by_id(user_id) if time.time() - begun < SECOND_FACTOR_S else None
    if account is None or not account.active or account.stamp != stamp:
        return redirect(url_for("accounts.sign_in"))
    form = Code(request.form)
    wrong, wait_s = False, 0
    if request.method == "POST":
        csrf.protect()
        attempt = sign_in_attempts.attempt_of(account.mail)
        wait_s = sign_in_attempts.wait_s(attempt)
        if not wait_s and services().second_factors.check(
            account, form.code.data or "", time.time()
        ):
            return _signed_in(account, attempt)
        if not wait_s:
            sign_in_attempts.failed(attempt)
            user_store().note(account.mail, "second factor refused")
            wrong = True
    page = render_template("site/account/second_factor.html", form=form, wrong=wrong, wait_s=wait_s)
    return page, 429 if wait_s else 401 if wrong else 200


@blueprint.post("/sign-out")
def sign_out() -> BaseResponse:
    """End the session."""
    csrf.protect()
    end_session()
    return redirect(url_for("pages.start"))


@blueprint.route("/first/<token>", methods=["GET", "POST"])
def first(token: str) -> str | BaseResponse | tuple[str, int]:
    """Create the first account, by the one-time link that the first start prints."""
    if not user_store().empty() or not _signed("first", token, SETUP_S):
        abort(404)
    form = NewPassword(request.form)
    wrong = ""
    if request.method == "POST":
        csrf.protect()
        wrong = password_problem(form.password.data or "", form.mail.data or "")
        if not wrong:
            try:
                made = user_store().add(
                    form.mail.data or "",
                    "admin",
                    request.form.get("name", "").strip(),
                    form.password.data or "",
                )
            except AccountError:
                wrong = "mail address"
            else:
                user_store().note(made.mail, "first account made")
                begin_session(made)
                return redirect(url_for("today.today"))
    return (
        render_template("site/account/password.html", form=form, wrong=wrong, ask_mail=True),
        422 if wrong else 200,
    )


@blueprint.route("/reset", methods=["GET", "POST"])
def reset() -> str | BaseResponse:
    """Mail a link to set a new password; the page does not reveal whether the account exists."""
    form = Reset(request.form)
    if request.method == "POST":
        csrf.protect()
        account = user_store().by_mail(form.mail.data or "") if form.validate() else None
        response = make_response(render_template("site/account/reset.html", form=form, sent=True))
        if account and account.active:
            user_store().note(account.mail, "password reset asked for")
            # After the response: its time must not tell whether there is an account.
            response.call_on_close(_reset_mail(account))
        return response
    return render_template("site/account/reset.html", form=form, sent=False)


def _reset_mail(account: User) -> Callable[[], None]:
    """A function that sends the link, made now, while there is a request."""
    token = _serializer("reset", _key()).dumps([account.user_id, account.stamp])
    link = _public(url_for("accounts.new_password", token=token))
    subject = _("Set a new password")
    text = _("Open this link within an hour to set a new password:") + f"\n\n{link}\n"
    settings, logger = site_settings(), current_app.logger

    def send() -> None:
        try:
            send_mail(settings, account.mail, subject, text)
        except MailError as error:
            logger.error("%s", error)

    return send


@blueprint.route("/new-password/<token>", methods=["GET", "POST"])
def new_password(token: str) -> str | BaseResponse | tuple[str, int]:
    """Set a new password by the mailed link; it works once, since the account's stamp changes."""
    account = _from_reset(token)
    if account is None:
        return render_template("site/account/expired.html"), 410
    form = NewPassword(request.form)
    wrong = ""
    if request.method == "POST":
        csrf.protect()
        wrong = password_problem(form.password.data or "", account.mail)
        if not wrong:
            user_store().set_password(account.user_id, form.password.data or "")
            user_store().note(account.mail, "password set")
            flash(_("The new password is set. Please sign in."))
            return redirect(url_for("accounts.sign_in"))
    return (
        render_template("site/account/password.html", form=form, wrong=wrong, ask_mail=False),
        422 if wrong else 200,
    )


# --- OpenID Connect ---


@blueprint.get("/oidc")
def oidc() -> BaseResponse:
    """Redirect to the OpenID Connect provider."""
    if not site_settings().oidc_issuer:
        abort(404)
    from requests import RequestException

    session["next"] = _next()
    try:
        response: BaseResponse = _provider().authorize_redirect(
            _public(url_for("accounts.oidc_back"))
        )
    except RequestException as error:
        current_app.logger.error(
            "OpenID Connect: the provider at KB_OIDC_ISSUER cannot be reached (%s)",
            type(error).__name__,
        )
        abort(503)
    return response


@blueprint.get("/oidc/back")
def oidc_back() -> BaseResponse | tuple[str, int]:
    """Handle the provider's response: sign in the account with that verified mail address."""
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError
    from requests import RequestException

    if not site_settings().oidc_issuer:
        abort(404)
    try:
        info = _provider().authorize_access_token().get("userinfo") or {}
    except (AuthlibBaseError, JoseError, RequestException) as error:
        current_app.logger.warning(
            "OpenID Connect failed (%s): check KB_OIDC_ISSUER, KB_OIDC_CLIENT_ID and "
            "KB_OIDC_CLIENT_SECRET",
            type(error).__name__,
        )
        return render_template("site/account/sign_in.html", form=SignIn(), wrong=True), 401
    account = _account_of(info)
    if account is None or not account.active:
        user_store().note(str(info.get("email", ""))[:200], "sign-in refused (OpenID Connect)")
        return render_template("site/account/sign_in.html", form=SignIn(), wrong=True), 401
    target = session.get("next") or url_for("today.today")
    begin_session(account, by_provider=True)
    return redirect(target)


def _account_of(info: Mapping[str, Any]) -> User | None:
    """The account that the provider's subject is bound to, else that of its verified address.

    An account is bound at its first sign-in; another subject with the same address is refused.
    """
    subject = f"{site_settings().oidc_issuer} {info.get('sub', '')}"
    known = user_store().by_subject(subject)
    # Some providers send the text "true"; "false" is a text too.
    verified = info.get("email_verified")
    if known is not None or not (verified is True or verified == "true"):
        return known
    account = user_store().by_mail(str(info.get("email", "")))
    if account is None or account.oidc_subject:
        return None
    user_store().bind_subject(account.user_id, subject)
    return account


def _provider() -> Any:
    return current_app.extensions["authlib.integrations.flask_client"].create_client("oidc")


# --- helpers ---


def first_link(services: Services) -> str:
    """The path of the one-time link for the first account; "" where an account exists."""
    if not services.users.empty():
        return ""
    token = _serializer("first", services.secret_key).dumps("first")
    return f"{services.settings.path_prefix}/account/first/{token}"


def _next() -> str:
    """The redirect target after sign-in: a path of this site, else the desk."""
    return own_path(request.values.get("next", "")) or url_for("today.today")


def _serializer(purpose: str, key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(key, salt=f"kb-{purpose}")


def _key() -> str:
    return str(current_app.config["SECRET_KEY"])


def _signed(purpose: str, token: str, seconds: int) -> Any:
    try:
        return _serializer(purpose, _key()).loads(token, max_age=seconds)
    except BadSignature:
        return None


def _from_reset(token: str) -> User | None:
    value = _signed("reset", token, RESET_S)
    account = user_store().by_id(value[0]) if isinstance(value, list) and len(value) == 2 else None
    return account if account and account.active and account.stamp == value[1] else None


def _public(path: str) -> str:
    settings = site_settings()
    return settings.address.removesuffix(settings.path_prefix) + path
