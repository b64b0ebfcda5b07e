"""Table definitions for SQLAlchemy Core. Times are Unix milliseconds (UTC).

Every change needs a migration in migrations/versions.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    true,
)

metadata = MetaData()
# SQLite auto-increments only columns of type INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")

# --- event log: append-only ---------------------------------------------

queries = Table(
    "queries",
    metadata,
    Column("query_id", String(36), primary_key=True),
    Column("client_id", String(36), index=True),
    Column("session_id", String(36)),
    Column("at", BigInteger, nullable=False, index=True),
    Column("user_query", Text, nullable=False),
    Column("text_key", String(40), nullable=False, default="", index=True),
    Column("language", String(8), nullable=False, default=""),
    Column("channel", String(16), nullable=False, default="site"),
    Column("origin", String(16), nullable=False, default="typed"),
    Column("filters", Text, nullable=False, default="{}"),
    Column("verdict", String(8), nullable=False, default="none"),
    Column("probability", Float, nullable=False, default=0.0),
    Column("arms", String(64), nullable=False, default=""),
    Column("index_version", String(64), nullable=False, default=""),
    Column("elapsed_ms", Float, nullable=False, default=0.0),
    Column("hit_ids", Text, nullable=False, default="[]"),
    Column("section", String(100), nullable=False, default=""),
    Column("audience", String(16), nullable=False, default="public"),
    Column("bot", Boolean, nullable=False, default=False),
)

actions = Table(
    "actions",
    metadata,
    Column("event_id", String(64), primary_key=True),
    Column("action_name", String(32), nullable=False),
    Column("query_id", String(36), index=True),
    Column("client_id", String(36), index=True),
    Column("session_id", String(36)),
    Column("at", BigInteger, nullable=False, index=True),
    Column("object_id", String(200), nullable=False, default=""),
    Column("position", Integer),
    Column("channel", String(16), nullable=False, default="site"),
    Column("language", String(8), nullable=False, default=""),
    Column("attributes", Text, nullable=False, default="{}"),
)
Index("actions_object", actions.c.object_id, actions.c.action_name)

# Lost events by day and reason; reports show them as missing.
losses = Table(
    "losses",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("reason", String(32), primary_key=True),
    Column("count", Integer, nullable=False, default=0),
)

# --- derived data: can be recomputed from the log --------------------------

query_vectors = Table(
    "query_vectors",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)

episodes = Table(
    "episodes",
    metadata,
    Column("episode_id", String(36), primary_key=True),
    Column("client_id", String(36), nullable=False, index=True),
    Column("first_at", BigInteger, nullable=False, index=True),
    Column("last_at", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("article_id", String(200), nullable=False, default=""),
    Column("section", String(100), nullable=False, default=""),
    Column("language", String(8), nullable=False, default=""),
    Column("channel", String(16), nullable=False, default="site"),
    Column("audience", String(16), nullable=False, default="public"),
    Column("verdict", String(8), nullable=False, default=""),
    Column("queries", Integer, nullable=False, default=0),
    Column("refinements", Integer, nullable=False, default=0),
    Column("frustrated", Boolean, nullable=False, default=False),
    Column("seconds_to_answer", Float),
    Column("surveyed", String(8), nullable=False, default=""),
    Column("fingerprint", String(80), nullable=False, default=""),
)

episode_queries = Table(
    "episode_queries",
    metadata,
    Column("query_id", String(36), primary_key=True),
    Column("episode_id", String(36), nullable=False, index=True),
)

# Tickets without a client and a query id, matched to a search.
ticket_links = Table(
    "ticket_links",
    metadata,
    Column("event_id", String(64), primary_key=True),
    Column("query_id", String(36), nullable=False, index=True),
)

daily = Table(
    "daily",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("language", String(8), primary_key=True),
    Column("section", String(100), primary_key=True),
    Column("audience", String(16), primary_key=True),
    Column("measure", String(32), primary_key=True),
    Column("value", Float, nullable=False),
)

daily_questions = Table(
    "daily_questions",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("text_key", String(40), primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("language", String(8), primary_key=True),
    Column("section", String(100), primary_key=True),
    Column("audience", String(16), primary_key=True),
    Column("text", Text, nullable=False),
    Column("searches", Integer, nullable=False),
    Column("unanswered", Integer, nullable=False),
    Column("unopened", Integer, nullable=False),
)

daily_articles = Table(
    "daily_articles",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("article_id", String(200), primary_key=True),
    Column("measure", String(32), primary_key=True),
    Column("value", Integer, nullable=False),
)

job_state = Table(
    "job_state",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)

# --- editorial and support data --------------------------------------------------------------

gaps = Table(
    "gaps",
    metadata,
    Column("gap_id", String(36), primary_key=True),
    Column("label", Text, nullable=False),
    Column("state", String(16), nullable=False, default="open"),
    Column("owner", String(200), nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("notes", Text, nullable=False, default=""),
    Column("article_id", String(200), nullable=False, default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("merged_into", String(36), nullable=False, default=""),
    Column("replay", Text, nullable=False, default=""),
)

gap_members = Table(
    "gap_members",
    metadata,
    Column("text_key", String(64), primary_key=True),
    Column("gap_id", String(36), nullable=False, index=True),
)

learned = Table(
    "learned",
    metadata,
    Column("text_key", String(64), primary_key=True),
    Column("article_id", String(200), primary_key=True),
    Column("text", Text, nullable=False),
    Column("state", String(16), nullable=False, default="offered"),
    Column("by", String(200), nullable=False, default=""),
    Column("at", BigInteger, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    Column("case_id", String(36), primary_key=True),
    Column("number", String(16), nullable=False, unique=True),
    Column("form_id", String(36), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("kind", String(16), nullable=False, default="question"),
    Column("message", Text, nullable=False),
    Column("name", Text, nullable=False, default=""),
    Column("mail", Text, nullable=False, default=""),
    Column("language", String(8), nullable=False, default=""),
    Column("query_id", String(36), nullable=False, default=""),
    Column("client_id", String(36)),
    Column("state", String(16), nullable=False, default="open", index=True),
    Column("section", String(100), nullable=False, default="", server_default=""),
    Column("subject", Text, nullable=False, default="", server_default=""),
    Column("channel", String(16), nullable=False, default="contact", server_default="contact"),
    Column("step", String(16), nullable=False, default="desk", server_default="desk"),
    Column("owner", String(200), nullable=False, default="", server_default=""),
    Column("desk", String(30), nullable=False, default="inbox", server_default="inbox"),
    Column("external_id", String(100), nullable=False, default="", server_default=""),
    Column("trail", Text, nullable=False, default="[]", server_default="[]"),
    Column("recorded", Boolean, nullable=False, default=True, server_default=true()),
    Column("spam", String(32), nullable=False, default="", server_default=""),
    Column("due_at", BigInteger),
    # Deadline promised for the first reply; kept for reports.
    Column("promised_at", BigInteger),
    # Waiting for the team since; first reply; marked as solved; customer asked to confirm.
    Column("turn_at", BigInteger),
    Column("first_reply_at", BigInteger),
    Column("solved_at", BigInteger),
    Column("solved_by", String(200), nullable=False, default="", server_default=""),
    Column("asked_at", BigInteger),
    Column("changed_at", BigInteger, nullable=False, default=0, server_default="0"),
    # When the contact was recorded in the event log.
    Column("counted_at", BigInteger),
    Column("said", String(16), nullable=False, default="", server_default=""),
    Column("satisfaction", Integer),
    Column("effort", Integer),
    # Words of the team, with a space before and behind each.
    Column("tags", Text, nullable=False, default="", server_default=""),
    # Not among the active ones until then; a word of the customer ends it.
    Column("snoozed_until", BigInteger),
    # Further addresses that get the replies, with commas between.
    Column("cc", Text, nullable=False, default="", server_default=""),
    # Who handed it to another desk, and looks after it until it is solved.
    Column("handed_by", String(200), nullable=False, default="", server_default=""),
    # Who reported that an agent is harassed in it; it is not removed after its time.
    Column("abuse_by", String(200), nullable=False, default="", server_default=""),
    # The case that goes on in its place.
    Column("merged_into", String(36), nullable=False, default="", server_default=""),
    # What the form asks beside the message, by name, as JSON.
    Column("fields", Text, nullable=False, default="{}", server_default="{}"),
    # Case-folded text of the case, for the search in the inbox.
    Column("haystack", Text, nullable=False, default="", server_default=""),
)
Index("cases_inbox", cases.c.spam, cases.c.state, cases.c.changed_at)

case_messages = Table(
    "case_messages",
    metadata,
    Column("message_id", String(36), primary_key=True),
    Column("case_id", String(36), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("author", String(16), nullable=False),
    Column("who", String(200), nullable=False, default=""),
    Column("text", Text, nullable=False),
    # Message-ID of the mail; replies reference it.
    Column("mail_message_id", String(250), nullable=False, default="", index=True),
)

# Conversations by chat and messengers. ``state`` is JSON: what was said, and what is waited for.
conversations = Table(
    "conversations",
    metadata,
    Column("conversation_id", String(36), primary_key=True),
    Column("channel", String(30), nullable=False),
    Column("peer", String(100), nullable=False),
    Column("case_id", String(36), nullable=False, index=True),
    Column("client_id", String(36)),
    Column("at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
)
Index("conversations_peer", conversations.c.channel, conversations.c.peer)

# Who is writing a reply to a case now.
case_writers = Table(
    "case_writers",
    metadata,
    Column("case_id", String(36), primary_key=True),
    Column("mail", String(200), primary_key=True),
    Column("at", BigInteger, nullable=False),
)

attachments = Table(
    "attachments",
    metadata,
    Column("attachment_id", String(36), primary_key=True),
    Column("form_id", String(36), nullable=False, index=True),
    Column("case_id", String(36), nullable=False, default="", index=True),
    Column("name", String(200), nullable=False),
    Column("type", String(100), nullable=False),
    Column("size", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# The files of attachments, in pieces; the row here is written with the last piece.
stored_files = Table(
    "stored_files",
    metadata,
    Column("attachment_id", String(36), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)

file_pieces = Table(
    "file_pieces",
    metadata,
    Column("attachment_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

# The articles folder of a site with several nodes: what each node's folder is brought up to. A row
# without a digest is of a file that was deleted. Revisions grow with every change.
article_files = Table(
    "article_files",
    metadata,
    Column("path_hash", String(64), primary_key=True),
    Column("path", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("revision", BigInteger, nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
)

article_pieces = Table(
    "article_pieces",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

# Embeddings of the articles' texts by the hash of model and text: one node makes each, all read it.
text_vectors = Table(
    "text_vectors",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)

# When customers could first read an article; 0 for those that were there before this was noted.
served_articles = Table(
    "served_articles",
    metadata,
    Column("article_id", String(200), primary_key=True),
    Column("since", BigInteger, nullable=False),
)

# What a comparison of all articles found; a finding that somebody set aside stays so.
article_findings = Table(
    "article_findings",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("article_id", String(200), nullable=False),
    Column("other_id", String(200), nullable=False),
    Column("quote", Text, nullable=False, default=""),
    Column("other_quote", Text, nullable=False, default=""),
    Column("probability", Float, nullable=False),
    Column("found_at", BigInteger, nullable=False),
    Column("set_aside_by", String(200), nullable=False, default="", server_default=""),
)

# Links of articles to other sites, and how the last look at each ended.
external_links = Table(
    "external_links",
    metadata,
    Column("url_hash", String(64), primary_key=True),
    Column("url", Text, nullable=False),
    Column("article_ids", Text, nullable=False, default="[]"),
    Column("checked_at", BigInteger, nullable=False, default=0),
    Column("failures", Integer, nullable=False, default=0),
    Column("failed_since", BigInteger, nullable=False, default=0),
    Column("outcome", String(32), nullable=False, default=""),
)

# Changes of articles that wait: kept for later, or to be looked at by another person.
kept_changes = Table(
    "kept_changes",
    metadata,
    Column("path_hash", String(64), primary_key=True),
    Column("path", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("by", String(200), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("note", Text, nullable=False, default="", server_default=""),
    Column("writers", Text, nullable=False, default="", server_default=""),
)

# The nodes of a site, each with what must be alike at all of them, and when it was last alive.
nodes = Table(
    "nodes",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("host", Text, nullable=False),
    Column("version", String(64), nullable=False),
    Column("model", Text, nullable=False),
    Column("key_hash", String(64), nullable=False),
    Column("index_version", String(64), nullable=False, default=""),
    Column("leads", Boolean, nullable=False, default=False),
    Column("seen_at", BigInteger, nullable=False),
)

# Transactional outbox: a delivery is committed together with the change that causes it.
outbox = Table(
    "outbox",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("delivery_id", String(36), nullable=False, unique=True),
    Column("case_id", String(36), nullable=False, index=True),
    Column("sink", String(30), nullable=False),
    Column("action", String(16), nullable=False),
    Column("key", String(64), nullable=False, unique=True),
    Column("payload", Text, nullable=False, default="{}"),
    Column("state", String(16), nullable=False, default="waiting"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("created_at", BigInteger, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    # Sent without a response: it may have arrived.
    Column("doubtful", Boolean, nullable=False, default=False),
    Column("error", Text, nullable=False, default=""),
)
Index("outbox_due", outbox.c.state, outbox.c.next_at)

# Events received from other systems, to ignore duplicates.
received = Table(
    "received",
    metadata,
    Column("source", String(40), primary_key=True),
    Column("event_id", String(200), primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("case_id", String(36), nullable=False, default=""),
)

notices = Table(
    "notices",
    metadata,
    Column("notice_id", String(36), primary_key=True),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("languages", String(100), nullable=False, default=""),
    Column("sections", Text, nullable=False, default=""),
    # Queries, one per line; a similar search shows the notice.
    Column("questions", Text, nullable=False, default=""),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, index=True),
    Column("over_at", BigInteger),
    Column("by", String(200), nullable=False, default=""),
)

# What is learned of a problem while it lasts; ``text`` is by language, as JSON.
notice_updates = Table(
    "notice_updates",
    metadata,
    Column("update_id", String(36), primary_key=True),
    Column("notice_id", String(36), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("by", String(200), nullable=False, default=""),
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("notice_id", String(36), primary_key=True),
    Column("mail", String(200), primary_key=True),
    Column("language", String(8), nullable=False, default=""),
    Column("at", BigInteger, nullable=False),
)

# Who follows an article or a section by mail. ``seen``: the versions they were told of, as JSON.
follows = Table(
    "follows",
    metadata,
    Column("follow_id", String(36), primary_key=True),
    Column("mail", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("object_id", String(200), nullable=False),
    Column("language", String(8), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger),
    Column("told_at", BigInteger, nullable=False),
    Column("seen", Text, nullable=False),
    UniqueConstraint("mail", "kind", "object_id", "language"),
)

# --- the site -------------------------------------------------------------------------

# What all nodes of a site share and nobody else may know, such as the key that signs cookies.
secrets = Table(
    "secrets",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# --- accounts ------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    Column("user_id", Number, primary_key=True, autoincrement=True),
    Column("mail", String(200), nullable=False, unique=True),
    Column("name", String(200), nullable=False, default=""),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False, default=""),
    Column("stamp", String(36), nullable=False),
    Column("active", Boolean, nullable=False, default=True),
    Column("created_at", BigInteger, nullable=False),
    # The subject at the OpenID Connect provider, once the account has signed in there.
    Column("oidc_subject", String(255), nullable=False, default="", server_default=""),
    # The secret of the authenticator app, encrypted; "" without one.
    Column("totp_secret", Text, nullable=False, default="", server_default=""),
    # The last time step that was used, so that a code works once.
    Column("totp_step", BigInteger, nullable=False, default=0, server_default="0"),
)

# Sessions of signed-in users; signing out removes one.
sessions = Table(
    "sessions",
    metadata,
    Column("session_hash", String(64), primary_key=True),
    Column("user_id", Number, nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False, index=True),
)

# One-time codes for the day on which the authenticator app is lost.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("user_id", Number, nullable=False, index=True),
)

# Failed sign-ins by account, network or both, by a hash of them.
sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("failures", Integer, nullable=False, default=0),
    Column("at", BigInteger, nullable=False, index=True),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("user_id", Number, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("used_at", BigInteger),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", Number, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("who", String(200), nullable=False),
    Column("did", String(64), nullable=False),
    Column("to_what", Text, nullable=False, default=""),
)
