"""The articles folder as the signed-in user edits it."""

from __future__ import annotations

from indexer.editing.editor import Editor
from indexer.editing.model import Author
from kb_app.web.core.auth import user
from kb_app.web.core.context import services, site_settings


def editor() -> Editor:
    """The editor of the articles folder."""
    return Editor(site_settings().articles, services().editing)


def author() -> Author:
    """The signed-in user as the author of changes."""
    return Author(user().shown, user().mail)
