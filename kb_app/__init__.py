"""The site: pages, API, command line. ``create_app`` is all that others need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from kb_app.services.container import Services


def create_app(services: Services | None = None) -> Flask:
    """The Flask application; settings come from the environment unless services are given."""
    import sys

    from kb_app.cli.site import kb
    from kb_app.settings import SettingsError
    from kb_app.web.app import make_application

    try:
        app = make_application(services)
    except SettingsError as error:
        if services is not None:
            raise
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    app.cli.add_command(kb)
    return app
