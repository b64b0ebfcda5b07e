"""``kb`` commands for backups and for the removal of data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import click
from flask.cli import with_appcontext

from kb_app.cli.common import open_services


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
    """Write the database, its files and keys, the articles and the calibration to FILE.

    The site may go on serving. An existing file is not replaced. KB_BACKUP_PASSPHRASE encrypts.
    """
    from kb_app.services.site_backup import BackupError, back_up

    services = open_services()
    try:
        made = back_up(services.site, file, services.settings.backup_passphrase, services.clock())
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    encrypted = ", encrypted" if services.settings.backup_passphrase else ""
    for name in made.left_out:
        click.echo(f"left out: {name}", err=True)
    click.echo(f"{file}: {sum(made.rows.values())} rows, {made.files} files{encrypted}; verified")


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_appcontext
def restore(file: Path) -> None:
    """Fill an empty site from FILE, written by kb backup; SQLite or PostgreSQL."""
    from kb_app.services.site_backup import BackupError
    from kb_app.services.site_backup import restore as read

    services = open_services()
    try:
        made = read(services.site, file, services.settings.backup_passphrase)
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    of = f" of {made.made_at}" if made.made_at else ""
    click.echo(f"{sum(made.rows.values())} rows and {made.files} files{of} restored.")
    click.echo("Start the site again, so that it uses the restored key: kb serve")


@click.group("person")
def person() -> None:
    """Export or erase what is kept about one person."""


@person.command("export")
@click.argument("mail")
@click.option(
    "--to",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("person.zip"),
    show_default=True,
    help="The zip archive to write; an existing file is not replaced.",
)
@with_appcontext
def person_export(mail: str, target: Path) -> None:
    """Write all that is kept about the address MAIL to a zip archive."""
    services = open_services()
    try:
        services.personal_data.person(mail)
        with target.open("xb") as file:
            counts = services.personal_data.export(mail, file)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    except FileExistsError as error:
        raise click.ClickException(f"{target} exists. Choose another file with --to.") from error
    services.users.note("command line", "exported a person's data")
    click.echo(f"{target}: {_listed(counts)}")


@person.command("erase")
@click.argument("mail")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def person_erase(mail: str, yes: bool) -> None:
    """Remove all that is kept about the address MAIL; this cannot be undone."""
    services = open_services()
    try:
        known = services.personal_data.person(mail)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Kept: {_listed(services.personal_data.count(mail))}")
    if not yes:
        click.confirm("Remove all of it?", abort=True)
    click.echo(f"Removed: {_listed(services.personal_data.erase(mail))}")
    services.users.note("command line", "erased a person's data")
    if known.mentions:
        click.echo(f"Other cases mention the address; read them: {', '.join(known.mentions)}")
    if known.has_account:
        click.echo("The address has an account at the desk, which stays.")


@click.group("case")
def case() -> None:
    """Manage single cases."""


@case.command("erase")
@click.argument("number")
@with_appcontext
def case_erase(number: str) -> None:
    """Remove the case NUMBER with its messages, files and deliveries."""
    services = open_services()
    if not services.personal_data.erase_case(number.strip("[]# ").upper()):
        raise click.ClickException(f"There is no case {number}.")
    services.users.note("command line", "erased a case", number)
    click.echo(f"{number} is removed.")


@click.command("tasks")
@click.option("--retry", "name", default="", help="Let a task that was set aside run again.")
@with_appcontext
def tasks(name: str) -> None:
    """List the background tasks that ran too long; two times set a task aside."""
    from kb_app.services.set_aside import MOST, SetAside

    aside = SetAside(open_services().settings.data)
    if name and not aside.release(name):
        raise click.ClickException(f"The task {name} is not set aside. See: kb tasks")
    for task, count in sorted(aside.counts().items()):
        click.echo(f"{task}: {'set aside' if count >= MOST else 'ran too long once'}")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing"


COMMANDS = (backup, restore, erase, purge, person, case, tasks)
