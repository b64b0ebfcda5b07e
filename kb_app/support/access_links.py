"""Secret links to a case: signed, for one case and one purpose, and valid for a time. Nothing is stored."""

from __future__ import annotations

from itsdangerous import BadData, URLSafeSerializer

from kb_app.durations import DAY


class InvalidLinkError(Exception):
    """The link was not made here, or not for this."""


class ExpiredLinkError(InvalidLinkError):
    """The link was made here, too long ago."""


class Links:
    """Makes and reads links; ``days`` is how long one is valid."""

    def __init__(self, secret: str, days: int) -> None:
        self._secret, self._days = secret, days

    def make(self, purpose: str, what: str, now: int) -> str:
        """A token for one thing and one purpose."""
        token: str = self._signer(purpose).dumps([what, now // 1000])
        return token

    def read(self, purpose: str, token: str, now: int) -> str:
        """What a token names. Raises ExpiredLink or BadLink."""
        try:
            what, made = self._signer(purpose).loads(token)
        except (BadData, ValueError, TypeError) as error:
            raise InvalidLinkError("This link was not made here.") from error
        if now - int(made) * 1000 > self._days * DAY:
            raise ExpiredLinkError("This link has expired.")
        return str(what)

    def _signer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(self._secret, salt=f"kb {purpose}")
