"""``kb`` commands for accounts and API tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from kb_app.cli.common import open_services

if TYPE_CHECKING:
    from kb_app.accounts.model import User

_RULE = (
    "A password needs at least ten characters, must not contain the mail address and must not be "
    "one of those that are easy to guess."
)


@click.group("user")
def user() -> None:
    """Manage the accounts of the desk's users."""


@user.command("add")
@click.argument("mail")
@click.option(
    "--role", type=click.Choice(["agent", "writer", "lead", "admin", "ombudsman"]), required=True
)
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
        raise click.ClickException(_RULE)
    try:
        account = open_services().users.add(mail, role, name, "" if no_password else password or "")
    except AccountError as error:
        raise click.ClickException(str(error)) from error
    open_services().users.note("command line", "added account", f"{account.mail} as {account.role}")
    click.echo(f"{account.mail} is {account.role}.")


@user.command("list")
@with_appcontext
def user_list() -> None:
    """List the accounts with role, state and second factor."""
    for account in open_services().users.all():
        state = "active" if account.active else "off"
        factor = "second factor" if account.second_factor else ""
        click.echo("\t".join((account.mail, account.role, state, factor, account.name)).rstrip())


@user.command("password")
@click.argument("mail")
@click.password_option(required=False, prompt=False, help="Prompted for when it is not given.")
@with_appcontext
def user_password(mail: str, password: str | None) -> None:
    """Set a new password for MAIL; all its sessions end."""
    from kb_app.accounts.model import password_problem

    account = _account(mail)
    password = password or click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if password_problem(password or "", mail):
        raise click.ClickException(_RULE)
    services = open_services()
    services.users.set_password(account.user_id, password or "")
    services.users.note("command line", "password set", account.mail)
    click.echo(f"The password of {account.mail} is set; its sessions have ended.")


@user.command("disable")
@click.argument("mail")
@with_appcontext
def user_disable(mail: str) -> None:
    """Switch the account MAIL off: it cannot sign in, and its sessions and tokens end."""
    _switch(mail, active=False)


@user.command("enable")
@click.argument("mail")
@with_appcontext
def user_enable(mail: str) -> None:
    """Switch the account MAIL on again."""
    _switch(mail, active=True)


@user.command("reset-second-factor")
@click.argument("mail")
@with_appcontext
def user_reset_second_factor(mail: str) -> None:
    """Remove the second factor of MAIL, for somebody who lost the phone and the codes."""
    account, services = _account(mail), open_services()
    services.second_factors.remove(account.user_id)
    services.users.note("command line", "second factor removed", account.mail)
    click.echo(f"{account.mail} signs in by password alone until a second factor is set up.")


def _account(mail: str) -> User:
    account = open_services().users.by_mail(mail)
    if account is None:
        raise click.ClickException(f"There is no account {mail}. Add it with: kb user add")
    return account


def _switch(mail: str, active: bool) -> None:
    account, users = _account(mail), open_services().users
    users.change(account.user_id, active=active)
    users.note("command line", "changed account", f"{account.mail}: {'on' if active else 'off'}")
    click.echo(f"{account.mail} is {'on' if active else 'off'}.")


@click.group("token")
def token() -> None:
    """Manage API tokens."""


@token.command("list")
@with_appcontext
def token_list() -> None:
    """List the tokens: id, name, account, scopes, when they end and were last used."""
    for each in open_services().users.tokens():
        ends = f"ends {_day(each.expires_at)}" if each.expires_at else "never ends"
        used = f"used {_day(each.used_at)}" if each.used_at else "never used"
        scopes = ",".join(each.scopes)
        click.echo("\t".join((each.token_id, each.name, each.mail, scopes, ends, used)))


@token.command("revoke")
@click.argument("token_id")
@with_appcontext
def token_revoke(token_id: str) -> None:
    """End the token TOKEN_ID, as kb token list shows it."""
    users = open_services().users
    revoked = users.revoke_token(token_id)
    if revoked is None:
        raise click.ClickException(f"There is no token {token_id}. See: kb token list")
    users.note("command line", "revoked token", f"{revoked.name} of {revoked.mail}")
    click.echo(f"{revoked.name} is revoked.")


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).date().isoformat()


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
    default=365,
    show_default=True,
    help="Days until the token ends.",
)
@with_appcontext
def token_add(name: str, mail: str, scopes: tuple[str, ...], days: int) -> None:
    """Create a token called NAME and print it; it is shown only once."""
    account = _account(mail)
    click.echo(open_services().users.add_token(name, scopes, account.user_id, days))
    open_services().users.note(
        "command line", "made token", f"{name} for {mail}: {','.join(scopes)}"
    )


COMMANDS = (user, token)
