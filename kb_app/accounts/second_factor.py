"""A second factor: codes of an authenticator app (TOTP, RFC 6238) and recovery codes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata

import pyotp
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, Engine, delete, insert, select, update

from kb_app.accounts.model import User
from kb_app.db import schema

STEP_S = 30
# Codes of the step before and after are taken too: clocks differ.
TOLERANCE = 1
RECOVERY_CODES = 10
# No letters and digits that look alike.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def new_secret() -> str:
    """A secret to show to the user once, in base 32."""
    return pyotp.random_base32()


def setup_uri(secret: str, mail: str, site: str) -> str:
    """The address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=mail, issuer_name=site)


def matching_step(secret: str, code: str, now: float) -> int | None:
    """The time step whose code this is, within TOLERANCE; None for a wrong code."""
    # A Japanese keyboard types full-width digits.
    plain = unicodedata.normalize("NFKC", "".join(code.split())).encode()
    current = int(now) // STEP_S
    for step in range(current - TOLERANCE, current + TOLERANCE + 1):
        if hmac.compare_digest(pyotp.TOTP(secret).at(step * STEP_S).encode(), plain):
            return step
    return None


class SecondFactors:
    """Reads and writes secrets and recovery codes. Secrets are encrypted with the site's key."""

    def __init__(self, engine: Engine, site_key: str) -> None:
        self._engine = engine
        digest = hashlib.sha256(b"second factor\x00" + site_key.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(digest))

    def set_up(self, user_id: int, secret: str) -> list[str]:
        """Keep a secret; returns new recovery codes, which are shown once."""
        codes = [_new_code() for _ in range(RECOVERY_CODES)]
        encrypted = self._fernet.encrypt(secret.encode()).decode()
        table = schema.recovery_codes
        with self._engine.begin() as connection:
            self._update(connection, user_id, totp_secret=encrypted, totp_step=0)
            connection.execute(delete(table).where(table.c.user_id == user_id))
            rows = [{"code_hash": _hash(user_id, code), "user_id": user_id} for code in codes]
            connection.execute(insert(table), rows)
        return codes

    def remove(self, user_id: int) -> None:
        """Remove the secret and the recovery codes."""
        table = schema.recovery_codes
        with self._engine.begin() as connection:
            self._update(connection, user_id, totp_secret="", totp_step=0)
            connection.execute(delete(table).where(table.c.user_id == user_id))

    def left(self, user_id: int) -> int:
        """The number of recovery codes that are left."""
        table = schema.recovery_codes
        with self._engine.connect() as connection:
            query = select(table.c.code_hash).where(table.c.user_id == user_id)
            return len(connection.execute(query).all())

    def check(self, user: User, code: str, now: float) -> bool:
        """Whether a code of the app or a recovery code is right; each works once."""
        return self._use_code(user.user_id, code, now) or self._use_recovery(user.user_id, code)

    def _use_code(self, user_id: int, code: str, now: float) -> bool:
        table = schema.users
        with self._engine.begin() as connection:
            row = connection.execute(
                select(table.c.totp_secret, table.c.totp_step).where(table.c.user_id == user_id)
            ).first()
            if row is None or not row.totp_secret:
                return False
            try:
                secret = self._fernet.decrypt(row.totp_secret.encode()).decode()
            except InvalidToken:  # the site's key was replaced: recovery codes still work
                return False
            step = matching_step(secret, code, now)
            if step is None:
                return False
            # In one statement: of two requests with the same code only one may pass.
            unused = (table.c.user_id == user_id) & (table.c.totp_step < step)
            used = update(table).where(unused).values(totp_step=step)
            return bool(connection.execute(used).rowcount)

    def _use_recovery(self, user_id: int, code: str) -> bool:
        folded = unicodedata.normalize("NFKC", code).lower()
        plain = "".join(char for char in folded if char.isalnum())
        table = schema.recovery_codes
        with self._engine.begin() as connection:
            used = delete(table).where(table.c.code_hash == _hash(user_id, plain))
            return bool(connection.execute(used).rowcount)

    @staticmethod
    def _update(connection: Connection, user_id: int, **values: object) -> None:
        table = schema.users
        connection.execute(update(table).where(table.c.user_id == user_id).values(**values))


def shown_code(code: str) -> str:
    """A recovery code as it is easy to read: two groups."""
    return f"{code[:5]}-{code[5:]}"


def shown_secret(secret: str) -> str:
    """A secret as it is easy to type: groups of four."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def _new_code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))


def _hash(user_id: int, code: str) -> str:
    return hashlib.sha256(f"{user_id}\x00{code}".encode("utf-8", "ignore")).hexdigest()
