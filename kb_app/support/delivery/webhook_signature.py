"""Webhook signatures, in the scheme of Zendesk.

The signature is base64(HMAC-SHA256(secret, timestamp + body)); the timestamp has a separate header.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

SIGNATURE, TIMESTAMP, EVENT_ID = "X-KB-Signature", "X-KB-Timestamp", "X-KB-Event-Id"
ZENDESK_SIGNATURE, ZENDESK_TIMESTAMP, ZENDESK_ID = (
    "X-Zendesk-Webhook-Signature",
    "X-Zendesk-Webhook-Signature-Timestamp",
    "X-Zendesk-Webhook-Invocation-Id",
)
# Allowed clock difference plus transmission time, in seconds.
TOLERANCE_S = 300


class InvalidSignatureError(Exception):
    """The signature or timestamp is missing, wrong or outside the tolerance."""


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body; ``timestamp`` as in the header."""
    return base64.b64encode(
        hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256).digest()
    ).decode()


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Verify a signature; its timestamp must be within TOLERANCE_S of ``now``.

    Raises InvalidSignatureError.
    """
    known = {name.casefold(): value for name, value in headers.items()}
    given = known.get(SIGNATURE.casefold()) or known.get(ZENDESK_SIGNATURE.casefold()) or ""
    timestamp = known.get(TIMESTAMP.casefold()) or known.get(ZENDESK_TIMESTAMP.casefold()) or ""
    if not given or not timestamp:
        raise InvalidSignatureError(f"The headers {SIGNATURE} and {TIMESTAMP} are missing.")
    if not hmac.compare_digest(given.encode(), sign(secret, timestamp, body).encode()):
        raise InvalidSignatureError("The signature does not match the body. Check the secret.")
    sent = _moment(timestamp)
    if sent is None or abs((now - sent).total_seconds()) > TOLERANCE_S:
        raise InvalidSignatureError(
            "The timestamp is invalid or more than five minutes off. Check the clock."
        )


def _moment(text: str) -> datetime | None:
    """Parse seconds since 1970 or ISO 8601 (Zendesk); None if invalid."""
    try:
        return (
            datetime.fromtimestamp(int(text), UTC)
            if text.isascii() and text.isdigit()
            else datetime.fromisoformat(text).astimezone(UTC)
        )
    except (ValueError, OverflowError, OSError):
        return None
