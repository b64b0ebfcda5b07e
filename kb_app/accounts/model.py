"""User accounts, roles and permissions. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from zxcvbn import zxcvbn

# Roles that have each right.
RIGHTS: dict[str, frozenset[str]] = {
    "internal": frozenset({"agent", "writer", "lead", "admin", "ombudsman"}),
    "drafts": frozenset({"writer", "lead", "admin"}),
    "reports": frozenset({"writer", "lead", "admin"}),
    "rows": frozenset({"lead", "admin"}),
    "triage": frozenset({"writer", "lead", "admin"}),
    "write": frozenset({"writer", "lead", "admin"}),
    "cases": frozenset({"agent", "lead", "admin", "ombudsman"}),
    "ombudsman": frozenset({"ombudsman"}),
    "outbox": frozenset({"lead", "admin"}),
    "notices": frozenset({"lead", "admin"}),
    "export": frozenset({"lead", "admin"}),
    "users": frozenset({"admin"}),
    "audit": frozenset({"admin"}),
    "persons": frozenset({"admin"}),
}
SCOPES = ("search", "events", "cases", "reports")
SHORTEST_PASSWORD = 10
LOWEST_SCORE = 2
# Characters of a password that are judged: the time grows with their square.
JUDGED = 64


@dataclass(frozen=True)
class User:
    """An account. A new ``stamp``, set with the password, ends links to reset it."""

    user_id: int
    mail: str
    name: str
    role: str
    stamp: str
    active: bool = True
    second_factor: bool = False
    oidc_subject: str = ""

    def may(self, right: str) -> bool:
        """Whether the account is active and its role has this right of RIGHTS."""
        return self.active and self.role in RIGHTS[right]

    @property
    def shown(self) -> str:
        """Display name: the name, or the mail address without a name."""
        return self.name or self.mail

    @property
    def audiences(self) -> frozenset[str]:
        """The audiences whose articles the user may read."""
        audiences = {"public"}
        audiences |= {"internal"} if self.may("internal") else set()
        return frozenset(audiences | ({"draft"} if self.may("drafts") else set()))

    # The interface of Flask-Login.
    is_authenticated = True
    is_anonymous = False

    @property
    def is_active(self) -> bool:
        """Whether the account may sign in."""
        return self.active

    def get_id(self) -> str:
        """The user's id; whose session it is stands in the database, by the session's key."""
        return str(self.user_id)


@dataclass(frozen=True)
class Token:
    """An API token; its secret is not kept. Times are in ms, None for never."""

    token_id: str
    name: str
    scopes: tuple[str, ...]
    mail: str
    created_at: int
    expires_at: int | None
    used_at: int | None


def password_problem(password: str, mail: str) -> str:
    """Why a password is rejected: "short", "mail" (contains the address), "known", or "".

    "known" are the passwords of leaked lists, and what follows them or a keyboard's rows: fewer
    than a million guesses (zxcvbn's score 0 or 1; Wheeler, USENIX Security 2016).
    """
    name = mail.split("@", maxsplit=1)[0].casefold()
    if len(password) < SHORTEST_PASSWORD:
        return "short"
    if len(name) > 3 and name in password.casefold():
        return "mail"
    return "known" if zxcvbn(password[:JUDGED], [name])["score"] < LOWEST_SCORE else ""
