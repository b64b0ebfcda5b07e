"""Hostile requests over all routes in all roles: a short run of bench.fuzz."""

from pathlib import Path

import pytest

from bench.fuzz import Fuzzer, make_site


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_route_fails_in_any_role(tmp_path: Path) -> None:
    services = make_site(tmp_path)
    findings = Fuzzer(services, seed=1).run(1_500)
    services.close()
    assert findings.failed == []
    assert sum(findings.statuses.values()) > 1_300 and findings.statuses[200] > 200
