"""Deliveries by mail: to customers, and to ticket systems that accept cases by mail."""

from __future__ import annotations

from kb_app.settings import Settings
from kb_app.smtp import Mail, MailError, send
from kb_app.support.delivery.outbox import PermanentDeliveryError, TransientDeliveryError
from kb_app.support.model import Delivery


class MailSink:
    """Sends the mail in the payload of a delivery.

    Every attempt has the same Message-ID, so mail programs can hide duplicates.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def deliver(self, delivery: Delivery) -> str:
        """Send the mail; returns "", as there is no external id."""
        _send(self._settings, Mail(**delivery.payload))
        return ""


class TicketMailSink:
    """Mails a case to a ticket system.

    Replies come to the help address and are assigned to the case by their References header.
    """

    def __init__(self, settings: Settings, address: str) -> None:
        self._settings = settings
        self._address = address

    def deliver(self, delivery: Delivery) -> str:
        """Send the mail; returns its Message-ID as the external id of the case."""
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
    """Send a mail. Raises PermanentDeliveryError or TransientDeliveryError."""
    try:
        send(settings, mail)
    except MailError as error:
        if error.lasting:
            raise PermanentDeliveryError(str(error)) from error
        raise TransientDeliveryError(str(error), doubtful=error.doubtful) from error
