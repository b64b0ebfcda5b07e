"""``kb`` commands for a site that several nodes serve."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from kb_app.cli.common import open_services


@click.command("nodes")
@click.option(
    "--publish-folder",
    "takes_folder",
    is_flag=True,
    help="Replace the articles of all nodes by those of this node's folder.",
)
@with_appcontext
def nodes(takes_folder: bool) -> None:
    """List the nodes of the site, which one leads, and what each serves."""
    from kb_app.db.nodes import known_nodes

    services = open_services()
    if services.node is None:
        raise click.ClickException(
            "This site has one node. Several share a PostgreSQL database: set KB_SHARE_ARTICLES=1 "
            "at each (docs/scaling.md)."
        )
    if takes_folder:
        services.node.articles.begin(takes_folder=True)
        click.echo(f"{services.settings.articles} is what all nodes serve now.")
    for node in known_nodes(services.store.engine):
        state = "leads" if node.leads else "serves"
        click.echo(
            f"{node.name:20} {state if node.is_alive else 'gone':7} "
            f"index {node.index_version or '-':17} version {node.version:10} "
            f"model {node.model}, seen {node.seen_s:.0f} s ago"
        )


COMMANDS = (nodes,)
