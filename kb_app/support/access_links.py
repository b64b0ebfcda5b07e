"""Signed, expiring links, each for one subject and one purpose. Nothing is stored."""

from __future__ import annotations

from itsdangerous import BadData, URLSafeSerializer

from kb_app.durations import DAY


class InvalidLinkError(Exception):
    """The link was not issued by this site, or is for another purpose."""


class ExpiredLinkError(InvalidLinkError):
    """The link was issued by this site and has expired."""


class Links:
    """Creates and verifies links; ``days`` is their period of validity."""

    def __init__(self, secret: str, days: int) -> None:
        self._secret, self._days = secret, days

    def make(self, purpose: str, what: str, now: int) -> str:
        """A signed token for ``what`` (e.g. a case id) and one purpose."""
        token: str = self._signer(purpose).dumps([what, now // 1000])
        return token

    def read(self, purpose: str, token: str, now: int) -> str:
        """The subject of a token. Raises ExpiredLinkError or InvalidLinkError."""
        what, made = self._loaded(purpose, token)
        if now - made * 1000 > self._days * DAY:
            raise ExpiredLinkError("This link has expired.")
        return what

    def read_lasting(self, purpose: str, token: str) -> str:
        """The subject of a token that never expires, such as one that ends mails.

        Raises InvalidLinkError.
        """
        return self._loaded(purpose, token)[0]

    def _loaded(self, purpose: str, token: str) -> tuple[str, int]:
        """The subject of a token and when it was made, in seconds."""
        try:
            what, made = self._signer(purpose).loads(token)
            return str(what), int(made)
        except (BadData, ValueError, TypeError) as error:
            raise InvalidLinkError("This link was not issued by this site.") from error

    def _signer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(self._secret, salt=f"kb {purpose}")
