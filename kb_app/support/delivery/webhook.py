"""Sends cases to any ticket system that accepts signed webhooks."""

from __future__ import annotations

import json
import time

from kb_app.support.delivery.http import TIMEOUT_S, call
from kb_app.support.delivery.outbox import PermanentDeliveryError
from kb_app.support.delivery.webhook_signature import EVENT_ID, SIGNATURE, TIMESTAMP, sign
from kb_app.support.model import Delivery


class WebhookSink:
    """POSTs the case as JSON; all attempts have the same event id, so receivers can deduplicate."""

    def __init__(self, url: str, secret: str, timeout: tuple[float, float] = TIMEOUT_S) -> None:
        self._url, self._secret, self._timeout = url, secret, timeout

    def deliver(self, delivery: Delivery) -> str:
        """Send a delivery; returns the ``id`` of the JSON response, "" if it has none.

        Raises PermanentDeliveryError without a secret, and the errors of ``call``.
        """
        if not self._secret:
            raise PermanentDeliveryError(
                "The ticket system has no signing secret: set it in KB_DESK_SECRETS."
            )
        body = json.dumps(
            {"event_id": delivery.key, "action": delivery.action, "case": dict(delivery.payload)},
            ensure_ascii=False,
        ).encode()
        timestamp = str(int(time.time()))
        headers = {
            EVENT_ID: delivery.key,
            TIMESTAMP: timestamp,
            SIGNATURE: sign(self._secret, timestamp, body),
            "Idempotency-Key": delivery.key,
        }
        answer = call("POST", self._url, headers=headers, body=body, timeout=self._timeout)
        return str(answer.get("id", ""))[:100] if isinstance(answer, dict) else ""
