"""The weekly digest is sent once, when it is due."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kb_app.services.container import Services
from kb_app.services.weekly_digest import last_due, take_turn
from tests.support import make_services, make_settings

MONDAY = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # 09:00 in Japan


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (MONDAY, MONDAY),
        (MONDAY - timedelta(seconds=1), MONDAY - timedelta(days=7)),
        (MONDAY + timedelta(days=6), MONDAY),
    ],
)
def test_the_digest_is_due_on_its_weekday_in_the_site_time_zone(
    tmp_path: Path, now: datetime, due: datetime
) -> None:
    assert (
        last_due(make_settings(tmp_path, tmp_path, digest="mon 09:00", timezone="Asia/Tokyo"), now)
        == due
    )


def test_one_process_sends_the_digest_and_a_late_one_does_not(
    articles: Path, data: Path, tmp_path: Path
) -> None:
    services = make_services(articles, data, database_url=f"sqlite:///{tmp_path}/kb.sqlite")
    from kb_app.analytics.gaps.gap_store import GapStore

    gaps = GapStore(services.store, services.analytics.vectors())
    assert take_turn(gaps, MONDAY, MONDAY) and not take_turn(
        gaps, MONDAY, MONDAY + timedelta(minutes=5)
    )
    assert not take_turn(gaps, MONDAY + timedelta(days=7), MONDAY + timedelta(days=9))


def test_without_a_schedule_no_digest_is_sent(services: Services) -> None:
    assert not services.analytics.mail_digest()
