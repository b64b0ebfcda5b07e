"""Accounts of the desk's users, and the audit log."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from kb_app.accounts.store import AccountError
from kb_app.settings import ROLES
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import user_store
from kb_app.web.core.inputs import MOST_ID, whole_number

blueprint = Blueprint("users", __name__, url_prefix="/desk")


@blueprint.route("/users", methods=["GET", "POST"])
@needs("users")
def users() -> str | BaseResponse:
    """List, add and change accounts."""
    if request.method == "POST":
        try:
            _change_user()
        except AccountError as error:
            flash(str(error))
        return redirect(url_for("users.users"), 303)
    return render_template("desk/users.html", users=user_store().all(), roles=ROLES, me=user())


def _change_user() -> None:
    store, me = user_store(), user()
    number = request.form.get("user_id", "")
    if not number:
        added = store.add(
            request.form.get("mail", "").strip(),
            request.form.get("role", ""),
            request.form.get("name", "").strip(),
        )
        store.note(me.mail, "added account", f"{added.mail} as {added.role}")
        return
    user_id = whole_number(number, 1, MOST_ID)
    account = store.by_id(user_id) if user_id else None
    if account is None:
        raise AccountError(_("There is no such account."))
    if account.user_id == me.user_id:
        raise AccountError(_("You cannot change your own account here."))
    role, active = (
        request.form.get("role") or None,
        {"on": True, "off": False}.get(request.form.get("active", "")),
    )
    store.change(account.user_id, role, active)
    if active is None:
        store.rename(account.user_id, request.form.get("name", "").strip())
    switched = "" if active is None else "on" if active else "off"
    store.note(me.mail, "changed account", f"{account.mail}: {role or ''} {switched}".strip())


@blueprint.route("/tokens", methods=["GET", "POST"])
@needs("users")
def tokens() -> str | BaseResponse:
    """List the API tokens, and revoke one."""
    if request.method == "POST":
        revoked = user_store().revoke_token(request.form.get("token_id", ""))
        if revoked:
            user_store().note(user().mail, "revoked token", f"{revoked.name} of {revoked.mail}")
            flash(_("Revoked: %(name)s", name=revoked.name))
        return redirect(url_for("users.tokens"), 303)
    return render_template("desk/tokens.html", tokens=user_store().tokens())


@blueprint.get("/audit")
@needs("audit")
def audit() -> str:
    """Show the audit log."""
    return render_template("desk/audit.html", notes=user_store().notes())
