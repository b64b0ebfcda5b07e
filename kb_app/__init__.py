"""The site: pages, API, command line. ``create_app`` is all that others need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from kb_app.services import Services


def create_app(services: Services | None = None) -> Flask:
    """The Flask application; settings come from the environment unless services are given."""
    from kb_app.cli import kb
    from kb_app.web.application import make_application

    app = make_application(services)
    app.cli.add_command(kb)
    return app
