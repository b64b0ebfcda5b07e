"""Roles, and what each may do. Pure."""

from __future__ import annotations

from dataclasses import dataclass

ROLES = ("agent", "writer", "lead", "admin")
# What may be done, by role; a role not named in a line may not.
RIGHTS: dict[str, frozenset[str]] = {
    "internal": frozenset({"agent", "writer", "lead", "admin"}),
    "drafts": frozenset({"writer", "lead", "admin"}),
    "reports": frozenset({"writer", "lead", "admin"}),
    "rows": frozenset({"lead", "admin"}),
    "triage": frozenset({"writer", "lead", "admin"}),
    "write": frozenset({"writer", "lead", "admin"}),
    "cases": frozenset({"agent", "lead", "admin"}),
    "outbox": frozenset({"lead", "admin"}),
    "notices": frozenset({"lead", "admin"}),
    "export": frozenset({"lead", "admin"}),
    "users": frozenset({"admin"}),
    "audit": frozenset({"admin"}),
}
SCOPES = ("search", "events", "reports")
SHORTEST_PASSWORD = 10


@dataclass(frozen=True)
class User:
    """Somebody who may sign in. ``stamp`` changes with the password: sessions of before then end."""

    user_id: int
    mail: str
    name: str
    role: str
    stamp: str
    active: bool = True

    def may(self, right: str) -> bool:
        """Whether the role has a right of RIGHTS."""
        return self.active and self.role in RIGHTS[right]

    @property
    def shown(self) -> str:
        """The name, else the mail address."""
        return self.name or self.mail

    @property
    def audiences(self) -> frozenset[str]:
        """Whose articles they may see."""
        found = {"public"}
        found |= {"internal"} if self.may("internal") else set()
        return frozenset(found | ({"draft"} if self.may("drafts") else set()))

    # What Flask-Login asks.
    is_authenticated = True
    is_anonymous = False

    @property
    def is_active(self) -> bool:
        """Whether the account is in use."""
        return self.active

    def get_id(self) -> str:
        """What the session keeps."""
        return f"{self.user_id}:{self.stamp}"


def password_problem(password: str, mail: str) -> str:
    """Why a password is not taken: "short", "mail", or ""."""
    if len(password) < SHORTEST_PASSWORD:
        return "short"
    return (
        "mail"
        if mail
        and mail.split("@", maxsplit=1)[0].casefold() in password.casefold()
        and len(mail.split("@", maxsplit=1)[0]) > 3
        else ""
    )
