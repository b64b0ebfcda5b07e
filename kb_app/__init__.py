"""The knowledge base site: pages, API and command line. The entry point is ``create_app``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from kb_app.services.container import Services


def create_app(services: Services | None = None) -> Flask:
    """Create the Flask application; settings come from the environment unless services are given.

    Exits with status 2 where a setting of the environment is invalid.
    """
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
