"""The key that signs cookies and links: one for all nodes of a site, kept in the database."""

from __future__ import annotations

import logging
import secrets
import time
from pathlib import Path

from sqlalchemy import Engine, select

from kb_app.db import schema
from kb_app.db.writing import insert_once, upsert

log = logging.getLogger("kb_app.db.secret_key")
NAME = "secret-key"
# Where earlier versions kept it, in the data folder.
OLD_FILE = "secret-key"


def site_key(engine: Engine, data: Path) -> str:
    """The site's key, generated at the first start; a key file of an earlier version is taken over.

    Of several nodes that start at once, all get the same one. Raises SQLAlchemyError,
    and OSError for a file that cannot be read.
    """
    stored, before = _stored(engine), _of_file(data / OLD_FILE)
    if stored:
        if before and before != stored:
            log.warning(
                "%s is not the key in the database, which is used; links and second factors made "
                "with it are not valid. To use it, set KB_SECRET_KEY to what it holds",
                data / OLD_FILE,
            )
        return stored
    row = {
        "name": NAME,
        "value": before or secrets.token_urlsafe(48),
        "created_at": int(time.time() * 1000),
    }
    with engine.begin() as connection:
        insert_once(connection, schema.secrets, row)
    return _stored(engine)


def _stored(engine: Engine) -> str:
    table = schema.secrets
    with engine.connect() as connection:
        found = connection.execute(select(table.c.value).where(table.c.name == NAME))
        return str(found.scalar() or "")


def _of_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def replace_key(engine: Engine, key: str) -> None:
    """Store another key in place of the site's."""
    row = {"name": NAME, "value": key, "created_at": int(time.time() * 1000)}
    with engine.begin() as connection:
        upsert(connection, schema.secrets, row)
