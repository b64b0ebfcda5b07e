"""Looks whether the pages of other sites that articles link to are still there.

It asks politely: one link of a host at a time, a few hundred an hour, each once a week. Addresses
of the own network are left alone unless the setting allows them. A link counts as broken at once
where the site says that the page is gone, else after three failures over two days.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

import requests

from kb_app.db.article_findings import ExternalLink
from kb_app.durations import DAY, HOUR
from kb_app.public_hosts import is_private, is_public
from kb_app.public_http import session_for_other_sites

EVERY_MS, AGAIN_MS = 7 * DAY, 20 * HOUR
# Links looked at in one run, and those of one host.
MOST, MOST_OF_A_HOST = 200, 10
MOST_REDIRECTS, TIMEOUT_S = 5, (5, 15)
# A page that sends one letter after the other is not waited for.
DEADLINE_S = 40.0
FAILURES, FAILING_MS = 3, 2 * DAY
OK = "ok"
GONE = ("404", "410")
# The page may be there for people: it wants a sign-in, or refuses programs.
_NOT_FOR_US = frozenset({401, 403, 405, 406, 429, 451, 999})
_AGENT = "kb-link-check/1 (checks that linked pages exist)"


def due(links: Iterable[ExternalLink], now_ms: int) -> list[ExternalLink]:
    """The links to look at now, at most MOST and few of one host."""
    by_host: dict[str, int] = {}
    chosen: list[ExternalLink] = []
    for link in links:
        pause = AGAIN_MS if link.failures else EVERY_MS
        host = (urlsplit(link.url).hostname or "").lower()
        if link.checked_at + pause > now_ms or by_host.get(host, 0) >= MOST_OF_A_HOST:
            continue
        by_host[host] = by_host.get(host, 0) + 1
        chosen.append(link)
        if len(chosen) == MOST:
            break
    return chosen


def is_broken(link: ExternalLink) -> bool:
    """Whether a writer should mend a link."""
    lasting = link.failures >= FAILURES and link.checked_at - link.failed_since >= FAILING_MS
    return link.outcome in GONE or (lasting and link.outcome != OK)


def looked_at(link: ExternalLink, now_ms: int, *, private: bool = False) -> ExternalLink:
    """The link after a look at its page; ``private`` allows addresses of the own network."""
    with session_for_other_sites(private=private, deadline_s=DEADLINE_S) as session:
        outcome = _outcome(session, link.url, private)
    if outcome == OK:
        return replace(link, outcome=OK, checked_at=now_ms, failures=0, failed_since=0)
    since = link.failed_since or now_ms
    failures = link.failures + 1
    return replace(link, outcome=outcome, checked_at=now_ms, failures=failures, failed_since=since)


def without_connection(looked: Iterable[ExternalLink]) -> bool:
    """Whether none of several hosts answered at all: the fault is here, not there."""
    found = list(looked)
    hosts = {urlsplit(one.url).hostname for one in found}
    silent = all(one.outcome != OK and not one.outcome.isdigit() for one in found)
    return bool(found) and silent and len(hosts) > 1


def _outcome(session: requests.Session, url: str, private: bool) -> str:
    """ "ok", the HTTP status that says otherwise, or a word for why there is no answer."""
    for _ in range(MOST_REDIRECTS + 1):
        host = urlsplit(url).hostname or ""
        if not private and not is_public(host):
            return OK if is_private(host) else "no such host"
        status, location = _asked(session, url)
        if not location:
            return status
        location = location.encode("latin-1", "replace").decode("utf-8", "replace")
        url = urljoin(url, location)
        if urlsplit(url).scheme not in ("http", "https"):
            return OK
    return "too many redirects"


def _asked(session: requests.Session, url: str) -> tuple[str, str]:
    """(the outcome, where it redirects to or "")."""
    try:
        for method in ("HEAD", "GET"):
            with session.request(
                method,
                url,
                headers={"User-Agent": _AGENT, "Accept": "*/*"},
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as answer:
                status, location = answer.status_code, answer.headers.get("Location", "")
            if 300 <= status < 400 and location:
                return "", location
            if status < 400:
                return OK, ""
        return (OK if status in _NOT_FOR_US else str(status)), ""
    except requests.exceptions.SSLError:
        return "certificate", ""
    except requests.exceptions.Timeout:
        return "timeout", ""
    except (requests.exceptions.RequestException, ValueError, UnicodeError):
        return "no connection", ""
