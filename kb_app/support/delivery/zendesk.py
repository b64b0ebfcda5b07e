"""Sends cases to Zendesk as requests: Ticketing API v2 with an API token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kb_app.support.delivery.http import TIMEOUT_S, call
from kb_app.support.delivery.outbox import TransientDeliveryError
from kb_app.support.model import Delivery

SOLVED = frozenset({"solved", "closed"})


class ZendeskSink:
    """Creates a request for a case and a comment for each further message.

    ``external`` returns the Zendesk id of a case.
    """

    def __init__(
        self,
        url: str,
        user: str,
        token: str,
        external: Callable[[str], str],
        timeout: tuple[float, float] = TIMEOUT_S,
    ) -> None:
        self._url, self._auth, self._external, self._timeout = (
            url.rstrip("/"),
            (f"{user}/token", token),
            external,
            timeout,
        )

    def deliver(self, delivery: Delivery) -> str:
        """Send a delivery; returns the Zendesk id.

        A doubtful delivery is sent only if Zendesk does not have it from the earlier attempt.
        """
        if delivery.action == "create":
            return (self._found(delivery) if delivery.doubtful else "") or self._create(delivery)
        number = self._external(delivery.case_id)
        if not (delivery.doubtful and self._has_comment(number, delivery.key)):
            comment = {
                "request": {"comment": {"body": f"{delivery.payload['text']}\n\n({delivery.key})"}}
            }
            self._call("PUT", f"/api/v2/requests/{number}.json", comment, delivery.key)
        return number

    def solved(self, external_id: str) -> bool:
        """Whether the request is solved or closed."""
        return (
            self._call("GET", f"/api/v2/requests/{external_id}.json")["request"].get("status")
            in SOLVED
        )

    def _create(self, delivery: Delivery) -> str:
        given = delivery.payload
        request: dict[str, Any] = {"subject": given["subject"], "comment": {"body": given["text"]}}
        if given.get("mail"):
            request["requester"] = {
                "name": given.get("name") or given["mail"],
                "email": given["mail"],
            }
        answer = self._call("POST", "/api/v2/requests.json", {"request": request}, delivery.key)
        try:
            return str(answer["request"]["id"])
        except (KeyError, TypeError) as error:
            raise TransientDeliveryError("the response has no request id", doubtful=True) from error

    def _found(self, delivery: Delivery) -> str:
        """The id of the request with the case number in its subject; "" if there is none."""
        number = delivery.payload["number"]
        answer = self._call(
            "GET", "/api/v2/search.json", query={"query": f'type:ticket subject:"{number}"'}
        )
        return next(
            (
                str(one["id"])
                for one in answer.get("results", [])
                if f"#{number}" in one.get("subject", "")
            ),
            "",
        )

    def _has_comment(self, external_id: str, key: str) -> bool:
        answer = self._call("GET", f"/api/v2/requests/{external_id}/comments.json")
        return any(f"({key})" in comment.get("body", "") for comment in answer.get("comments", []))

    def _call(
        self, method: str, path: str, given: Any = None, key: str = "", query: Any = None
    ) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return call(
            method,
            self._url + path,
            auth=self._auth,
            headers=headers,
            given=given,
            query=query,
            timeout=self._timeout,
        )
