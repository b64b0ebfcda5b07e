"""Deliveries by mail: replies to customers, and cases handed to a desk that reads mail."""

from __future__ import annotations

from kb_app.handoff.model import Delivery
from kb_app.handoff.outbox import Refused, TryAgain
from kb_app.mailing import Mail, MailError, send
from kb_app.settings import Settings


class MailSink:
    """Mails what a delivery says, to whom it says.

    A delivery tried twice goes out under the same Message-ID: whoever got it twice is shown one.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def deliver(self, delivery: Delivery) -> str:
        """Send it; the Message-ID."""
        mail = Mail(**delivery.payload)
        try:
            send(self._settings, mail)
        except MailError as error:
            if error.lasting:
                raise Refused(str(error)) from error
            raise TryAgain(str(error), doubtful=error.doubtful) from error
        return mail.message_id


class DeskMailSink:
    """Mails a case to another desk's address; their answer comes back to the help address by its References."""

    def __init__(self, settings: Settings, address: str) -> None:
        self._settings = settings
        self._address = address

    def deliver(self, delivery: Delivery) -> str:
        """Send it; the Message-ID of the first mail names the case at the desk."""
        given = delivery.payload
        mail = Mail(
            to=self._address, subject=given["subject"], body=given["text"], message_id=given["message_id"], in_reply_to=given.get("thread", ""),
            references=given.get("thread", ""), reply_to=given.get("reply_to", ""), automatic="auto-generated",
        )  # fmt: skip
        try:
            send(self._settings, mail)
        except MailError as error:
            if error.lasting:
                raise Refused(str(error)) from error
            raise TryAgain(str(error), doubtful=error.doubtful) from error
        return str(given["message_id"]) if delivery.action == "create" else ""
