"""``kb`` commands for accounts and API tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from kb_app.cli.common import open_services

if TYPE_CHECKING:
    pass


@click.group("user")
def user() -> None:
    """Manage the accounts of the desk's users."""


@user.command("add")
@click.argument("mail")
@click.option("--role", type=click.Choice(["agent", "writer", "lead", "admin"]), required=True)
@click.option("--name", default="")
@click.option(
    "--no-password",
    is_flag=True,
    help="Set no password: the user signs in by OpenID Connect or sets one by mail.",
)
@click.password_option(required=False, prompt=False, help="Prompted for when it is not given.")
@with_appcontext
def user_add(mail: str, role: str, name: str, no_password: bool, password: str | None) -> None:
    """Add an account for MAIL."""
    from kb_app.accounts.model import password_problem
    from kb_app.accounts.store import AccountError

    if not no_password and not password:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    problem = "" if no_password else password_problem(password or "", mail)
    if problem:
        raise click.ClickException(
            "A password needs at least ten characters and must not contain the mail address."
        )
    try:
        account = open_services().users.add(mail, role, name, "" if no_password else password or "")
    except AccountError as error:
        raise click.ClickException(str(error)) from error
    open_services().users.note("command line", "added account", f"{account.mail} as {account.role}")
    click.echo(f"{account.mail} is {account.role}.")


@click.group("token")
def token() -> None:
    """Manage API tokens."""


@token.command("add")
@click.argument("name")
@click.option("--mail", required=True, help="The account that the token acts for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["search", "events", "reports"]),
)
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=None,
    help="Days until the token expires; default: never.",
)
@with_appcontext
def token_add(name: str, mail: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Create a token called NAME and print it; it is shown only once."""
    account = open_services().users.by_mail(mail)
    if account is None:
        raise click.ClickException(f"There is no account {mail}. Add it with: kb user add")
    click.echo(open_services().users.add_token(name, scopes, account.user_id, days))
    open_services().users.note(
        "command line", "made token", f"{name} for {mail}: {','.join(scopes)}"
    )


COMMANDS = (user, token)
