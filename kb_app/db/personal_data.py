"""Where personal text is kept, and how it is removed: one table for all that erases or exports.

A column of text, or of numbers made of text, that stands neither in PERSONAL nor in IMPERSONAL
fails a test.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, func, select, update

from kb_app.db import schema
from kb_app.db.writing import ROWS, insert_new

Whose = Literal["visitor", "question", "case", "file", "subscriber", "staff"]
VISITOR: Whose = "visitor"
"""Of one visitor's searches and actions, by client id; removed on request and after the retention
time."""
QUESTION: Whose = "question"
"""Made of visitors' texts, by text key; removed when no search has the text any more."""
CASE: Whose = "case"
"""Of a customer's case, by case id; removed with the case."""
FILE: Whose = "file"
"""Of a file that a customer sent, by attachment id; removed with the case."""
SUBSCRIBER: Whose = "subscriber"
"""The address of a subscriber; removed with the notice's end, or on request."""
STAFF: Whose = "staff"
"""Of those who work here, for accountability; stays."""

PERSONAL: Mapping[str, Mapping[str, Whose]] = {
    "queries": dict.fromkeys(
        ("query_id", "client_id", "session_id", "user_query", "text_key", "filters"), VISITOR
    ),
    "actions": dict.fromkeys(("query_id", "client_id", "session_id", "attributes"), VISITOR),
    "episodes": {"client_id": VISITOR},
    "episode_queries": {"query_id": VISITOR},
    "ticket_links": {"query_id": VISITOR},
    "query_vectors": dict.fromkeys(("key", "vector"), QUESTION),
    "daily_questions": dict.fromkeys(("text_key", "text"), QUESTION),
    "gaps": {"label": QUESTION, "owner": STAFF, "reason": STAFF, "notes": STAFF},
    "gap_members": {"text_key": QUESTION},
    "learned": {"text": QUESTION, "by": STAFF},
    "cases": dict.fromkeys(
        (
            "case_id",
            "number",
            "form_id",
            "message",
            "name",
            "mail",
            "query_id",
            "client_id",
            "subject",
            "external_id",
            "trail",
            "fields",
            "haystack",
            "cc",
            "merged_into",
        ),
        CASE,
    )
    | {"owner": STAFF, "handed_by": STAFF, "abuse_by": STAFF},
    "conversations": dict.fromkeys(
        ("conversation_id", "peer", "case_id", "client_id", "state"), CASE
    ),
    "case_writers": {"case_id": CASE, "mail": STAFF},
    "case_messages": dict.fromkeys(
        ("message_id", "case_id", "who", "text", "mail_message_id"), CASE
    ),
    "attachments": dict.fromkeys(("attachment_id", "form_id", "case_id", "name"), CASE),
    "stored_files": dict.fromkeys(("attachment_id", "digest"), FILE),
    "file_pieces": dict.fromkeys(("attachment_id", "content"), FILE),
    "outbox": dict.fromkeys(("delivery_id", "case_id", "key", "payload", "error"), CASE),
    "received": dict.fromkeys(("source", "event_id", "case_id"), CASE),
    "subscribers": {"mail": SUBSCRIBER},
    "follows": {"follow_id": SUBSCRIBER, "mail": SUBSCRIBER},
    "notices": {"by": STAFF},
    "notice_updates": {"by": STAFF},
    "kept_changes": {"by": STAFF, "note": STAFF, "writers": STAFF},
    "article_findings": {"set_aside_by": STAFF},
    "users": dict.fromkeys(
        ("mail", "name", "password_hash", "stamp", "oidc_subject", "totp_secret"), STAFF
    ),
    "sessions": {"session_hash": STAFF},
    "recovery_codes": {"code_hash": STAFF},
    "api_tokens": dict.fromkeys(("token_hash", "name"), STAFF),
    "audit": dict.fromkeys(("who", "to_what"), STAFF),
}
IMPERSONAL: Mapping[str, frozenset[str]] = {
    "queries": frozenset(
        {
            "language",
            "channel",
            "origin",
            "verdict",
            "arms",
            "index_version",
            "hit_ids",
            "section",
            "audience",
        }
    ),
    "actions": frozenset({"event_id", "action_name", "object_id", "channel", "language"}),
    "losses": frozenset({"day", "reason"}),
    "episodes": frozenset(
        {
            "episode_id",
            "outcome",
            "reason",
            "article_id",
            "section",
            "language",
            "channel",
            "audience",
            "verdict",
            "surveyed",
            "fingerprint",
        }
    ),
    "episode_queries": frozenset({"episode_id"}),
    "ticket_links": frozenset({"event_id"}),
    "daily": frozenset({"day", "channel", "language", "section", "audience", "measure"}),
    "daily_questions": frozenset({"day", "channel", "language", "section", "audience"}),
    "daily_articles": frozenset({"day", "article_id", "measure"}),
    "job_state": frozenset({"name", "value"}),
    "gaps": frozenset({"gap_id", "state", "article_id", "merged_into", "replay"}),
    "gap_members": frozenset({"gap_id"}),
    # The key, a hash, stays with a decision, so that a refused text is not offered again.
    "learned": frozenset({"text_key", "article_id", "state"}),
    "cases": frozenset(
        {
            "kind",
            "language",
            "state",
            "section",
            "channel",
            "step",
            "desk",
            "spam",
            "solved_by",
            "said",
            "tags",
        }
    ),
    "conversations": frozenset({"channel"}),
    "case_messages": frozenset({"author"}),
    "attachments": frozenset({"type"}),
    "outbox": frozenset({"sink", "action", "state"}),
    "notices": frozenset({"notice_id", "title", "text", "languages", "sections", "questions"}),
    "notice_updates": frozenset({"update_id", "notice_id", "text"}),
    "subscribers": frozenset({"notice_id", "language"}),
    "follows": frozenset({"kind", "object_id", "language", "seen"}),
    # What writers publish, and the machines that serve it.
    "article_files": frozenset({"path_hash", "path", "digest"}),
    "article_pieces": frozenset({"digest", "content"}),
    "kept_changes": frozenset({"path_hash", "path", "text", "base", "digest", "state"}),
    "served_articles": frozenset({"article_id"}),
    "article_findings": frozenset(
        {"key", "kind", "article_id", "other_id", "quote", "other_quote"}
    ),
    "external_links": frozenset({"url_hash", "url", "article_ids", "outcome"}),
    "text_vectors": frozenset({"key", "vector"}),
    "nodes": frozenset({"node", "host", "version", "model", "key_hash", "index_version"}),
    # The site's own key.
    "secrets": frozenset({"name", "value"}),
    "users": frozenset({"role"}),
    # A hash of an address or a network, for a day.
    "sign_in_failures": frozenset({"key"}),
    "api_tokens": frozenset({"scopes"}),
    "audit": frozenset({"did"}),
}
# Days whose counts are made again by the next run of the job (job_state, RECOUNT + day).
RECOUNT = "recount:"
KEY_CHARS = 40
"""The length of a text key, with which the key of a vector begins."""


def tables_of(whose: Whose) -> list[Table]:
    """The tables that hold personal text of a kind."""
    tables = schema.metadata.tables
    return [tables[name] for name, held in PERSONAL.items() if whose in held.values()]


def erase_visitor(connection: Connection, client_id: str) -> int:
    """Remove a visitor's events and what was made of their texts; returns the number of events.

    Their conversations go too; what became a case stays with it.
    """
    talks, outbox = schema.conversations, schema.outbox
    theirs = talks.c.client_id == client_id
    ids = select(talks.c.conversation_id).where(theirs)
    connection.execute(delete(outbox).where(outbox.c.case_id.in_(ids)))
    connection.execute(delete(talks).where(theirs & (talks.c.case_id == "")))
    connection.execute(talks.update().where(theirs).values(client_id=None))
    return _erase_queries(connection, schema.queries.c.client_id == client_id, client_id)


def erase_queries(connection: Connection, query_ids: Collection[str]) -> int:
    """Remove searches with their actions, and what was made of their texts."""
    return _erase_queries(connection, schema.queries.c.query_id.in_(query_ids))


def _erase_queries(
    connection: Connection, theirs: ColumnElement[bool], client_id: str | None = None
) -> int:
    queries, actions = schema.queries, schema.actions
    rows = list(connection.execute(select(queries.c.query_id, queries.c.text_key).where(theirs)))
    ids, keys = [row.query_id for row in rows], {row.text_key for row in rows}
    removed = 0
    for part in _parts(ids):
        for table in (schema.episode_queries, schema.ticket_links):
            connection.execute(delete(table).where(table.c.query_id.in_(part)))
        removed += connection.execute(delete(actions).where(actions.c.query_id.in_(part))).rowcount
        removed += connection.execute(delete(queries).where(queries.c.query_id.in_(part))).rowcount
    if client_id is not None:
        own = delete(actions).where(actions.c.client_id == client_id)
        removed += connection.execute(own).rowcount
        connection.execute(delete(schema.episodes).where(schema.episodes.c.client_id == client_id))
    _recount(connection, keys)
    erase_questions(connection, keys)
    return removed


def erase_questions(connection: Connection, keys: Collection[str]) -> None:
    """Remove what was made of texts that no search has any more."""
    for part in _parts(keys):
        asked = select(schema.queries.c.text_key).where(schema.queries.c.text_key.in_(part))
        kept = {key for (key,) in connection.execute(asked)}
        gone = [key for key in part if key not in kept]
        for table in tables_of(QUESTION):
            if "text_key" in table.c:
                _forget(connection, table, table.c.text_key.in_(gone))
        vectors = schema.query_vectors
        connection.execute(
            delete(vectors).where(func.substr(vectors.c.key, 1, KEY_CHARS).in_(gone))
        )
    if keys:
        _relabel_gaps(connection)


def _forget(connection: Connection, table: Table, where: ColumnElement[bool]) -> None:
    """Remove rows; of decisions about learned questions only the text, so that they stay made."""
    if table is schema.learned:
        decided = where & (table.c.state != "offered")
        connection.execute(update(table).where(decided).values(text=""))
        where &= table.c.state == "offered"
    connection.execute(delete(table).where(where))


def _relabel_gaps(connection: Connection) -> None:
    """Name each gap by a text that is still asked; remove those without one."""
    gaps, members, queries = schema.gaps, schema.gap_members, schema.queries
    first_texts = (
        select(members.c.gap_id, func.min(queries.c.user_query))
        .join(queries, queries.c.text_key == members.c.text_key)
        .group_by(members.c.gap_id)
    )
    texts = {str(gap_id): str(text) for gap_id, text in connection.execute(first_texts)}
    in_gaps = queries.c.text_key.in_(select(members.c.text_key))
    asked = select(func.distinct(queries.c.user_query)).where(in_gaps)
    labels = {str(text) for (text,) in connection.execute(asked)}
    for gap_id, label in connection.execute(select(gaps.c.gap_id, gaps.c.label)).all():
        if label in labels:
            continue
        here = gaps.c.gap_id == gap_id
        if gap_id in texts:
            connection.execute(update(gaps).where(here).values(label=texts[gap_id]))
        else:
            connection.execute(delete(gaps).where(here))


def _recount(connection: Connection, keys: Collection[str]) -> None:
    """Have the days counted again on which these texts were counted."""
    days: set[str] = set()
    table = schema.daily_questions
    for part in _parts(keys):
        found = connection.execute(select(table.c.day).where(table.c.text_key.in_(part)))
        days |= {str(day) for (day,) in found}
    insert_new(
        connection,
        schema.job_state,
        [{"name": f"{RECOUNT}{day}", "value": ""} for day in sorted(days)],
    )


def purge(connection: Connection, before: int) -> int:
    """Remove events older than ``before`` (ms) and what was made of them; returns their number."""
    queries, episodes = schema.queries, schema.episodes
    removed = sum(
        connection.execute(delete(table).where(table.c.at < before)).rowcount
        for table in (queries, schema.actions)
    )
    if not removed:
        return 0
    connection.execute(delete(episodes).where(episodes.c.last_at < before))
    for table in (schema.episode_queries, schema.ticket_links):
        asked = exists().where(queries.c.query_id == table.c.query_id)
        connection.execute(delete(table).where(~asked))
    for table in (schema.daily_questions, schema.gap_members, schema.learned):
        asked = exists().where(queries.c.text_key == table.c.text_key)
        _forget(connection, table, ~asked)
    vectors = schema.query_vectors
    asked = exists().where(queries.c.text_key == func.substr(vectors.c.key, 1, KEY_CHARS))
    connection.execute(delete(vectors).where(~asked))
    _relabel_gaps(connection)
    return removed


def erase_cases(connection: Connection, case_ids: Collection[str]) -> None:
    """Remove cases with everything that belongs to them."""
    attachments = schema.attachments
    for part in _parts(case_ids):
        files = select(attachments.c.attachment_id).where(attachments.c.case_id.in_(part))
        for table in tables_of(FILE):
            connection.execute(delete(table).where(table.c.attachment_id.in_(files)))
        # What was said before the hand-over was sent by the conversation's id.
        talks, outbox = schema.conversations, schema.outbox
        ids = select(talks.c.conversation_id).where(talks.c.case_id.in_(part))
        connection.execute(delete(outbox).where(outbox.c.case_id.in_(ids)))
        for table in tables_of(CASE):
            connection.execute(delete(table).where(table.c.case_id.in_(part)))


def _parts(names: Iterable[str]) -> Iterable[Sequence[str]]:
    listed = sorted(names)
    return (listed[start : start + ROWS] for start in range(0, len(listed), ROWS))
