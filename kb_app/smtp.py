"""Sends plain-text mail through the SMTP server of the settings."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.utils import formataddr, formatdate, make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

from kb_app.settings import Settings

TIMEOUT_S = 20


class MailError(Exception):
    """A mail was not sent; the message gives the reason and the setting to check.

    ``lasting`` is True if a retry will not help, ``doubtful`` if the server may have accepted it.
    """

    def __init__(self, message: str, lasting: bool = False, doubtful: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting
        self.doubtful = doubtful


@dataclass(frozen=True)
class Mail:
    """A plain-text mail.

    ``language`` is the one in which the sender is named, the site's first by default.
    ``automatic`` is the Auto-Submitted header (RFC 3834), so that machines do not reply; "" for
    mails that a person wrote. ``unsubscribe`` is the address that ends such mails (RFC 8058).
    """

    to: str
    subject: str
    body: str
    message_id: str = ""
    in_reply_to: str = ""
    references: str = ""
    reply_to: str = ""
    automatic: str = "auto-generated"
    to_name: str = ""
    language: str = ""
    unsubscribe: str = ""


def can_mail(settings: Settings) -> bool:
    """Whether an SMTP server and a sender are set."""
    return bool(settings.smtp_url and (settings.mail_from or settings.contact_mail))


def new_message_id(settings: Settings) -> str:
    """A new Message-ID in the sender's domain."""
    sender = settings.mail_from or settings.contact_mail or "kb@localhost"
    return make_msgid(domain=sender.rpartition("@")[2].strip("<> ") or "localhost")


def send_mail(settings: Settings, to: str, subject: str, body: str) -> None:
    """Send one automatic mail; raises MailError."""
    send(settings, Mail(to, subject, body))


def send(settings: Settings, mail: Mail) -> None:
    """Send one mail; raises MailError."""
    if not can_mail(settings):
        raise MailError("The mail was not sent: set KB_SMTP_URL and KB_MAIL_FROM.")
    try:
        message = _message(settings, mail)
    except (UnicodeError, ValueError, AttributeError, IndexError) as error:
        raise MailError(
            f"A mail cannot be addressed to this recipient ({type(error).__name__}).", lasting=True
        ) from error
    accepted = False
    try:
        with _connected(settings) as server:
            server.send_message(message)
            accepted = True
    except (OSError, smtplib.SMTPException) as error:
        # An error after acceptance, at QUIT, does not matter: the mail is on its way.
        if not accepted:
            raise _meaning(error) from error


def check_mail_server(settings: Settings) -> None:
    """Connect and sign in, without a mail; raises MailError."""
    try:
        with _connected(settings) as server:
            server.noop()
    except (OSError, smtplib.SMTPException) as error:
        raise _meaning(error) from error


def _meaning(error: Exception) -> MailError:
    """Convert an error into a MailError that says whether a retry helps."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return MailError(
            f"The mail server rejected the address ({', '.join(map(str, codes))}).",
            lasting=all(code >= 500 for code in codes),
        )
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return MailError(
            "The mail server refused the user name or password: check KB_SMTP_URL.",
            lasting=error.smtp_code >= 500,
        )
    if isinstance(error, smtplib.SMTPServerDisconnected | TimeoutError):
        return MailError(
            f"A mail was not sent ({type(error).__name__}): check KB_SMTP_URL.", doubtful=True
        )
    if isinstance(error, smtplib.SMTPResponseException):
        return MailError(
            f"The mail server answered {error.smtp_code}: check KB_SMTP_URL.",
            lasting=error.smtp_code >= 550,
        )
    return MailError(f"A mail was not sent ({type(error).__name__}): check KB_SMTP_URL.")


def _message(settings: Settings, mail: Mail) -> EmailMessage:
    """Build the message; line breaks in names and subjects are removed from its headers."""
    # The RFC limit: shorter lines would fold long Message-IDs into encoded words.
    message = EmailMessage(policy=policy.SMTP.clone(max_line_length=998))
    name, address = parseaddr(settings.mail_from or settings.contact_mail)
    language = mail.language or settings.languages[0]
    message["From"] = formataddr((name or settings.name(language), address))
    message["To"] = (
        formataddr((_one_line(mail.to_name), _one_line(mail.to)))
        if mail.to_name
        else _one_line(mail.to)
    )
    message["Subject"] = _one_line(mail.subject)
    message["Date"], message["Message-ID"] = (
        formatdate(),
        mail.message_id or new_message_id(settings),
    )
    for name, value in (
        ("In-Reply-To", mail.in_reply_to),
        ("References", mail.references),
        ("Reply-To", mail.reply_to),
    ):
        if value:
            message[name] = _one_line(value)
    if mail.unsubscribe:
        message["List-Unsubscribe"] = f"<{_one_line(mail.unsubscribe)}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if mail.automatic:
        message["Auto-Submitted"] = mail.automatic
    message.set_content(mail.body)
    return message


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:900]


def _connected(settings: Settings) -> smtplib.SMTP:
    parts = urlsplit(settings.smtp_url)
    secure = parts.scheme == "smtps"
    host, port = parts.hostname or "localhost", parts.port or (465 if secure else 25)
    context = ssl.create_default_context()
    server = (
        smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
        if secure
        else smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    )
    try:
        server.ehlo()
        if not secure and server.has_extn("starttls"):
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except BaseException:
        server.close()
        raise
    return server
