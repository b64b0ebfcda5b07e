"""Backups hold the whole site, open in another database kind, and change nothing when damaged."""

from __future__ import annotations

import io
import os
import random
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import Engine, func, insert, select

from kb_app.db import schema
from kb_app.db.secret_key import site_key
from kb_app.db.writing import insert_once
from kb_app.services.daily_backup import run_daily_backup
from kb_app.services.site_backup import SEALED, BackupError, Site, back_up, restore, verify
from kb_app.settings import Settings
from kb_app.support.attachments import Uploads
from kb_app.support.model import Attachment
from tests.integration.conftest import fresh

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
TABLES = [each for each in schema.metadata.sorted_tables if each.name != "job_state"]
opened = contextmanager(fresh)


@pytest.fixture
def site(engine: Engine, tmp_path: Path) -> Site:
    """A site with a case, a file of two pieces, a key, articles with a picture, a calibration."""
    articles, data = tmp_path / "articles", tmp_path / "var"
    (articles / "ja" / "返品").mkdir(parents=True)
    (articles / "ja" / "返品" / "a.md").write_text("---\nid: a\n---\n返品\n", encoding="utf-8")
    (articles / "ja" / "図.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    (articles / ".git").mkdir()
    (articles / ".git" / "config").write_text("secret")
    data.mkdir()
    (data / "calibration.json").write_text("{}")
    site_key(engine, data)
    add_case(engine, 1)
    content = b"\x89PNG\r\n\x1a\n" + bytes(700_000)
    Uploads(engine).keep(io.BytesIO(content), "写真.png", "form", 1_000_000, 1)
    return Site(engine, articles, data)


@pytest.fixture
def empty(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> Iterator[Site]:
    """An empty site whose database is of the other kind; it has made its own key."""
    other = "sqlite" if site.engine.dialect.name == "postgresql" else "postgresql"
    with opened(request, other, tmp_path / "other.sqlite") as target:
        site_key(target, tmp_path)
        yield Site(target, tmp_path / "restored", tmp_path / "restored-data")


def add_case(engine: Engine, number: int) -> None:
    case_id = f"case{number}"
    case = {"case_id": case_id, "number": f"N{number}", "form_id": f"f{number}", "at": 1}
    message = {"message_id": case_id, "case_id": case_id, "at": 1, "author": "customer"}
    with engine.begin() as connection:
        connection.execute(insert(schema.cases), case | {"message": "荷物が😀来ない\n"})
        connection.execute(insert(schema.case_messages), message | {"text": "同じ"})


def rows_of(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    with engine.connect() as connection:
        return {
            str(table.name): sorted(map(tuple, connection.execute(select(table)).all()), key=repr)
            for table in TABLES
        }


@pytest.mark.parametrize("passphrase", ["", "正しい合言葉"])
def test_a_backup_fills_an_empty_site_of_another_kind(
    site: Site, empty: Site, tmp_path: Path, passphrase: str
) -> None:
    made = back_up(site, tmp_path / "kb.zip", passphrase, NOW)
    assert (tmp_path / "kb.zip").stat().st_mode & 0o077 == 0
    assert restore(empty, tmp_path / "kb.zip", passphrase) == made
    assert rows_of(empty.engine) == rows_of(site.engine)
    assert site_key(empty.engine, tmp_path) == site_key(site.engine, tmp_path)
    names = {path.relative_to(empty.articles).as_posix() for path in empty.articles.rglob("*.*")}
    assert names == {"ja/返品/a.md", "ja/図.png"}
    for name in names:
        assert (empty.articles / name).read_bytes() == (site.articles / name).read_bytes()
    assert (empty.data / "calibration.json").read_text() == "{}"
    with empty.engine.connect() as connection:
        name = str(connection.execute(select(schema.stored_files.c.attachment_id)).scalar_one())
    file = Attachment(name, "form", "", "写真.png", "image/png", 700_008, 1)
    assert len(b"".join(Uploads(empty.engine).read(file) or ())) == 700_008
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_folder_that_is_a_mount_is_filled(
    site: Site, empty: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(site, tmp_path / "kb.zip", "", NOW)
    empty.articles.mkdir()
    before = empty.articles.stat().st_ino
    monkeypatch.setattr(Path, "is_mount", lambda path: path == empty.articles)
    restore(empty, tmp_path / "kb.zip", "")
    assert empty.articles.stat().st_ino == before
    assert sorted(path.name for path in empty.articles.iterdir()) == ["ja"]
    assert (empty.articles / "ja/返品/a.md").is_file()


def test_nothing_that_is_there_is_replaced(site: Site, empty: Site, tmp_path: Path) -> None:
    target = tmp_path / "kb.zip"
    target.write_text("another file")
    with pytest.raises(BackupError, match="exists"):
        back_up(site, target, "", NOW)
    assert target.read_text() == "another file"
    back_up(site, tmp_path / "real.zip", "", NOW)
    with pytest.raises(BackupError, match="not empty"):
        restore(site, tmp_path / "real.zip", "")
    empty.articles.mkdir()
    (empty.articles / "mine.md").write_text("mine")
    with pytest.raises(BackupError, match="KB_ARTICLES"):
        restore(empty, tmp_path / "real.zip", "")
    assert rows_of(empty.engine)["cases"] == []


@pytest.mark.parametrize("passphrase", ["", "secret"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_backup_cut_short_changes_nothing(
    site: Site, empty: Site, tmp_path: Path, share: float, passphrase: str
) -> None:
    whole = tmp_path / "kb.zip"
    back_up(site, whole, passphrase, NOW)
    content = whole.read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: int(share * len(content))])
    with pytest.raises(BackupError, match="Nothing was changed"):
        restore(empty, tmp_path / "cut.zip", passphrase)
    assert rows_of(empty.engine)["cases"] == [] and not empty.articles.exists()


def test_one_changed_byte_is_found(site: Site, empty: Site, tmp_path: Path) -> None:
    back_up(site, tmp_path / "kb.zip", "", NOW)
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(tmp_path / "kb.zip") as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b"N1", b"N2") if name == "cases.jsonl" else content)
    with pytest.raises(BackupError, match=r"damaged: cases\.jsonl has changed"):
        restore(empty, changed, "")


@pytest.mark.parametrize(("given", "said"), [("", "KB_BACKUP_PASSPHRASE"), ("other", "wrong")])
def test_a_locked_backup_needs_its_passphrase(
    site: Site, empty: Site, tmp_path: Path, given: str, said: str
) -> None:
    back_up(site, tmp_path / "kb.zip", "secret", NOW)
    with zipfile.ZipFile(tmp_path / "kb.zip") as outer:
        assert outer.read(SEALED).startswith(b"age-encryption.org/v1")
        assert b"cases" not in (tmp_path / "kb.zip").read_bytes()
    with pytest.raises(BackupError, match=said):
        restore(empty, tmp_path / "kb.zip", given)


@pytest.mark.parametrize(
    "manifest", [{"format": 99, "rows": {}}, {"format": 2, "schema": "9999", "rows": {}}]
)
def test_a_newer_backup_is_refused_with_words(
    empty: Site, tmp_path: Path, manifest: dict[str, object]
) -> None:
    with zipfile.ZipFile(tmp_path / "kb.zip", "w") as archive:
        archive.writestr("manifest.json", orjson.dumps(manifest))
        archive.writestr("checksums.json", b"{}")
    with pytest.raises(BackupError, match=r"newer version.*Update the program first"):
        restore(empty, tmp_path / "kb.zip", "")


def test_a_backup_of_the_version_before_is_restored(empty: Site, tmp_path: Path) -> None:
    case = {"case_id": "c", "number": "N", "form_id": "f", "at": 1, "message": "前の版", "extra": 1}
    with zipfile.ZipFile(tmp_path / "kb.zip", "w") as archive:
        archive.writestr("cases.jsonl", orjson.dumps(case) + b"\n")
        archive.writestr("manifest.json", orjson.dumps({"schema": "0003", "rows": {"cases": 1}}))
    assert restore(empty, tmp_path / "kb.zip", "").rows == {"cases": 1}
    assert len(rows_of(empty.engine)["cases"]) == 1


def test_a_backup_taken_while_the_site_writes_is_of_one_moment(
    site: Site, empty: Site, tmp_path: Path
) -> None:
    stop, written = threading.Event(), [1]

    def write() -> None:
        while not stop.is_set():
            written[0] += 1
            add_case(site.engine, written[0])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [back_up(site, tmp_path / f"{number}.zip", "", NOW) for number in range(4)]
    finally:
        stop.set()
        writer.join()
    assert all(each.rows["cases"] == each.rows["case_messages"] for each in made)
    assert made[-1].rows["cases"] > made[0].rows["cases"]
    restore(empty, tmp_path / "3.zip", "")
    with empty.engine.connect() as connection:
        count = connection.execute(select(func.count()).select_from(schema.cases)).scalar()
    assert count == made[-1].rows["cases"]


def test_a_daily_backup_is_made_once_a_day_and_old_ones_go(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    settings = Settings(backup="03:30", backup_folder=folder, backup_keep=2, timezone="Asia/Tokyo")
    night = datetime(2026, 11, 30, 18, 31, tzinfo=UTC)  # 03:31 in Tokyo
    (folder / "own.zip").parent.mkdir()
    (folder / "own.zip").write_text("not a daily one")
    first = run_daily_backup(site, settings, night)
    assert first is not None and first.name == "kb-20261201-0331.zip"
    assert run_daily_backup(site, settings, night + timedelta(hours=20)) is None
    for day in (1, 2, 3):
        assert run_daily_backup(site, settings, night + timedelta(days=day)) is not None
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["kb-20261203-0331.zip", "kb-20261204-0331.zip", "own.zip"]


def test_a_backup_that_fails_leaves_nothing_and_says_why(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    settings = Settings(backup="03:30", backup_folder=tmp_path / "file" / "below")
    assert run_daily_backup(site, settings, NOW) is None
    assert "no backup was made" in caplog.text


def test_numbers_go_on_after_those_that_were_restored(
    site: Site, empty: Site, tmp_path: Path
) -> None:
    def enqueue(engine: Engine, key: str) -> bool:
        row = {"delivery_id": key, "case_id": "c", "sink": "mail", "action": "send", "key": key}
        with engine.begin() as connection:
            return insert_once(connection, schema.outbox, row | {"created_at": 1, "next_at": 1})

    assert [enqueue(site.engine, f"old{number}") for number in range(8)] == [True] * 8
    back_up(site, tmp_path / "kb.zip", "", NOW)
    restore(empty, tmp_path / "kb.zip", "")
    assert [enqueue(empty.engine, f"new{number}") for number in range(5)] == [True] * 5
    assert not enqueue(empty.engine, "new1") and not enqueue(empty.engine, "old1")
    assert len(rows_of(empty.engine)["outbox"]) == 13


def test_odd_names_dates_and_links_do_not_stop_a_backup(
    site: Site, empty: Site, tmp_path: Path
) -> None:
    os.utime(site.articles / "ja" / "図.png", (0, 0))
    (site.articles / "ja" / "link.md").symlink_to(site.articles / "ja" / "返品" / "a.md")
    (site.articles / "ja" / "out.md").symlink_to(tmp_path / "log.sqlite")
    Path(os.fsdecode(os.fsencode(site.articles) + b"/\x83\x65.md")).write_text("cp932")
    made = back_up(site, tmp_path / "kb.zip", "", NOW)
    assert len(made.left_out) == 2 and made.files == 3
    assert "not UTF-8" in made.left_out[0] and "out.md" in made.left_out[1]
    restore(empty, tmp_path / "kb.zip", "")
    assert "返品" in (empty.articles / "ja" / "link.md").read_text(encoding="utf-8")


def test_a_backup_does_not_hold_the_backups_before_it(site: Site) -> None:
    inside = replace(site, backups=site.articles / "backups")
    sizes = []
    for day in range(4):
        target = site.articles / "backups" / f"{day}.zip"
        back_up(inside, target, "", NOW)
        sizes.append(target.stat().st_size)
    assert max(sizes) < 1.1 * min(sizes)


def test_a_restore_that_cannot_write_leaves_the_site_empty(
    site: Site, empty: Site, tmp_path: Path
) -> None:
    back_up(site, tmp_path / "kb.zip", "", NOW)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BackupError, match="Nothing was restored"):
        restore(replace(empty, articles=tmp_path / "file" / "a"), tmp_path / "kb.zip", "")
    empty.data.mkdir(exist_ok=True)
    (empty.data / "calibration.json").write_text("mine")
    with pytest.raises(BackupError, match=r"calibration\.json exists"):
        restore(empty, tmp_path / "kb.zip", "")
    assert rows_of(empty.engine)["cases"] == []
    (empty.data / "calibration.json").unlink()
    assert restore(empty, tmp_path / "kb.zip", "").files == 2


@pytest.mark.parametrize("name", ["/owned-by-a-backup", "../owned", "a/../../owned", "a//b", ""])
def test_no_member_leaves_its_folder(empty: Site, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "kb.zip", "w") as archive:
        archive.writestr(f"articles/{name}", "owned")
        archive.writestr("manifest.json", orjson.dumps({"schema": "0003", "rows": {}}))
    with pytest.raises(BackupError, match="leads out of its folder"):
        restore(empty, tmp_path / "kb.zip", "")
    assert not list(tmp_path.rglob("owned")) and not Path("/owned-by-a-backup").exists()


def test_no_changed_bit_is_an_unexplained_error(site: Site, empty: Site, tmp_path: Path) -> None:
    back_up(site, tmp_path / "kb.zip", "", NOW)
    content = bytearray((tmp_path / "kb.zip").read_bytes())
    chance, changed = random.Random(7), tmp_path / "changed.zip"
    for _ in range(60):
        at, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
        content[at] ^= bit
        changed.write_bytes(content)
        content[at] ^= bit
        try:
            verify(changed)
        except BackupError:
            continue


def test_a_key_that_a_setting_gives_is_in_the_backup(
    site: Site, empty: Site, tmp_path: Path
) -> None:
    back_up(replace(site, given_key="from the setting"), tmp_path / "kb.zip", "", NOW)
    restore(empty, tmp_path / "kb.zip", "")
    assert site_key(empty.engine, tmp_path) == "from the setting"


def test_what_a_killed_backup_left_is_removed(site: Site, tmp_path: Path) -> None:
    left = site.data / ".backup-left"
    left.mkdir()
    (left / "backup.zip").write_text("plain")
    os.utime(left, (0, 0))
    back_up(site, tmp_path / "kb.zip", "secret", NOW)
    assert not left.exists() and [path.name for path in site.data.glob(".*")] == []


def test_a_backup_of_a_time_to_come_stops_no_backup(site: Site, tmp_path: Path) -> None:
    settings = Settings(backup="03:30", backup_folder=tmp_path / "backups", backup_keep=1)
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "kb-20300101-0400.zip").write_text("made while the clock was wrong")
    assert run_daily_backup(site, settings, NOW + timedelta(hours=1)) is not None
    assert run_daily_backup(site, settings, NOW + timedelta(hours=2)) is None
    assert run_daily_backup(site, settings, NOW + timedelta(hours=25)) is not None
    names = sorted(path.name for path in (tmp_path / "backups").iterdir())
    assert names == ["kb-20261201-0400.zip", "kb-20300101-0400.zip"]
