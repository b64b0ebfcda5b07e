"""Sends cases to Freshdesk as tickets: API v2 with an API key."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from kb_app.support.delivery.http import TIMEOUT_S, call
from kb_app.support.delivery.outbox import TransientDeliveryError
from kb_app.support.model import Delivery

OPEN, RESOLVED, CLOSED = 2, 4, 5
LOW, HIGH = 1, 3
PORTAL = 2


class FreshdeskSink:
    """Creates a ticket for a case and a public note for each further message.

    ``external`` returns the Freshdesk id of a case. Freshdesk has no idempotency keys: before a
    doubtful delivery is sent again, the customer's tickets are searched for the case number.
    """

    def __init__(
        self,
        url: str,
        key: str,
        external: Callable[[str], str],
        timeout: tuple[float, float] = TIMEOUT_S,
    ) -> None:
        self._url, self._auth, self._external, self._timeout = (
            url.rstrip("/"),
            (key, "X"),
            external,
            timeout,
        )

    def deliver(self, delivery: Delivery) -> str:
        """Send a delivery; returns the Freshdesk id."""
        if delivery.action == "create":
            return (self._found(delivery) if delivery.doubtful else "") or self._create(delivery)
        number = self._external(delivery.case_id)
        if not (delivery.doubtful and self._has_note(number, delivery.key)):
            note = {
                "body": _html(f"{delivery.payload['text']}\n\n({delivery.key})"),
                "private": False,
                "incoming": True,
            }
            self._call("POST", f"/api/v2/tickets/{number}/notes", note)
        # A note does not reopen a resolved ticket.
        self._call("PUT", f"/api/v2/tickets/{number}", {"status": OPEN})
        return number

    def solved(self, external_id: str) -> bool:
        """Whether the ticket is resolved or closed."""
        return self._call("GET", f"/api/v2/tickets/{external_id}").get("status") in (
            RESOLVED,
            CLOSED,
        )

    def _create(self, delivery: Delivery) -> str:
        given = delivery.payload
        ticket: dict[str, Any] = {
            "subject": given["subject"],
            "description": _html(given["text"]),
            "status": OPEN,
            "priority": HIGH if given.get("kind") == "complaint" else LOW,
            "source": PORTAL,
            "tags": [f"kb-{given['number']}"],
            **self._requester(given),
        }
        answer = self._call("POST", "/api/v2/tickets", ticket)
        try:
            return str(answer["id"])
        except (KeyError, TypeError) as error:
            raise TransientDeliveryError("the response has no ticket id", doubtful=True) from error

    def _found(self, delivery: Delivery) -> str:
        """The id of the customer's ticket with the case number; "" if there is none."""
        requester = {
            name: value
            for name, value in self._requester(delivery.payload).items()
            if name != "name"
        }
        tickets = self._call(
            "GET",
            "/api/v2/tickets",
            query={**requester, "order_by": "created_at", "order_type": "desc", "per_page": "100"},
        )
        mark = f"#{delivery.payload['number']}"
        return next(
            (str(ticket["id"]) for ticket in tickets or [] if mark in ticket.get("subject", "")), ""
        )

    def _has_note(self, external_id: str, key: str) -> bool:
        notes = self._call("GET", f"/api/v2/tickets/{external_id}/conversations")
        return any(f"({key})" in note.get("body", "") for note in notes or [])

    @staticmethod
    def _requester(given: Any) -> dict[str, str]:
        """The requester; Freshdesk needs a mail address or another unique id."""
        if given.get("mail"):
            return {"email": given["mail"], "name": given.get("name") or given["mail"]}
        return {
            "unique_external_id": f"kb-{given['number']}",
            "name": given.get("name") or given["number"],
        }

    def _call(self, method: str, path: str, given: Any = None, query: Any = None) -> Any:
        return call(
            method,
            self._url + path,
            auth=self._auth,
            given=given,
            query=query,
            timeout=self._timeout,
        )


def _html(text: str) -> str:
    """Plain text as HTML, the format of Freshdesk."""
    return html.escape(text).replace("\n", "<br>")
