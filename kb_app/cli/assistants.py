"""``kb mcp``: the help centre for an assistant on this machine, over standard input and output."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from kb_app.cli.common import with_model


@click.command("mcp")
@with_appcontext
def mcp() -> None:
    """Serve an assistant over standard input and output (Model Context Protocol).

    It reads what customers may read. The same over HTTP, with tokens, is at /mcp of the site.
    """
    from flask import current_app

    from kb_app.web.assistants.server import make_server

    services = with_model()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    settings = services.settings
    make_server(
        settings.name(settings.languages[0]),
        within=lambda: app.test_request_context(
            "/mcp", base_url=settings.address, headers={"User-Agent": "kb mcp"}
        ),
    ).run("stdio")
    services.events.close()


COMMANDS = (mcp,)
