"""Sends plain-text mail by the server that the settings name."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from kb_app.settings import Settings

TIMEOUT_S = 20


class MailError(Exception):
    """A mail was not sent; the message says why and which setting to look at."""


def send_mail(settings: Settings, to: str, subject: str, body: str) -> None:
    """Send one mail; raises MailError."""
    sender = settings.mail_from or settings.contact_mail
    if not settings.smtp_url or not sender:
        raise MailError("A mail was not sent: set KB_SMTP_URL and KB_MAIL_FROM.")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, " ".join(subject.split())
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    parts = urlsplit(settings.smtp_url)
    secure = parts.scheme == "smtps"
    host, port = parts.hostname or "localhost", parts.port or (465 if secure else 25)
    try:
        context = ssl.create_default_context()
        server = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context) if secure else smtplib.SMTP(host, port, timeout=TIMEOUT_S)
        with server:
            server.ehlo()
            if not secure and server.has_extn("starttls"):
                server.starttls(context=context)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise MailError(f"A mail was not sent ({type(error).__name__}): look at KB_SMTP_URL.") from error
