"""``kb`` commands for cases and mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from kb_app.cli.common import with_model

if TYPE_CHECKING:
    pass


# What mail servers take as "try again later" (sysexits.h, EX_TEMPFAIL).
TRY_AGAIN = 75


@click.command("mail-in")
@with_appcontext
def mail_in() -> None:
    """Make a case of one mail on standard input, as a mail server pipes it. Exit status 75 asks it to try again later."""
    import sys

    from sqlalchemy.exc import SQLAlchemyError

    services = with_model()
    raw = sys.stdin.buffer.read()
    try:
        click.echo(services.support.mail_intake.take(raw, int(services.clock().timestamp() * 1000)))
    except SQLAlchemyError as error:
        click.echo(
            f"The mail could not be kept ({type(error).__name__}); it is to be sent again.",
            err=True,
        )
        sys.exit(TRY_AGAIN)
    finally:
        services.events.close()


@click.command("post")
@with_appcontext
def post() -> None:
    """Send and fetch what is due about cases once: for a schedule of your own where KB_BACKGROUND_JOBS is off."""
    services = with_model()
    done = services.support.run(int(services.clock().timestamp() * 1000))
    services.events.close()
    click.echo(f"{done.done} sent, {done.again} to be tried again, {done.dead} need a person")


COMMANDS = (mail_in, post)
