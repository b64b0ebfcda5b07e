"""``kb`` commands for backups and for the removal of data."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from kb_app.cli.common import open_services

if TYPE_CHECKING:
    pass


@click.command("erase")
@click.option("--client", required=True, help="The value of the visitor's kb_client cookie.")
@with_appcontext
def erase(client: str) -> None:
    """Remove all events of one visitor."""
    click.echo(f"{open_services().erase(client)} events removed")


@click.command("purge")
@with_appcontext
def purge() -> None:
    """Remove events older than KB_RETENTION_DAYS."""
    services = open_services()
    before = services.clock() - timedelta(days=services.settings.retention_days)
    click.echo(f"{services.store.purge(int(before.timestamp() * 1000))} events removed")


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
def backup(file: Path) -> None:
    """Export the database to FILE, a zip archive."""
    from kb_app.db.backup import backup as write

    counts = write(open_services().store.engine, file)
    click.echo(f"{file}: {sum(counts.values())} rows")


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_appcontext
def restore(file: Path) -> None:
    """Import FILE, written by kb backup, into an empty database."""
    from kb_app.db.backup import restore as read
    from kb_app.db.engine import DatabaseError

    try:
        counts = read(open_services().store.engine, file)
    except DatabaseError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{sum(counts.values())} rows restored")


COMMANDS = (backup, restore, erase, purge)
