"""Sends hostile requests to every route in every role; nothing may fail but a deliberate 503.

    python -m bench.fuzz --requests 100000
    python -m bench.fuzz --minutes 30 --seed 7

Prints the number of requests by status, and each failed one as it can be repeated.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from indexer.build import Paths, build
from kb_app import create_app
from kb_app.services.container import Services, build_services
from kb_app.settings import load_settings
from kb_app.support.model import NewCase
from search.embedding.background import DisabledEmbedder

PASSWORD = "correct horse battery"  # noqa: S105, of a site that lasts as long as the run
ROLES = ("agent", "writer", "lead", "admin")
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NASTY = (
    "",
    " ",
    "0",
    "-1",
    "1",
    "²",
    "9" * 30,
    "9" * 4_400,
    "1e309",
    "NaN",
    "\x00",
    "a\x00b",
    "\ud800",
    "\u202e\u200b",
    "あ" * 3_000,
    "a" * 20_000,
    "../" * 40 + "etc/passwd",
    "..\\..\\x",
    "%00",
    "%2e%2e%2f",
    "//evil.example",
    "/\t/evil.example",
    "javascript:alert(1)",
    "<script>alert(1)</script>",
    "' or 1=1 --",
    '"; drop table cases; --',
    "${7*7}{{7*7}}",
    "(" * 500,
    "[" * 500,
    '"' * 501,
    "-" * 500,
    "section:x type:y -z",
    "0001-01-01",
    "9999-12-31",
    "2026-02-30",
    "0001-01-01T00:00",
    "2026-11-29T09:00+99:00",
    "a@example.com",
    "a@" + "b" * 300 + ".com",
    "00000000-0000-4000-8000-000000000000",
    "00000000-0000-4000-8000-00000000000g",
    "ja",
    "en",
    "xx",
    "返金",
    "on",
    "yes",
)
JSON_NASTY: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    1e308,
    [],
    {},
    [[]],
    {"a": {"b": []}},
    *NASTY[:20],
)
HEADERS = {
    "Accept-Language": ("", "ja", "en;q=x", "," * 1_000, "é"),
    "Accept": ("", "*/*", "application/json", "x/" + "y" * 5_000),
    "Origin": ("http://[", "null", "http://evil.example", "http://localhost"),
    "Sec-Fetch-Site": ("same-origin", "cross-site", "none", "x"),
    "Referer": ("http://[", "http://evil.example/\xff"),
    "If-Modified-Since": ("yesterday", "Thu, 01 Jan 0001 00:00:00 GMT"),
    "Range": ("bytes=0-", "bytes=9-1", "bytes=-" + "9" * 40),
    "X-Forwarded-For": ("::1", "unknown", "a" * 2_000),
    "Authorization": ("Bearer ", "Bearer kb_x", "Basic x", "Bearer \xff"),
    "Cookie": ("kb_session=x", "kb_client=\xff", "kb_device=x.y.z", "=;=;"),
    "DNT": ("1",),
    "Content-Type": ("application/json", "multipart/form-data", "text/plain; charset=\xff"),
}


@dataclass
class Findings:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)


class Fuzzer:
    """Hostile requests to one site, repeatable by their seed."""

    def __init__(self, services: Services, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._app = create_app(services)
        self._app.config["PROPAGATE_EXCEPTIONS"] = False
        self._services = services
        self._rules = [rule for rule in self._app.url_map.iter_rules() if _is_tried(rule)]
        self._fields = _field_names()
        self._known = _known_values(services)
        self._csrf_tokens: dict[str, str] = {}
        self._clients = {role: self._signed_in(role) for role in ("", *ROLES)}
        self._tokens = _tokens(services)

    def run(self, requests: int) -> Findings:
        """Send a number of requests."""
        findings = Findings()
        for _ in range(requests):
            self._send(findings)
        return findings

    def _send(self, findings: Findings) -> None:
        role = self._random.choice(list(self._clients))
        rule = self._random.choice(self._rules)
        method = self._random.choice(sorted((rule.methods or set()) - {"OPTIONS"}))
        path, given = self._path(rule), self._arguments(method, self._csrf_tokens[role])
        shown = f"{role or 'anonymous'} {method} {path!r} {given!r}"[:600]
        try:
            answer = self._clients[role].open(path, method=method, **given)
            status = answer.status_code
            answer.close()
        except (ValueError, UnicodeError, TypeError):
            # The test client itself refuses to make such a request.
            return
        except Exception as error:  # what the site did not catch
            findings.failed.append(f"{type(error).__name__}: {shown}")
            return
        findings.statuses[status] += 1
        if status >= 500 and status != 503:
            findings.failed.append(f"{status}: {shown}")

    def _path(self, rule: Rule) -> str:
        def filled(match: re.Match[str]) -> str:
            if match.group(1):
                return self._random.choice(("ja", "en", "xx"))
            return self._quoted(self._value())

        path = re.sub(r"<(ui:)?[^>]+>", filled, rule.rule)
        names = self._random.sample(self._fields, self._random.randint(0, 3))
        pairs = "&".join(f"{name}={self._quoted(self._value())}" for name in names)
        return f"{path}?{pairs}" if pairs else path

    def _arguments(self, method: str, csrf_token: str) -> dict[str, Any]:
        headers = {
            name: self._random.choice(values)
            for name, values in HEADERS.items()
            if self._random.random() < 0.08
        }
        if self._tokens and self._random.random() < 0.1:
            headers["Authorization"] = f"Bearer {self._random.choice(self._tokens)}"
        given: dict[str, Any] = {"headers": headers}
        if method in ("GET", "HEAD"):
            return given
        # Most forms are to reach the views, not to stop at the token.
        if self._random.random() < 0.8:
            headers["X-CSRFToken"] = csrf_token
        kind = self._random.random()
        if kind < 0.3:
            given["data"] = json.dumps(self._json(3)).encode()
            given["content_type"] = "application/json"
        elif kind < 0.35:
            given["data"] = self._random.randbytes(200)
        else:
            names = self._random.sample(self._fields, self._random.randint(0, 8))
            given["data"] = {name: self._text() for name in names}
            if self._random.random() < 0.2:
                file = io.BytesIO(self._random.choice((b"", b"\x89PNG", b"x" * 5_000)))
                given["data"]["files"] = (file, self._text()[:200] or "x")
        return given

    def _json(self, depth: int) -> Any:
        if depth == 0 or self._random.random() < 0.4:
            return self._random.choice((*JSON_NASTY, *self._known))
        if self._random.random() < 0.2:
            return [self._json(depth - 1) for _ in range(self._random.randint(0, 3))]
        names = self._random.sample(self._fields, self._random.randint(0, 5))
        return {name: self._json(depth - 1) for name in names}

    def _value(self) -> str:
        return self._random.choice((*NASTY, *self._known))

    def _text(self) -> str:
        return self._value().encode("utf-8", "replace").decode()

    @staticmethod
    def _quoted(text: str) -> str:
        from urllib.parse import quote

        return quote(text.encode("utf-8", "surrogatepass"), safe="")

    def _signed_in(self, role: str) -> FlaskClient:
        client = self._app.test_client()
        client.environ_base["HTTP_USER_AGENT"] = BROWSER
        if role:
            form = {
                "mail": f"{role}@example.com",
                "password": PASSWORD,
                "csrf_token": _csrf_token_in(client.get("/account/sign-in")),
            }
            client.post("/account/sign-in", data=form)
        self._csrf_tokens[role] = _csrf_token_in(client.get("/account/sign-in"))
        return client


def _csrf_token_in(answer: TestResponse) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', answer.get_data(as_text=True))
    return found.group(1) if found else ""


def _is_tried(rule: Rule) -> bool:
    """All routes but static files and those that end the session or the site's own account."""
    return rule.endpoint not in ("static", "accounts.sign_out", "profile.end_others")


def _field_names() -> list[str]:
    """Names of arguments and fields that the views and templates know."""
    package = Path(__file__).resolve().parents[1]
    names: set[str] = set()
    for path in (package / "kb_app" / "web").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        names |= set(re.findall(r"(?:args|form|values)(?:\.get\(|\[|\.getlist\()\"(\w+)\"", text))
        names |= set(re.findall(r"^    (\w+): [A-Z]\w+", text, re.MULTILINE))
    for path in (package / "templates").rglob("*.html"):
        names |= set(re.findall(r"name=[\"']([a-z_]+)[\"']", path.read_text(encoding="utf-8")))
    return sorted(names | {"q", "page", "at", "from", "to", "days", "actions", "attributes"})


def _known_values(services: Services) -> list[str]:
    """Values that lead further in: existing slugs, ids and numbers."""
    snapshot = services.live.current()
    slugs = [card.slug for card in snapshot.articles.summaries.values()] if snapshot else []
    ids = list(snapshot.articles.summaries) if snapshot else []
    now = int(services.clock().timestamp() * 1000)
    case = services.support.workflow.open(NewCase("fuzz", "question", "hello"), now)
    return [*slugs, *ids, case.number, case.case_id, "search", "erase", "reply", "export"]


def _tokens(services: Services) -> list[str]:
    admin = services.users.by_mail("admin@example.com")
    return [
        services.users.add_token(scope, (scope,), admin.user_id if admin else 0)
        for scope in ("search", "events", "reports")
    ]


def make_site(folder: Path) -> Services:
    """A small site with an account of each role."""
    articles = folder / "articles"
    for name, audience in (("refund", "public"), ("inside", "internal")):
        path = articles / "ja" / "returns" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        head = f"---\nid: {name}\ntitle: 返金の時期 {name}\naudience: {audience}\n---\n"
        path.write_text(head + "返金は5日です。\n", encoding="utf-8")
    build(Paths(articles, folder / "var"), DisabledEmbedder())
    settings = load_settings(
        articles=articles, data=folder / "var", rate_limit="off", embedding_model="off"
    )
    services = build_services(settings)
    for role in ROLES:
        services.users.add(f"{role}@example.com", role, password=PASSWORD)
    return services


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=0.0, help="run for this long instead")
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    ends = time.monotonic() + flags.minutes * 60
    findings = Findings()
    with tempfile.TemporaryDirectory() as folder:
        services = make_site(Path(folder))
        fuzzer = Fuzzer(services, flags.seed)
        for _ in _rounds(flags.requests, flags.minutes):
            made = fuzzer.run(1_000)
            findings.statuses += made.statuses
            findings.failed += made.failed
            if flags.minutes and time.monotonic() > ends:
                break
        services.close()
    for status, count in sorted(findings.statuses.items()):
        print(f"{status}: {count}")
    print(f"{sum(findings.statuses.values())} requests, {len(findings.failed)} failed")
    for line in findings.failed[:50]:
        print(line)
    return 1 if findings.failed else 0


def _rounds(requests: int, minutes: float) -> Iterator[int]:
    number = 0
    while minutes or number * 1_000 < requests:
        yield number
        number += 1


if __name__ == "__main__":
    sys.exit(main())
