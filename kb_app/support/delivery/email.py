"""Deliveries by mail: replies to customers, and cases handed to a desk that reads mail."""

from __future__ import annotations

from kb_app.settings import Settings
from kb_app.smtp import Mail, MailError, send
from kb_app.support.delivery.outbox import PermanentDeliveryError, TransientDeliveryError
from kb_app.support.model import Delivery


class MailSink:
    """Mails what a delivery says, to whom it says.

    A delivery tried twice goes out under the same Message-ID: whoever got it twice is shown one.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def deliver(self, delivery: Delivery) -> str:
        """Send it; nothing is called anything by a mail."""
        _send(self._settings, Mail(**delivery.payload))
        return ""


class TicketMailSink:
    """Mails a case to another desk's address; their answer comes back to the help address by its References."""

    def __init__(self, settings: Settings, address: str) -> None:
        self._settings = settings
        self._address = address

    def deliver(self, delivery: Delivery) -> str:
        """Send it; the Message-ID of the first mail names the case at the desk."""
        given = delivery.payload
        thread = given.get("thread", "")
        mail = Mail(
            self._address,
            given["subject"],
            given["text"],
            given["message_id"],
            in_reply_to=thread,
            references=thread,
            reply_to=given.get("reply_to", ""),
        )
        _send(self._settings, mail)
        return mail.message_id


def _send(settings: Settings, mail: Mail) -> None:
    """Raises Refused or TryAgain."""
    try:
        send(settings, mail)
    except MailError as error:
        if error.lasting:
            raise PermanentDeliveryError(str(error)) from error
        raise TransientDeliveryError(str(error), doubtful=error.doubtful) from error
