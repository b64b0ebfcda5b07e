"""Parts around a case: secret links, files, spam and notices."""

import io
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from kb_app.db import schema
from kb_app.db.engine import open_database
from kb_app.durations import DAY, HOUR
from kb_app.support.access_links import ExpiredLinkError, InvalidLinkError, Links
from kb_app.support.attachments import (
    PIECE_BYTES,
    UploadRejectedError,
    Uploads,
    take_over_folder,
    tidy,
)
from kb_app.support.model import Attachment
from kb_app.support.notices import Notice, NoticeStore, names_it
from kb_app.support.spam import spam_reason
from tests.integration.kb_app.casework import NOW, SupportFixture, support_fixture
from tests.support import new_database


@pytest.fixture
def support(tmp_path: Path) -> SupportFixture:
    engine = new_database(tmp_path)
    return support_fixture(engine, mails=True)


def test_a_link_opens_one_case_for_one_purpose_until_it_expires() -> None:
    links = Links("secret", 10)
    token = links.make("case", "one", NOW)
    assert links.read("case", token, NOW + 9 * DAY) == "one"
    with pytest.raises(ExpiredLinkError):
        links.read("case", token, NOW + 11 * DAY)
    for wrong in (
        token[:-9] + ("A" if token[-9] != "A" else "B") + token[-8:],
        "",
        "x.y",
        token[1:],
        Links("other", 10).make("case", "one", NOW),
    ):
        with pytest.raises(InvalidLinkError):
            links.read("case", wrong, NOW)
    with pytest.raises(InvalidLinkError):
        links.read("notice", token, NOW)


PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    b"\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("写真.png", PNG, ""),
        ("メモ.txt", "箱が壊れていた".encode("cp932"), ""),
        ("a.csv", "数,量\n1,2".encode(), ""),
        ("a.pdf", b"%PDF-1.7\n%...", ""),
        ("setup.exe", b"MZ\x90", "type"),
        ("page.html", b"<script>", "type"),
        ("a.svg", b"<svg/>", "type"),
        ("photo.png", b"MZ\x90\x00" * 20, "type"),
        ("photo.jpg", PNG, ""),
        ("note.txt", b"<html><script>alert(1)</script>", ""),
        ("note.txt", PNG, ""),
        ("a.txt", b"PK\x03\x04\x00\x00\x00", "misnamed"),
        ("empty.txt", b"", "empty"),
        ("big.txt", b"x" * 2_000, "large"),
        ("none", b"x", ""),
        ("a.png.exe", PNG, "type"),
    ],
)
def test_a_file_is_accepted_by_its_content(
    engine: Engine, name: str, content: bytes, why: str
) -> None:
    uploads = Uploads(engine)
    try:
        kept = uploads.keep(io.BytesIO(content), name, "form", 1_000, NOW)
    except UploadRejectedError as refused:
        assert refused.why == why and stored(engine) == 0
    else:
        assert not why and b"".join(uploads.read(kept) or ()) == content


@pytest.mark.parametrize(
    ("name", "content", "kept", "kind"),
    [
        ("photo.jpg", PNG, "photo.png", "image/png"),
        ("photo.png", b"RIFF....WEBPVP8 ", "photo.webp", "image/webp"),
        ("photo.jfif", b"\xff\xd8\xff\xe0..JFIF", "photo.jpg", "image/jpeg"),
        ("note.txt", PNG, "note.png", "image/png"),
        ("powershell.log", "失敗".encode("utf-16"), "powershell.log", "text/plain"),
        ("syslog.log", b"<13>Jan 5 host app: started", "syslog.log", "text/plain"),
        ("latin.txt", b"Caf\xe9", "latin.txt", "text/plain"),
        ("list.docx", b"PK\x03\x04\x14\x00", "list.docx", "application/octet-stream"),
        ("all.zip", b"PK\x03\x04\x14\x00", "all.zip", "application/octet-stream"),
        ("film.mp4", b"\x00\x00\x00\x18ftypmp42", "film.mp4", "application/octet-stream"),
        ("old.eml", b"From: a\n\nb", "old.eml", "application/octet-stream"),
        ("scan.tiff", b"II*\x00", "scan.tiff", "application/octet-stream"),
        ("README", b"text", "README.txt", "text/plain"),
    ],
)
def test_a_file_is_what_its_content_is(
    engine: Engine, name: str, content: bytes, kept: str, kind: str
) -> None:
    found = Uploads(engine).keep(io.BytesIO(content), name, "form", 1_000, NOW)
    assert (found.name, found.type) == (kept, kind)


@pytest.mark.parametrize(
    "name", ["a.exe", "a.bat", "a.js", "a.html", "a.svg", "a.docm", "a.png.exe", "a.xyz"]
)
def test_what_runs_or_shows_itself_is_refused(engine: Engine, name: str) -> None:
    with pytest.raises(UploadRejectedError) as refused:
        Uploads(engine).keep(io.BytesIO(b"\x01\x02"), name, "form", 1_000, NOW)
    assert refused.value.why == "type"


def test_a_file_that_a_killed_process_left_is_removed_later(support: SupportFixture) -> None:
    uploads = Uploads(support.engine)
    kept, left = (uploads.keep(io.BytesIO(b"x"), "a.txt", "f", 1_000, NOW) for _ in range(2))
    support.workflow.cases.add_attachment(kept)
    assert uploads.forget_unknown(NOW - HOUR) == 0
    assert uploads.forget_unknown(NOW + 1) == 1
    assert uploads.read(kept) is not None and uploads.read(left) is None
    assert stored(support.engine) == 1


def test_a_large_file_is_stored_in_pieces_and_read_whole(engine: Engine) -> None:
    uploads, content = Uploads(engine), PNG + bytes(3 * PIECE_BYTES // 2)
    kept = uploads.keep(io.BytesIO(content), "写真.png", "form", 10 * PIECE_BYTES, NOW)
    pieces = list(uploads.read(kept) or ())
    assert b"".join(pieces) == content and len(pieces) == 2 and kept.size == len(content)


def test_a_file_that_is_too_large_leaves_no_piece(engine: Engine) -> None:
    with pytest.raises(UploadRejectedError) as refused:
        text = io.BytesIO(b"x" * 3 * PIECE_BYTES)
        Uploads(engine).keep(text, "a.log", "f", 2 * PIECE_BYTES, NOW)
    assert refused.value.why == "large" and stored(engine) == 0


def test_files_of_an_earlier_version_are_taken_over_once(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    name = str(uuid.uuid4())
    (folder / name).write_bytes(PNG)
    (folder / f".{uuid.uuid4()}").write_bytes(b"half")
    assert take_over_folder(engine, folder) == 1 and not folder.exists()
    assert take_over_folder(engine, folder) == 0
    of_case = Attachment(name, "form", "", "a.png", "image/png", len(PNG), NOW)
    assert b"".join(Uploads(engine).read(of_case) or ()) == PNG


def test_what_is_no_file_of_a_case_stays_and_stops_nothing(engine: Engine, tmp_path: Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "uploads"
    (elsewhere / "lost+found").mkdir(parents=True)
    (elsewhere / "notes.txt").write_text("mine")
    (elsewhere / str(uuid.uuid4())).write_bytes(PNG)
    folder.symlink_to(elsewhere)
    assert take_over_folder(engine, folder) == 1
    assert {path.name for path in elsewhere.iterdir()} == {"lost+found", "notes.txt"}


def stored(engine: Engine) -> int:
    """The number of stored files; without one there is no piece either."""
    with engine.connect() as connection:
        files = connection.execute(select(func.count()).select_from(schema.stored_files)).scalar()
        pieces = connection.execute(select(func.count()).select_from(schema.file_pieces)).scalar()
    assert bool(files) == bool(pieces)
    return int(files or 0)


@given(st.text(max_size=300))
def test_no_file_name_escapes_the_folder(name: str) -> None:
    shown = tidy(name)
    assert 0 < len(shown) <= 120 and not set(shown) & set("/\\\n\r\0") and shown not in (".", "..")


@pytest.mark.parametrize(
    ("message", "name", "hidden", "reason"),
    [
        ("返品したいです。 https://example.com/order を見てください", "花子", "", ""),
        ("http://a http://b http://c http://d", "", "", "links"),
        ("hi", "http://win.example", "", "link in name"),
        ("hi", "x", "http://", "hidden field"),
        ("[url=a] [url=b] [url=c] [url=d]", "", "", "links"),
    ],
)
def test_spam_detection(message: str, name: str, hidden: str, reason: str) -> None:
    assert spam_reason(message, name, hidden) == reason


NOTICE = Notice(
    "n",
    {"ja": "配送の遅れ", "en": "Deliveries are late"},
    {},
    NOW,
    NOW + DAY,
    ("ja",),
    ("delivery",),
    ("荷物が届かない",),
)


def test_a_notice_is_shown_on_its_pages_while_it_is_active() -> None:
    assert [NOTICE.active(at) for at in (NOW - 1, NOW, NOW + DAY - 1, NOW + DAY)] == [
        False,
        True,
        True,
        False,
    ]
    assert (
        NOTICE.for_reader("ja")
        and NOTICE.for_reader("ja", "delivery")
        and not NOTICE.for_reader("ja", "returns")
        and not NOTICE.for_reader("en")
    )


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("荷物が届かない", True),
        ("荷物が届かないのですが", True),
        ("荷物", False),
        ("配送の遅れ", True),
        ("返品", False),
        ("", False),
    ],
)
def test_a_query_matches_a_notice(query: str, named: bool) -> None:
    assert names_it(NOTICE, query) is named


def test_subscribers_are_notified_once_when_a_notice_ends(support: SupportFixture) -> None:
    notices = NoticeStore(support.engine)
    notices.add(NOTICE)
    assert notices.subscribe("n", "Hanako@example.com", "ja", NOW) and notices.subscribe(
        "n", "hanako@example.com", "ja", NOW
    )
    assert not notices.subscribe("n", "nobody", "ja", NOW) and notices.waiting("n") == 1
    assert notices.active(NOW) == [NOTICE]

    def mail_for(_notice: Notice, mail: str, _lang: str) -> dict[str, str]:
        return {"to": mail}

    assert (
        notices.end(NOW + HOUR, mail_for) == 0
        and notices.end(NOW + DAY, mail_for) == 1
        and notices.end(NOW + 2 * DAY, mail_for) == 0
    )
    assert [mail["to"] for mail in support.mails()] == ["hanako@example.com"] and notices.active(
        NOW + HOUR
    ) == []


def test_where_the_database_cannot_store_it_the_file_is_refused(tmp_path: Path) -> None:
    unusable = open_database(f"sqlite:///{tmp_path / 'no-schema.sqlite'}")
    with pytest.raises(UploadRejectedError) as refused:
        Uploads(unusable).keep(io.BytesIO(PNG), "写真.png", "form", 1_000, NOW)
    assert refused.value.why == "disk"


def test_a_mistaken_notice_is_withdrawn_without_notification(support: SupportFixture) -> None:
    notices = NoticeStore(support.engine)
    notices.add(NOTICE)
    notices.subscribe("n", "hanako@example.com", "ja", NOW)
    notices.withdraw("n", NOW)
    assert (
        notices.active(NOW) == []
        and notices.waiting("n") == 0
        and notices.end(NOW + 2 * DAY, lambda *_: {}) == 0
        and support.mails() == []
    )
