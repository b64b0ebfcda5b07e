"""The daily backup: when it is due, what it is called, and which old ones are removed."""

from __future__ import annotations

import logging
import re
from datetime import datetime, timedelta
from pathlib import Path

from kb_app.services.site_backup import BackupError, Site, back_up
from kb_app.settings import Settings

log = logging.getLogger("kb_app.services.daily_backup")
_NAME = re.compile(r"\Akb-(\d{8}-\d{4})\.zip\Z")
_STAMP = "%Y%m%d-%H%M"


def run_daily_backup(site: Site, settings: Settings, now: datetime) -> Path | None:
    """Make the day's backup if its time has come and none was made since; remove old ones.

    Returns the file; None where none is due. A failure is logged, and tried again at the next call.
    """
    local = now.astimezone(settings.zone)
    if not settings.backup or not _is_due(settings, local):
        return None
    target = settings.backup_folder / f"kb-{local.strftime(_STAMP)}.zip"
    try:
        made = back_up(site, target, settings.backup_passphrase, now)
    except BackupError as error:
        log.error("no backup was made: %s", error)
        return None
    log.info("backup %s: %d rows, %d files", target, sum(made.rows.values()), made.files)
    for name in made.left_out:
        log.warning("backup %s: left out %s", target, name)
    made_before = [path for path in _backups(target.parent) if path.name <= target.name]
    for old in made_before[: -settings.backup_keep]:
        old.unlink(missing_ok=True)
    return target


def _is_due(settings: Settings, local: datetime) -> bool:
    hour, minute = map(int, settings.backup.split(":"))
    time = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    last_due = time if time <= local else time - timedelta(days=1)
    # One of a time to come, made while the clock was wrong, does not count.
    now = f"kb-{local.strftime(_STAMP)}.zip"
    past = [path for path in _backups(settings.backup_folder) if path.name <= now]
    return not past or past[-1].name < f"kb-{last_due.strftime(_STAMP)}.zip"


def _backups(folder: Path) -> list[Path]:
    """The daily backups, oldest first."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if _NAME.match(path.name))
