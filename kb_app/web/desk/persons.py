"""What is kept about one person, and single cases: export and erasure on request."""

from __future__ import annotations

import tempfile

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from kb_app.support.model import MAIL
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import services, user_store

blueprint = Blueprint("persons", __name__, url_prefix="/desk")


@blueprint.route("/persons", methods=["GET", "POST"])
@needs("persons")
def persons() -> str | BaseResponse:
    """Show what is kept about an address; export it, or erase it after a second question."""
    mail = request.values.get("mail", "").strip()
    personal, wrong = services().personal_data, ""
    do = request.form.get("do", "")
    if mail and not MAIL.match(mail):
        wrong = _("This is no mail address. Example: name@example.com")
    elif mail and do == "export":
        return _export(mail)
    elif mail and do == "erase" and request.form.get("sure") != "yes":
        wrong = _("Please confirm that it cannot be undone.")
    elif mail and do == "erase":
        removed = sum(personal.erase(mail).values())
        user_store().note(user().mail, "erased a person's data")
        flash(_("Removed. Entries: %(num)d", num=removed))
        return redirect(url_for("persons.persons"), 303)
    known = personal.person(mail) if mail and not wrong else None
    return render_template(
        "desk/persons.html",
        mail=mail,
        wrong=wrong,
        known=known,
        counts=personal.count(mail) if known else {},
    )


@blueprint.post("/cases/<number>/erase")
@needs("persons")
def erase_case(number: str) -> BaseResponse:
    """Remove one case for good, where the box beside the button is ticked."""
    if request.form.get("sure") != "yes":
        flash(_("Please confirm that it cannot be undone."))
        return redirect(url_for("inbox.case", number=number), 303)
    if services().personal_data.erase_case(number):
        user_store().note(user().mail, "erased a case", number)
        flash(_("The case %(number)s is removed.", number=number))
    return redirect(url_for("inbox.cases"), 303)


def _export(mail: str) -> BaseResponse:
    # A file, since attachments may be large; it has no name and ends with the response.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    services().personal_data.export(mail, file)
    file.seek(0)
    user_store().note(user().mail, "exported a person's data")
    return send_file(file, "application/zip", as_attachment=True, download_name="person.zip")
