"""Records page actions as events.

Counted actions are committed before the response; the others are written in the background.
"""

from __future__ import annotations

import hmac
import re
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from flask import current_app, g, request
from sqlalchemy.exc import SQLAlchemyError

from kb_app.analytics import model as m
from kb_app.analytics.redaction import redact, redact_all
from kb_app.analytics.text_key import text_key
from kb_app.web.core.context import event_store, now, services, snapshot
from kb_app.web.core.inputs import whole_number
from kb_app.web.core.visitor import visitor
from search.analysis.normalize import fold
from search.model import Results

UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
LONGEST_HITS = 20


def new_query_id(results: Results, text: str = "", *more: object) -> str:
    """A query id; for recorded searches one that every web process can verify (see ``known``).

    Half of it is its signature, so that actions are accepted before the search itself is in the
    database. The other half is random, but for one visitor's same words, with the same filters
    (``more``), in one visit: a reload, Back, or asking again is the same search.
    """
    who = visitor()
    if not who.recorded or results.problem:
        return str(uuid.uuid4())
    if not who.session_id or not text:
        return _signed(secrets.token_bytes(8))
    return _signed(_once("search", text_key(" ".join(fold(text).split())), *more).bytes[:8])


def _once(*what: object) -> uuid.UUID:
    """An id of something that counts once in a visit."""
    who = visitor()
    name = "\0".join(map(str, (who.client_id, who.session_id, *what)))
    key = str(current_app.secret_key).encode()
    return uuid.UUID(bytes=hmac.digest(key, name.encode(), "sha256")[:16], version=4)


def once_in_a_visit(*what: object) -> str:
    """The id of an event that counts once in a visit; "" for visitors without one."""
    return str(_once(*what)) if visitor().session_id else ""


def _signed(head: bytes) -> str:
    key = str(current_app.secret_key).encode()
    # The UUID version bits are in the first half, so they are set before signing.
    head = uuid.UUID(bytes=head + bytes(8), version=4).bytes[:8]
    return str(
        uuid.UUID(bytes=head + hmac.digest(key, b"query id" + head, "sha256")[:8], version=4)
    )


def now_ms() -> int:
    """The time of this request by the server's clock, in ms since the epoch."""
    return int(now().timestamp() * 1000)


def record_query(
    query_id: str,
    text: str,
    results: Results,
    lang: str,
    filters: Mapping[str, str],
    channel: str = "site",
    origin: str = "typed",
) -> None:
    """Record a search and its results."""
    who = visitor()
    if not who.recorded or results.problem:
        return
    g.recognise = True
    hits = results.hits[:LONGEST_HITS]
    services().events.put(
        m.QueryEvent(
            query_id=query_id,
            at=now_ms(),
            user_query=redact(text, services().redactions),
            client_id=who.client_id,
            session_id=who.session_id,
            language=results.lang or lang,
            channel=channel,
            origin=origin,
            filters=redact_all(
                {name: value for name, value in filters.items() if value}, services().redactions
            ),
            verdict=results.verdict,
            probability=results.probability,
            arms=",".join(sorted({arm for hit in hits for arm in hit.arms})),
            index_version=results.index_version,
            elapsed_ms=results.elapsed_ms,
            hit_ids=tuple(hit.article_id for hit in hits),
            section=hits[0].document.section if hits else "",
            # An assistant asks for a person, whatever its client is called.
            bot=who.bot and channel != m.ASSISTANT,
        )
    )


def record_refinement(query_id: str, before: str) -> None:
    """Record that a search refines the one with id ``before``."""
    if before != query_id and known(before):
        put(m.REFINE, query_id=query_id, attributes={"from": before}, event_id=f"refine:{query_id}")


def record_click(query_id: str, article_id: str, position: int | None) -> None:
    """Record a click on a result; repeated clicks on the same article count once."""
    if known(query_id):
        once = f"click:{uuid.uuid5(uuid.NAMESPACE_OID, query_id + article_id)}"
        put(m.CLICK, query_id=query_id, object_id=article_id, position=position, event_id=once)


def put(
    name: str,
    query_id: str | None = None,
    object_id: str = "",
    position: int | None = None,
    attributes: Mapping[str, Any] | None = None,
    event_id: str = "",
    channel: str = "site",
    language: str = "",
) -> bool:
    """Record an action; False where it was not recorded.

    Raises SQLAlchemyError where a counted action cannot be stored.
    """
    who = visitor()
    if not who.recorded:
        return False
    if who.bot:
        services().events.lose("bot action")
        return False
    g.recognise = True
    event = m.ActionEvent(
        event_id=event_id[:64] or str(uuid.uuid4()),
        action_name=name,
        at=now_ms(),
        query_id=query_id if query_id and known(query_id) else None,
        client_id=who.client_id,
        session_id=who.session_id,
        object_id=object_id[:200],
        position=position,
        channel=channel,
        language=language,
        attributes=redact_all(attributes or {}, services().redactions),
    )
    if name in m.COUNTED:
        event_store().append([], [event])
    else:
        services().events.put(event)
    return True


def known(query_id: str) -> bool:
    """Whether this site issued the query id; forged ids are not joined to anything."""
    if not UUID.match(query_id):
        return False
    if hmac.compare_digest(_signed(uuid.UUID(query_id).bytes[:8]), query_id):
        return True
    try:
        return event_store().query(query_id) is not None
    except SQLAlchemyError:  # pages must render despite a database error
        return False


def article_known(article_id: str) -> bool:
    """Whether the current index has an article with this id."""
    return article_id in snapshot().articles.summaries


def given_id(name: str = "from") -> str:
    """The id in a field of the URL or form, by default the query's; "" for what is no UUID."""
    value = request.values.get(name, "")
    return value if UUID.match(value) else ""


def given_position() -> int | None:
    """The result position in the URL, 1 to 1000; None where it is missing or invalid."""
    return whole_number(request.args.get("at", ""), 1, 1_000)
