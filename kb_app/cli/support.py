"""``kb`` commands for cases and mail."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from kb_app.cli.common import with_model

# Mail servers retry later on this exit status (sysexits.h, EX_TEMPFAIL).
TRY_AGAIN = 75


@click.command("mail-in")
@with_appcontext
def mail_in() -> None:
    """Create a case from one mail on standard input, as piped by a mail server.

    Exit status 75 asks the mail server to try again later.
    """
    import sys

    from sqlalchemy.exc import SQLAlchemyError

    from kb_app.support.inbound.email_parser import MAX_BYTES

    services = with_model()
    raw = sys.stdin.buffer.read(MAX_BYTES)
    try:
        click.echo(services.support.mail_intake.take(raw, int(services.clock().timestamp() * 1000)))
    except SQLAlchemyError as error:
        click.echo(
            f"The mail could not be stored ({type(error).__name__}); send it again later.",
            err=True,
        )
        sys.exit(TRY_AGAIN)
    finally:
        services.events.close()


@click.command("post")
@with_appcontext
def post() -> None:
    """Send and fetch what is due for cases once, for use where KB_BACKGROUND_JOBS is off."""
    services = with_model()
    outcome = services.support.run(int(services.clock().timestamp() * 1000))
    services.events.close()
    click.echo(f"{outcome.done} sent, {outcome.again} to retry, {outcome.dead} failed for good")


COMMANDS = (mail_in, post)
