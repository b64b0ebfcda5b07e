"""The key that signs cookies and links: one for all nodes of a site, kept in the database."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from sqlalchemy import Engine, select

from kb_app.db import schema
from kb_app.db.writing import insert_once

NAME = "secret-key"
# Where earlier versions kept it, in the data folder.
OLD_FILE = "secret-key"


def site_key(engine: Engine, data: Path) -> str:
    """The site's key, generated at the first start; a key file of an earlier version is taken over.

    Of several nodes that start at once, all get the same one. Raises SQLAlchemyError.
    """
    stored = _stored(engine)
    if stored:
        return stored
    row = {
        "name": NAME,
        "value": _of_file(data / OLD_FILE) or secrets.token_urlsafe(48),
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
    except OSError:
        return ""
