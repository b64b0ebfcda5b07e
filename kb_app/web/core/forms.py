"""What forms of visitors bring: texts, the id that makes sending twice the same as once, and files."""

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
from kb_app.web.core.tracking import UUID, moment

PermanentDeliveryError = list[tuple[str, str]]
"""(name, why) of files that were not taken"""


def takes_files(blueprint: Blueprint) -> None:
    """Let a blueprint's forms bring files, as many and as large as the support file says; more is refused by a page of its own."""
    blueprint.before_request(_allow)
    blueprint.register_error_handler(RequestEntityTooLarge, _too_large)


def given_text(name: str) -> str:
    """A text of the form, its lines ended alike, without space around it."""
    return request.form.get(name, "").replace("\r\n", "\n").strip()


def given_form_id() -> str:
    """The form's id, another one where it is none of ours."""
    given = request.form.get("form_id", "")
    return given if UUID.match(given) else str(uuid.uuid4())


def once_of(form_id: str, text: str) -> str:
    """What tells the same words of a form from other ones."""
    return f"{form_id}:{uuid.uuid5(uuid.NAMESPACE_OID, text)}"


def waiting_files(form_id: str) -> list[Attachment]:
    """The files that a form has brought so far; none while the database is gone, since the form is shown all the same."""
    try:
        return support_service().cases.attachments(form_id=form_id)
    except SQLAlchemyError:
        return []


def keep_files(form_id: str) -> dict[str, PermanentDeliveryError]:
    """Store the files that came with a form; {"files": what was refused}, {} where nothing was."""
    refused: PermanentDeliveryError = []
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
    support.cases.add_attachment(support.uploads.keep(stream, name, form_id, most, moment()))


def _allow() -> None:
    support = support_service().config
    request.max_content_length = (support.most_files * support.most_megabytes + 1) * MEGABYTE


def _too_large(_error: Exception) -> tuple[str, int]:
    """Files that are too large all in all: nothing was read of them."""
    return render_template("layout/too_large.html", limits=support_service().config), 413
