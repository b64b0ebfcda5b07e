"""HTTP calls to ticket systems, with responses mapped to delivery errors."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping
from typing import Any

import requests

from kb_app.support.delivery.outbox import PermanentDeliveryError, TransientDeliveryError

TIMEOUT_S = (5, 20)
# Explanations of permanent errors, for the list of failed deliveries.
_ADVICE = {
    400: "the fields are invalid",
    401: "the user or secret is wrong: check support.yml and KB_DESK_SECRETS",
    403: "the user has no permission",
    404: "the address does not exist: check url in support.yml",
    409: "it conflicts with existing data",
    413: "the request is too large",
    422: "the fields are invalid",
}


def call(
    method: str,
    url: str,
    *,
    auth: tuple[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    given: Mapping[str, Any] | None = None,
    query: Mapping[str, str] | None = None,
    timeout: tuple[float, float] = TIMEOUT_S,
) -> Any:
    """Send a request and return the JSON response, None if it is empty or not JSON.

    Redirects are not followed. Raises PermanentDeliveryError or TransientDeliveryError.
    """
    sent = {"Accept": "application/json", "User-Agent": "kb-handoff/1", **(headers or {})}
    data = body if given is None else json.dumps(given).encode()
    if data is not None:
        sent.setdefault("Content-Type", "application/json")
    changes = method != "GET"
    try:
        answer = requests.request(
            method,
            url,
            auth=auth,
            headers=sent,
            data=data,
            params=query,
            timeout=timeout,
            allow_redirects=False,
        )
    except requests.ConnectTimeout as error:
        raise TransientDeliveryError("timeout while connecting") from error
    except requests.ReadTimeout as error:
        raise TransientDeliveryError(
            "timeout while waiting for the response", doubtful=changes
        ) from error
    except requests.ConnectionError as error:
        # Only a refused connection is certain not to have delivered anything.
        refused = "refused" in str(error).lower() or "resolve" in str(error).lower()
        raise TransientDeliveryError("no connection", doubtful=changes and not refused) from error
    except (
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
    ) as error:
        raise TransientDeliveryError("the response is incomplete", doubtful=changes) from error
    except requests.RequestException as error:
        raise PermanentDeliveryError(
            f"The address is not usable ({type(error).__name__}): check url in support.yml."
        ) from error
    return _meaning(answer, changes)


def _meaning(answer: requests.Response, changes: bool) -> Any:
    status = answer.status_code
    if 200 <= status < 300:
        try:
            return answer.json() if answer.content.strip() else None
        except ValueError:
            return None
    if status == 429 or (status == 503 and "Retry-After" in answer.headers):
        raise TransientDeliveryError(
            f"HTTP {status}: the ticket system asks to retry later",
            _wait(answer.headers.get("Retry-After", "")),
        )
    if status >= 500 or status == 408:
        raise TransientDeliveryError(f"HTTP {status}", doubtful=changes)
    raise PermanentDeliveryError(
        f"HTTP {status}: {_ADVICE.get(status, 'the request was rejected')}.{_said(answer)}",
        status,
    )


def _wait(value: str) -> int:
    """The wait of a Retry-After header in ms; it is in seconds or a date (RFC 9110)."""
    if value.isascii() and value.isdigit():
        return min(int(value), 86_400) * 1000
    try:
        at = email.utils.parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError):
        return 60_000
    return int(max(0, min(at - time.time(), 86_400)) * 1000)


def _said(answer: requests.Response) -> str:
    """The error details of a response, without fields that may quote the customer."""
    try:
        details = answer.json()
    except ValueError:
        return ""
    if not isinstance(details, dict):
        return ""
    words = [
        str(details[name])
        for name in ("error", "code", "description", "message")
        if isinstance(details.get(name), str)
    ]
    words += [
        str(error["field"])
        for error in details.get("errors") or []
        if isinstance(error, dict) and "field" in error
    ]
    words += [str(name) for name in details.get("details") or {}]
    return f" ({', '.join(words)[:200]})" if words else ""
