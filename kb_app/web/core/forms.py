"""Helpers for visitors' forms: texts, the form id for idempotent submission, and uploads."""

from __future__ import annotations

import uuid
from typing import BinaryIO, cast

from flask import Blueprint, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from kb_app.support.attachments import MEGABYTE, UploadRejectedError
from kb_app.support.model import Attachment
from kb_app.web.core.context import support_service
from kb_app.web.core.tracking import UUID, now_ms

RejectedFiles = list[tuple[str, str]]
"""(name, reason) of each rejected file"""


def takes_files(blueprint: Blueprint) -> None:
    """Accept uploads in a blueprint's forms, within the limits of the support file.

    A request above the limits gets a 413 page.
    """
    blueprint.before_request(_allow)
    blueprint.register_error_handler(RequestEntityTooLarge, _too_large)


def given_text(name: str) -> str:
    """A text field of the form, stripped, with line breaks normalised to LF."""
    return request.form.get(name, "").replace("\r\n", "\n").strip()


def given_fields() -> dict[str, str]:
    """The values of the fields of support.yml in the form, by name."""
    return {
        field.name: request.form.get(f"field-{field.name}", "")
        for field in support_service().config.fields
    }


def given_form_id() -> str:
    """The form id; a new one where it is not a UUID."""
    given = request.form.get("form_id", "")
    return given if UUID.match(given) else str(uuid.uuid4())


def once_of(form_id: str, text: str) -> str:
    """An idempotency key for a text of a form."""
    return f"{form_id}:{uuid.uuid5(uuid.NAMESPACE_OID, text)}"


def waiting_files(form_id: str) -> list[Attachment]:
    """The files uploaded with a form so far; none on a database error: the form still renders."""
    try:
        return support_service().cases.attachments(form_id=form_id)
    except SQLAlchemyError:
        return []


def keep_files(form_id: str) -> dict[str, RejectedFiles]:
    """Store the uploads of a form; {"files": rejected ones}, {} where none was rejected."""
    refused: RejectedFiles = []
    count = len(waiting_files(form_id))
    for file in request.files.getlist("files"):
        if not file.filename:
            continue
        try:
            _keep(file, form_id, count)
            count += 1
        except UploadRejectedError as error:
            refused.append((error.name, error.why))
    return {"files": refused} if refused else {}


def _keep(file: FileStorage, form_id: str, count: int) -> None:
    support, limits = support_service(), support_service().config
    name = file.filename or ""
    if count >= limits.most_files:
        raise UploadRejectedError(name[:100], "many")
    stream, most = cast(BinaryIO, file.stream), limits.most_megabytes * MEGABYTE
    kept = support.uploads.keep(stream, name, form_id, most, now_ms())
    # A form that is sent again, because its answer was lost, brings its files again.
    if any(support.uploads.same(kept, before) for before in waiting_files(form_id)):
        support.uploads.forget(kept)
    else:
        support.cases.add_attachment(kept)


def _allow() -> None:
    support = support_service().config
    request.max_content_length = (support.most_files * support.most_megabytes + 1) * MEGABYTE


def _too_large(_error: Exception) -> tuple[str, int]:
    """Answer a request above the size limit; its body is not read."""
    return render_template("layout/too_large.html", limits=support_service().config), 413
