"""Accounts, API tokens and the audit log in the database."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
import uuid
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kb_app.accounts.model import SCOPES, Token, User
from kb_app.db import schema
from kb_app.durations import MINUTE
from kb_app.settings import ROLES

_MAIL = re.compile(r"^[^@\s<>\"]+@[^@\s<>\"]+\Z")
_HASHER = PasswordHasher()
TOKEN_ID_CHARS = 12
# Verified for an unknown address, so that timing does not reveal which accounts exist.
_UNKNOWN_USER_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$"
    + "c29tZXNhbHRzb21lc2FsdA$"
    + "W1IcR1N0Yy1SrOQ3pZK8MZ6V7b2oJm2rjU5m5l0Xq2s"
)


class AccountError(ValueError):
    """Invalid data for an account or token; the message says why."""


class UserStore:
    """Reads and writes accounts, API tokens and the audit log. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- accounts --------------------------------------------------------------------

    def add(self, mail: str, role: str, name: str = "", password: str = "") -> User:
        """Add an account.

        Without a password the user signs in with OpenID Connect or after a password reset. Raises
        AccountError for an invalid address, an unknown role or an existing account.
        """
        if not _MAIL.match(mail) or len(mail) > 200:
            raise AccountError(f"{mail!r} is no mail address. Write it as name@example.com.")
        if role not in ROLES:
            raise AccountError(f"{role!r} is no role. Use one of: {', '.join(ROLES)}.")
        row = {
            "mail": mail.casefold(),
            "name": name[:200],
            "role": role,
            "password_hash": _HASHER.hash(password) if password else "",
            "stamp": str(uuid.uuid4()),
            "active": True,
            "created_at": _now(),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(schema.users).values(**row))
        except IntegrityError as error:
            raise AccountError(
                f"{mail} already has an account. Use another address or change that account."
            ) from error
        user = self.by_mail(mail)
        assert user is not None  # noqa: S101, the row was just stored
        return user

    def check(self, mail: str, password: str) -> User | None:
        """The active user with this address and password, or None.

        Takes the same time for an unknown address as for a wrong password.
        """
        with self._engine.connect() as connection:
            row = (
                connection.execute(
                    select(schema.users).where(schema.users.c.mail == mail.strip().casefold())
                )
                .mappings()
                .first()
            )
        try:
            _HASHER.verify(
                row["password_hash"] if row and row["password_hash"] else _UNKNOWN_USER_HASH,
                password,
            )
        except (Argon2Error, InvalidHashError):
            return None
        if row is None or not row["active"] or not row["password_hash"]:
            return None
        if _HASHER.check_needs_rehash(row["password_hash"]):
            self._update(row["user_id"], password_hash=_HASHER.hash(password))
        return _user(row)

    def set_password(self, user_id: int, password: str) -> None:
        """Set a new password and end all sessions of the user."""
        self._update(user_id, password_hash=_HASHER.hash(password), stamp=str(uuid.uuid4()))
        self.end_sessions(user_id)

    def bind_subject(self, user_id: int, subject: str) -> None:
        """Keep the subject by which the OpenID Connect provider knows a user."""
        self._update(user_id, oidc_subject=subject[:255])

    def by_subject(self, subject: str) -> User | None:
        """The user whom the OpenID Connect provider knows by this subject, or None."""
        users = schema.users
        with self._engine.connect() as connection:
            query = select(users).where(users.c.oidc_subject == subject[:255])
            row = connection.execute(query).mappings().first() if subject else None
        return _user(row) if row else None

    def change(self, user_id: int, role: str | None = None, active: bool | None = None) -> None:
        """Change the role or the active flag of an account and end its sessions.

        Raises AccountError for an unknown role.
        """
        if role is not None and role not in ROLES:
            raise AccountError(f"{role!r} is no role. Use one of: {', '.join(ROLES)}.")
        values: dict[str, Any] = {"stamp": str(uuid.uuid4())}
        values |= {"role": role} if role is not None else {}
        values |= {"active": active} if active is not None else {}
        self._update(user_id, **values)
        self.end_sessions(user_id)

    def rename(self, user_id: int, name: str) -> None:
        """Set the name that customers see below answers, at most 200 characters."""
        self._update(user_id, name=name[:200])

    def by_id(self, user_id: int) -> User | None:
        """The user with this id, or None."""
        with self._engine.connect() as connection:
            row = (
                connection.execute(select(schema.users).where(schema.users.c.user_id == user_id))
                .mappings()
                .first()
            )
        return _user(row) if row else None

    def by_mail(self, mail: str) -> User | None:
        """The user with this mail address (case-insensitive), or None."""
        with self._engine.connect() as connection:
            row = (
                connection.execute(
                    select(schema.users).where(schema.users.c.mail == mail.strip().casefold())
                )
                .mappings()
                .first()
            )
        return _user(row) if row else None

    # --- sessions --------------------------------------------------------------------

    def begin_session(self, user_id: int, oldest: int) -> str:
        """Begin a session and return its key; sessions begun before ``oldest`` (ms) are removed."""
        key, table = secrets.token_urlsafe(32), schema.sessions
        row = {"session_hash": _hash(key), "user_id": user_id, "created_at": _now()}
        with self._engine.begin() as connection:
            connection.execute(delete(table).where(table.c.created_at < oldest))
            connection.execute(insert(table).values(**row))
        return key

    def by_session(self, key: str, oldest: int) -> User | None:
        """The active user of a session that was begun after ``oldest`` (ms), or None."""
        table, users = schema.sessions, schema.users
        here = (table.c.session_hash == _hash(key)) & (table.c.created_at >= oldest)
        query = select(users).join(table, table.c.user_id == users.c.user_id).where(here)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        return _user(row) if row and row["active"] else None

    def end_session(self, key: str) -> None:
        """End one session."""
        table = schema.sessions
        with self._engine.begin() as connection:
            connection.execute(delete(table).where(table.c.session_hash == _hash(key)))

    def end_sessions(self, user_id: int, except_key: str = "") -> int:
        """End all sessions of a user but one; returns how many."""
        table = schema.sessions
        theirs = (table.c.user_id == user_id) & (table.c.session_hash != _hash(except_key))
        with self._engine.begin() as connection:
            return connection.execute(delete(table).where(theirs)).rowcount

    def all(self) -> list[User]:
        """All users, sorted by mail address."""
        with self._engine.connect() as connection:
            return [
                _user(row)
                for row in connection.execute(
                    select(schema.users).order_by(schema.users.c.mail)
                ).mappings()
            ]

    def empty(self) -> bool:
        """Whether there are no accounts yet."""
        with self._engine.connect() as connection:
            return not connection.execute(
                select(func.count()).select_from(schema.users)
            ).scalar_one()

    def _update(self, user_id: int, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                update(schema.users).where(schema.users.c.user_id == user_id).values(**values)
            )

    # --- tokens ----------------------------------------------------------------------

    def add_token(
        self, name: str, scopes: tuple[str, ...], user_id: int, days: int | None = None
    ) -> str:
        """Create an API token; returns it in plain text, since only its hash is stored.

        ``days`` is the lifetime; None means unlimited. Raises AccountError for an unknown scope or
        without scopes.
        """
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            raise AccountError(
                f"A token needs one or more known scopes. Scopes are {', '.join(SCOPES)}."
            )
        token = f"kb_{secrets.token_urlsafe(32)}"
        expires = _now() + days * 86_400_000 if days else None
        with self._engine.begin() as connection:
            connection.execute(
                insert(schema.api_tokens).values(
                    token_hash=_hash(token),
                    name=name[:100],
                    scopes=",".join(scopes),
                    user_id=user_id,
                    created_at=_now(),
                    expires_at=expires,
                )
            )
        return token

    def by_token(self, token: str, scope: str) -> User | None:
        """The active user of a token, or None if it is unknown, expired or lacks the scope."""
        table = schema.api_tokens
        with self._engine.connect() as connection:
            row = (
                connection.execute(select(table).where(table.c.token_hash == _hash(token)))
                .mappings()
                .first()
            )
        if (
            row is None
            or scope not in row["scopes"].split(",")
            or (row["expires_at"] and row["expires_at"] < _now())
        ):
            return None
        user = self.by_id(row["user_id"])
        if user is None or not user.active:
            return None
        if _now() - (row["used_at"] or 0) > MINUTE:
            self._used(row["token_hash"])
        return user

    def tokens(self) -> list[Token]:
        """All tokens, newest first."""
        table, users = schema.api_tokens, schema.users
        query = (
            select(table, users.c.mail)
            .join(users, users.c.user_id == table.c.user_id, isouter=True)
            .order_by(table.c.created_at.desc())
        )
        with self._engine.connect() as connection:
            return [_token(row) for row in connection.execute(query).mappings()]

    def revoke_token(self, token_id: str) -> Token | None:
        """Remove a token by its id; returns it, or None if there is none."""
        table = schema.api_tokens
        known = next((token for token in self.tokens() if token.token_id == token_id), None)
        if known is not None:
            with self._engine.begin() as connection:
                here = func.substr(table.c.token_hash, 1, TOKEN_ID_CHARS) == token_id
                connection.execute(delete(table).where(here))
        return known

    def _used(self, token_hash: str) -> None:
        table = schema.api_tokens
        with self._engine.begin() as connection:
            here = table.c.token_hash == token_hash
            connection.execute(update(table).where(here).values(used_at=_now()))

    # --- audit log ----------------------------------------------------------------

    def note(self, who: str, did: str, to_what: str = "") -> None:
        """Add an entry to the audit log: the user, the action and its object."""
        with self._engine.begin() as connection:
            connection.execute(
                insert(schema.audit).values(
                    at=_now(), who=who[:200], did=did[:64], to_what=to_what[:2000]
                )
            )

    def notes(self, limit: int = 200) -> list[dict[str, Any]]:
        """The newest entries of the audit log, newest first."""
        with self._engine.connect() as connection:
            return [
                dict(row)
                for row in connection.execute(
                    select(schema.audit).order_by(schema.audit.c.audit_id.desc()).limit(limit)
                ).mappings()
            ]


def _user(row: Any) -> User:
    return User(
        row["user_id"],
        row["mail"],
        row["name"],
        row["role"],
        row["stamp"],
        row["active"],
        second_factor=bool(row["totp_secret"]),
        oidc_subject=row["oidc_subject"],
    )


def _token(row: Any) -> Token:
    return Token(
        row["token_hash"][:TOKEN_ID_CHARS],
        row["name"],
        tuple(row["scopes"].split(",")),
        row["mail"] or "",
        row["created_at"],
        row["expires_at"],
        row["used_at"],
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "ignore")).hexdigest()


def _now() -> int:
    return int(time.time() * 1000)
