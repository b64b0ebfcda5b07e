"""One HTTP call to a desk, and what its answer means for the delivery."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping
from typing import Any

import requests

from kb_app.support.delivery.outbox import PermanentDeliveryError, TransientDeliveryError

TIMEOUT_S = (5, 20)
# What a desk says about a request that it will not take.
_ADVICE = {
    400: "it finds the fields wrong",
    401: "the user or the secret is wrong: look at support.yml and KB_DESK_SECRETS",
    403: "the user may not do this",
    404: "there is no such address: look at url in support.yml",
    409: "it conflicts with what is there",
    413: "it is too large",
    422: "it finds the fields wrong",
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
    """The JSON that a desk answers, None for an empty answer. Raises Refused or TryAgain; nobody is redirected."""
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
        raise TransientDeliveryError("no connection in time") from error
    except requests.ReadTimeout as error:
        raise TransientDeliveryError("no answer in time", doubtful=changes) from error
    except requests.ConnectionError as error:
        # Refused at the door, or cut off after the message was heard: only the first is sure.
        refused = "refused" in str(error).lower() or "resolve" in str(error).lower()
        raise TransientDeliveryError("no connection", doubtful=changes and not refused) from error
    except (
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
    ) as error:
        raise TransientDeliveryError("its answer was cut off", doubtful=changes) from error
    except requests.RequestException as error:
        raise PermanentDeliveryError(
            f"The address cannot be called ({type(error).__name__}): look at url in support.yml."
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
            f"it asks to wait ({status})", _wait(answer.headers.get("Retry-After", ""))
        )
    if status >= 500 or status == 408:
        raise TransientDeliveryError(f"it answered {status}", doubtful=changes)
    raise PermanentDeliveryError(
        f"It answered {status}: {_ADVICE.get(status, 'it did not take it')}.{_said(answer)}"
    )


def _wait(value: str) -> int:
    """Milliseconds that a Retry-After header asks for: seconds, or a date (RFC 9110)."""
    if value.isascii() and value.isdigit():
        return min(int(value), 86_400) * 1000
    try:
        at = email.utils.parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError):
        return 60_000
    return int(max(0, min(at - time.time(), 86_400)) * 1000)


def _said(answer: requests.Response) -> str:
    """The desk's own words, without what the customer wrote."""
    try:
        found = answer.json()
    except ValueError:
        return ""
    if not isinstance(found, dict):
        return ""
    words = [
        str(found[name])
        for name in ("error", "code", "description", "message")
        if isinstance(found.get(name), str)
    ]
    words += [
        str(error["field"])
        for error in found.get("errors") or []
        if isinstance(error, dict) and "field" in error
    ]
    words += [str(name) for name in found.get("details") or {}]
    return f" ({', '.join(words)[:200]})" if words else ""
