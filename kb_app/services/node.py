"""This node among those of its site: checked when it starts, seen while it works."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import suppress

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from indexer.editing.model import EditConflictError
from kb_app.db.nodes import (
    Node,
    NodeError,
    check_alike,
    check_clock,
    hash_of_key,
    known_nodes,
    note_alive,
    note_stopped,
)
from kb_app.services.shared_articles import ForeignFolderError, SharedArticles
from kb_app.settings import Settings, SettingsError
from kb_app.version import VERSION

log = logging.getLogger("kb_app.services.node")
# How long the number of nodes is taken as known.
COUNTED_S = 10.0


class NodeService:
    """What one node of several tells the others. ``articles`` keeps its folder like theirs."""

    def __init__(self, settings: Settings, engine: Engine, key: str) -> None:
        self._engine = engine
        host = socket.gethostname()
        self._about = (
            settings.node_name or host,
            host,
            VERSION,
            settings.embedding_model or "bundled",
            hash_of_key(key),
        )
        self._count, self._counted_at = 1, -COUNTED_S
        self.articles = SharedArticles(engine, settings.articles, settings.data)

    def begin(self) -> None:
        """Check that this node may serve the site, and bring its articles folder up to date.

        Raises SettingsError with what to do.
        """
        try:
            check_clock(self._engine)
            check_alike(self._node(), known_nodes(self._engine))
            self.articles.begin()
            note_alive(self._engine, self._node())
        except (NodeError, ForeignFolderError) as error:
            raise SettingsError(str(error)) from error
        except SQLAlchemyError as error:
            raise SettingsError(
                f"The articles cannot be shared ({type(error).__name__}). "
                "Check KB_DATABASE_URL, and that its account may write."
            ) from error
        except OSError as error:
            raise SettingsError(
                f"The articles folder cannot be read and written ({error}). Check KB_ARTICLES."
            ) from error

    def share(self, *names: str) -> None:
        """Publish files that were changed here.

        Raises EditConflictError where another node changed one meanwhile: it is then as it is
        there, and the text of this node is kept in the data folder.
        """
        try:
            synced = self.articles.sync()
        except (SQLAlchemyError, OSError, ForeignFolderError) as error:
            log.error("%s is not shared yet (%s)", ", ".join(names), type(error).__name__)
            return
        lost = [name for name in names if name in synced.conflicts]
        if lost:
            raise EditConflictError(
                f"{lost[0]} was changed by somebody else at the same moment. "
                "Open it again and repeat your change."
            )

    def count(self) -> int:
        """How many nodes serve the site; what was last known where the database is away."""
        if time.monotonic() - self._counted_at > COUNTED_S:
            self._counted_at = time.monotonic()
            with suppress(SQLAlchemyError):
                self._count = sum(node.is_alive for node in known_nodes(self._engine)) or 1
        return self._count

    def note_alive(self, index_version: str, leads: bool) -> None:
        """Tell the others what this node serves, and whether it leads."""
        note_alive(self._engine, self._node(index_version, leads))

    def note_stopped(self) -> None:
        """Tell the others that this node ends."""
        note_stopped(self._engine, self._about[0])

    def _node(self, index_version: str = "", leads: bool = False) -> Node:
        return Node(*self._about, index_version=index_version, leads=leads)
