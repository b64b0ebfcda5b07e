"""``kb`` commands for accounts, figures and the database: thin, imported late."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

# What mail servers take as "try again later" (sysexits.h, EX_TEMPFAIL).
TRY_AGAIN = 75

if TYPE_CHECKING:
    from kb_app.services.container import Services


def _services() -> Services:
    from flask import current_app

    found: Services = current_app.extensions["kb_services"]
    return found


def _with_model() -> Services:
    """The services with their model loaded, so that questions can be grouped by meaning."""
    from search.embedding.background import WarmingEmbedder

    services = _services()
    if isinstance(services.embedder, WarmingEmbedder):
        services.embedder.start()
        services.embedder.wait()
    return services


@click.group("user")
def user() -> None:
    """Accounts of those who work at the desk."""


@user.command("add")
@click.argument("mail")
@click.option("--role", type=click.Choice(["agent", "writer", "lead", "admin"]), required=True)
@click.option("--name", default="")
@click.option("--no-password", is_flag=True, help="They sign in by OpenID Connect, or set a password by mail.")
@click.password_option(required=False, prompt=False, help="Asked for when it is not given.")
@with_appcontext
def user_add(mail: str, role: str, name: str, no_password: bool, password: str | None) -> None:
    """Add an account for MAIL."""
    from kb_app.accounts.model import password_problem
    from kb_app.accounts.store import AccountError

    if not no_password and not password:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    wrong = "" if no_password else password_problem(password or "", mail)
    if wrong:
        raise click.ClickException("A password needs ten characters or more and must not hold the address.")
    try:
        made = _services().users.add(mail, role, name, "" if no_password else password or "")
    except AccountError as error:
        raise click.ClickException(str(error)) from error
    _services().users.note("command line", "added account", f"{made.mail} as {made.role}")
    click.echo(f"{made.mail} is {made.role}.")


@click.group("token")
def token() -> None:
    """Tokens for programs that use the API."""


@token.command("add")
@click.argument("name")
@click.option("--mail", required=True, help="The account in whose name the program works.")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(["search", "events", "reports"]))
@click.option("--days", type=click.IntRange(1, 3650), default=None, help="Days until it expires; never when left out.")
@with_appcontext
def token_add(name: str, mail: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make a token called NAME; it is shown once."""
    found = _services().users.by_mail(mail)
    if found is None:
        raise click.ClickException(f"There is no account {mail}. Add it with: kb user add")
    click.echo(_services().users.add_token(name, scopes, found.user_id, days))
    _services().users.note("command line", "made token", f"{name} for {mail}: {','.join(scopes)}")


@click.command("figures")
@click.option("--everything", is_flag=True, help="Work all episodes out anew, not only what is new.")
@with_appcontext
def figures(everything: bool) -> None:
    """Bring episodes, daily figures and gaps up to now."""
    from kb_app.analytics.episodes.job import JobRunning

    services = _with_model()
    try:
        report = services.work_out(everything)
    except JobRunning as error:
        raise click.ClickException(str(error)) from error
    services.work_out_gaps()
    click.echo(f"{report.episodes} episodes of {report.clients} visitors, {report.days} days, {report.seconds} s")


@click.command("erase")
@click.option("--client", required=True, help="The value of the visitor's kb_client cookie.")
@with_appcontext
def erase(client: str) -> None:
    """Remove one visitor's trail."""
    click.echo(f"{_services().erase(client)} events removed")


@click.command("purge")
@with_appcontext
def purge() -> None:
    """Remove what is older than KB_RETENTION_DAYS."""
    services = _services()
    before = services.clock() - timedelta(days=services.settings.retention_days)
    click.echo(f"{services.store.purge(int(before.timestamp() * 1000))} events removed")


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
def backup(file: Path) -> None:
    """Write the database to FILE, a zip."""
    from kb_app.db.backup import backup as write

    counts = write(_services().store.engine, file)
    click.echo(f"{file}: {sum(counts.values())} rows")


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_appcontext
def restore(file: Path) -> None:
    """Fill an empty database from FILE."""
    from kb_app.db.backup import restore as read
    from kb_app.db.engine import DatabaseError

    try:
        counts = read(_services().store.engine, file)
    except DatabaseError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{sum(counts.values())} rows restored")


@click.command("digest")
@click.option("--to", "receivers", multiple=True, help="Mail addresses; all leads when left out.")
@click.option("--print", "show", is_flag=True, help="Print it and send nothing.")
@with_appcontext
def digest(receivers: tuple[str, ...], show: bool) -> None:
    """Mail the last seven days to the leads."""
    from kb_app.analytics.gaps.gap_store import GapStore
    from kb_app.services.weekly_digest import receivers as leads
    from kb_app.services.weekly_digest import send_digest, write_digest
    from kb_app.smtp import MailError

    services = _services()
    gaps = GapStore(services.store, services.vectors())
    if show:
        click.echo("\n\n".join(write_digest(services.settings, gaps, services.clock())))
        return
    to = list(receivers) or leads(services.users)
    try:
        send_digest(services.settings, gaps, services.clock(), to)
    except MailError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"sent to {', '.join(to)}")


@click.command("events")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@with_appcontext
def events(folder: Path) -> None:
    """Write the log into FOLDER as User Behavior Insights 1.3: queries.jsonl and events.jsonl."""
    import orjson

    from kb_app.analytics.reports.ubi_export import action_to_ubi, query_to_ubi

    services = _services()
    name, end = services.settings.site_name, int(services.clock().timestamp() * 1000) + 1
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "queries.jsonl").open("wb") as file:
        file.writelines(orjson.dumps(query_to_ubi(query, name)) + b"\n" for query in services.store.each_query(0, end, bots=True))
    with (folder / "events.jsonl").open("wb") as file:
        file.writelines(orjson.dumps(action_to_ubi(action, name)) + b"\n" for action in services.store.actions(0, end))
    click.echo(f"{folder}/queries.jsonl, {folder}/events.jsonl")


@click.command("known")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
def known(file: Path) -> None:
    """Write to FILE what the log knows to be answered or not, for kb calibrate: confirmed and unanswered problems."""
    import json

    from kb_app.analytics.reports.reports import Reports

    found = Reports(_services().store.engine).known_queries()
    lines = [json.dumps({"query": text, "answered": answered, "lang": lang}, ensure_ascii=False) for text, lang, answered in found]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    click.echo(f"{file}: {sum(answered for _, _, answered in found)} answered, {sum(not answered for _, _, answered in found)} not")


@click.command("mail-in")
@with_appcontext
def mail_in() -> None:
    """Make a case of one mail on standard input, as a mail server pipes it. Exit status 75 asks it to try again later."""
    import sys

    from sqlalchemy.exc import SQLAlchemyError

    services = _with_model()
    raw = sys.stdin.buffer.read()
    try:
        click.echo(services.people.mail_desk.take(raw, int(services.clock().timestamp() * 1000)))
    except SQLAlchemyError as error:
        click.echo(f"The mail could not be kept ({type(error).__name__}); it is to be sent again.", err=True)
        sys.exit(TRY_AGAIN)
    finally:
        services.events.close()


@click.command("post")
@with_appcontext
def post() -> None:
    """Send and fetch what is due about cases once: for a schedule of your own where KB_BACKGROUND_JOBS is off."""
    services = _with_model()
    done = services.people.run(int(services.clock().timestamp() * 1000))
    services.events.close()
    click.echo(f"{done.done} sent, {done.again} to be tried again, {done.dead} need a person")


COMMANDS = (user, token, figures, events, known, erase, purge, backup, restore, digest, mail_in, post)
