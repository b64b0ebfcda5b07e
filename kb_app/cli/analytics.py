"""``kb`` commands for figures, the digest and exports of the event log."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import with_appcontext

from kb_app.cli.common import open_services, with_model


@click.command("figures")
@click.option("--everything", is_flag=True, help="Recompute all episodes, not only new ones.")
@with_appcontext
def figures(everything: bool) -> None:
    """Update episodes, daily figures and gaps."""
    from kb_app.analytics.episodes.job import JobAlreadyRunningError

    services = with_model()
    try:
        report = services.analytics.update_episodes(everything)
    except JobAlreadyRunningError as error:
        raise click.ClickException(str(error)) from error
    services.analytics.update_gaps()
    click.echo(
        f"{report.episodes} episodes of {report.clients} visitors, {report.days} days, "
        f"{report.seconds} s"
    )


@click.command("digest")
@click.option(
    "--to", "receivers", multiple=True, help="Mail address of a receiver; default: all leads."
)
@click.option("--print", "show", is_flag=True, help="Print the digest instead of mailing it.")
@with_appcontext
def digest(receivers: tuple[str, ...], show: bool) -> None:
    """Mail the digest of the last seven days to the leads."""
    from kb_app.analytics.gaps.gap_store import GapStore
    from kb_app.services.weekly_digest import receivers as leads
    from kb_app.services.weekly_digest import send_digest, write_digest
    from kb_app.smtp import MailError

    services = open_services()
    gaps = GapStore(services.store, services.analytics.vectors())
    if show:
        click.echo("\n\n".join(write_digest(services.settings, gaps, services.clock())))
        return
    to = list(receivers) or leads(services.users)
    try:
        send_digest(services.settings, gaps, services.clock(), to)
    except MailError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"sent to {', '.join(to)}")


@click.command("questions")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--last", default=2_000, show_default=True, help="How many different questions.")
@with_appcontext
def questions(file: Path, last: int) -> None:
    """Write the last questions that people asked, for python -m indexer answers."""
    import json

    from indexer.atomic_write import replace_file
    from kb_app.services.draft_answers import recent_questions

    found = recent_questions(open_services().store, max(1, last))
    lines = (
        json.dumps({"text": one.text, "lang": one.lang, "people": one.people}, ensure_ascii=False)
        for one in found
    )
    replace_file(file, "".join(f"{line}\n" for line in lines))
    click.echo(f"{len(found)} questions")


@click.command("events")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@with_appcontext
def events(folder: Path) -> None:
    """Export the log to FOLDER as User Behavior Insights 1.3: queries.jsonl and events.jsonl."""
    import orjson

    from kb_app.analytics.reports.ubi_export import action_to_ubi, query_to_ubi

    services = open_services()
    name, end = services.settings.site_name, int(services.clock().timestamp() * 1000) + 1
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "queries.jsonl").open("wb") as file:
        file.writelines(
            orjson.dumps(query_to_ubi(query, name)) + b"\n"
            for query in services.store.each_query(0, end, bots=True)
        )
    with (folder / "events.jsonl").open("wb") as file:
        file.writelines(
            orjson.dumps(action_to_ubi(action, name)) + b"\n"
            for action in services.store.each_action(0, end)
        )
    click.echo(f"{folder}/queries.jsonl, {folder}/events.jsonl")


@click.command("known")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
def known(file: Path) -> None:
    """Export confirmed and unanswered queries of the log to FILE, for kb calibrate."""
    import json

    from kb_app.analytics.reports.reports import Reports

    queries = Reports(open_services().store.engine).known_queries()
    lines = [
        json.dumps({"query": text, "answered": answered, "lang": lang}, ensure_ascii=False)
        for text, lang, answered in queries
    ]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    click.echo(
        f"{file}: {sum(answered for _, _, answered in queries)} answered, "
        f"{sum(not answered for _, _, answered in queries)} not"
    )


COMMANDS = (figures, events, questions, known, digest)
