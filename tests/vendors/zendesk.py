"""Zendesk Guide's Help Center API, read with an agent's token or without any.

Shapes: developer.zendesk.com, Help Center API (articles, sections, categories, translations,
article_attachments, redirect_rules, user_segments) and "Pagination".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from tests.vendors.content import Entry, HelpCentre, Section
from tests.vendors.server import Api, BaseUrl, Reply, Request, answer, page_of, serve_api, url
from tests.vendors.zendesk_shapes import Desk

MAIL = "agent@example.jp"
TOKEN = "zd-token-123"
OAUTH = "zd-oauth-456"
HC = "/api/v2/help_center"
LOCALE = r"(?:/(?P<locale>ja|en-us))?"
JSON = r"(?:\.json)?"
PER_PAGE, MOST, RULES = 30, 100, 30
INCREMENTAL = 500


def is_agent(request: Request) -> bool:
    return request.basic() == (f"{MAIL}/token", TOKEN) or request.bearer() == OAUTH


def allows(request: Request) -> bool:
    """Agents everywhere; anonymous readers only where the path names a locale."""
    if "Authorization" in request.headers:
        return is_agent(request)
    return bool(re.match(rf"{HC}/(ja|en-us)/", request.path))


class Views:
    """Answers of the API over one help centre."""

    def __init__(self, centre: HelpCentre, base: str) -> None:
        self.centre, self.base = centre, base
        self.desk = Desk(centre, base)

    def listed(self, request: Request, name: str, rows: Sequence[Any]) -> dict[str, Any]:
        """One page, by cursor where ``page[size]`` asks for it, else by offset."""
        if "page[size]" in request.query:
            return self.by_cursor(request, name, rows, PER_PAGE)
        size = request.number("per_page", PER_PAGE, MOST)
        page = request.number("page", 1)
        part, pages = page_of(rows, page, size)

        def at(number: int) -> str | None:
            if not 1 <= number <= pages:
                return None
            kept = {k: v for k, v in request.query.items() if k not in {"page", "per_page"}}
            return url(self.base, request.path, **kept, page=number, per_page=size)

        return {
            name: part,
            "count": len(rows),
            "page": page,
            "page_count": pages,
            "per_page": size,
            "next_page": at(page + 1),
            "previous_page": at(page - 1),
        }

    def by_cursor(
        self, request: Request, name: str, rows: Sequence[Any], size: int
    ) -> dict[str, Any]:
        size = request.number("page[size]", size, MOST)
        after = request.query.get("page[after]", "")
        start = int(after.removeprefix("cur")) if after else 0
        more = start + size < len(rows)
        query = {k: v for k, v in request.query.items() if k != "page[after]"}
        cursor = f"cur{start + size}"
        following = url(self.base, request.path, **query, **{"page[after]": cursor})
        return {
            name: rows[start : start + size],
            "meta": {
                "has_more": more,
                "after_cursor": cursor if more else None,
                "before_cursor": f"cur{start}" if start else None,
            },
            "links": {"next": following if more else None, "prev": None},
        }

    def visible(self, request: Request, locale: str | None) -> list[Entry]:
        """Agents see all; others only what is published to everyone."""
        found = list(self.centre.entries)
        if not is_agent(request):
            found = [entry for entry in found if not entry.internal and not entry.draft]
        return [entry for entry in found if not locale or self.desk.text(entry, locale)]

    def articles(self, request: Request, match: re.Match[str]) -> Reply:
        locale = match["locale"]
        found = self.visible(request, locale)
        groups = match.groupdict()
        if section := groups.get("section"):
            found = [e for e in found if self.desk.ids[e.section] == int(section)]
        if category := groups.get("category"):
            found = [e for e in found if self.desk.category_id(e) == int(category)]
        if request.query.get("sort_by") == "updated_at":
            found.sort(key=lambda e: e.updated, reverse=request.query.get("sort_order") == "desc")
        data = self.listed(request, "articles", found)
        rows = [self.desk.article(entry, locale, request.query) for entry in data["articles"]]
        data["articles"] = rows
        ids = {row["id"] for row in rows}
        data |= self.desk.sideloads(request.query, ids)
        return answer(data)

    def incremental(self, request: Request, _match: re.Match[str]) -> Reply:
        """Everything updated since ``start_time``, oldest first; next_page begins at end_time."""
        since = request.number("start_time", 0)
        found = [e for e in self.visible(request, None) if e.updated.timestamp() >= since]
        found.sort(key=lambda entry: entry.updated)
        part = found[:INCREMENTAL]
        end = int(part[-1].updated.timestamp()) if part else since
        kept = {k: v for k, v in request.query.items() if k != "start_time"}
        more = len(found) > len(part)
        following = url(self.base, request.path, **kept, start_time=end) if more else None
        rows = [self.desk.article(entry, None, request.query) for entry in part]
        data = {"articles": rows, "count": len(found), "end_time": end, "next_page": following}
        data |= self.desk.sideloads(request.query, {row["id"] for row in rows})
        return answer(data)

    def article(self, request: Request, match: re.Match[str]) -> Reply:
        entry = self.desk.entries.get(int(match["id"]))
        if not entry or entry not in self.visible(request, match["locale"]):
            return NOT_FOUND
        row = self.desk.article(entry, match["locale"], request.query)
        return answer({"article": row} | self.desk.sideloads(request.query, {row["id"]}))

    def translations(self, request: Request, match: re.Match[str]) -> Reply:
        rows = self.desk.translations(match["kind"], int(match["id"]))
        return answer(self.listed(request, "translations", rows)) if rows else NOT_FOUND

    def translation(self, _request: Request, match: re.Match[str]) -> Reply:
        rows = self.desk.translations(match["kind"], int(match["id"]))
        found = [row for row in rows if row["locale"] == match["lang"]]
        return answer({"translation": found[0]}) if found else NOT_FOUND

    def attachments(self, request: Request, match: re.Match[str]) -> Reply:
        entry = self.desk.entries.get(int(match["id"]))
        if not entry:
            return NOT_FOUND
        rows = self.desk.attachments(entry)
        if match["which"]:
            rows = [row for row in rows if row["inline"] == (match["which"] == "inline")]
        return answer(self.listed(request, "article_attachments", rows))

    def sections(self, request: Request, match: re.Match[str]) -> Reply:
        found: list[Section] = list(self.centre.sections)
        if category := match.groupdict().get("category"):
            found = [s for s in found if self.desk.ids[s.category] == int(category)]
        locale = match["locale"] or "ja"
        rows = [self.desk.section(section, locale, request.query) for section in found]
        return answer(self.listed(request, "sections", rows))

    def categories(self, request: Request, match: re.Match[str]) -> Reply:
        locale = match["locale"] or "ja"
        rows = [self.desk.category(one, locale, request.query) for one in self.centre.categories]
        return answer(self.listed(request, "categories", rows))

    def users(self, request: Request, _match: re.Match[str]) -> Reply:
        wanted = {int(part) for part in request.query.get("ids", "").split(",") if part.isdigit()}
        rows = [user for user in self.desk.users() if user["id"] in wanted]
        return answer({"users": rows, "count": len(rows), "next_page": None, "previous_page": None})

    def user(self, _request: Request, match: re.Match[str]) -> Reply:
        found = [user for user in self.desk.users() if user["id"] == int(match["id"])]
        return answer({"user": found[0]}) if found else NOT_FOUND

    def locales(self, _request: Request, _match: re.Match[str]) -> Reply:
        return answer({"locales": ["ja", "en-us"], "default_locale": "ja"})

    def segments(self, request: Request, _match: re.Match[str]) -> Reply:
        return answer(self.listed(request, "user_segments", [self.desk.segment()]))

    def rules(self, request: Request, _match: re.Match[str]) -> Reply:
        """Cursor pagination only; no links."""
        data = self.by_cursor(request, "records", self.desk.rules(), RULES)
        return answer({"meta": data["meta"], "records": data["records"]})

    def routes(self) -> list[tuple[str, Callable[[Request, re.Match[str]], Reply]]]:
        owner = r"(?P<kind>articles|sections|categories)/(?P<id>\d+)"
        return [
            (rf"{HC}{LOCALE}/articles{JSON}", self.articles),
            (rf"{HC}{LOCALE}/sections/(?P<section>\d+)/articles{JSON}", self.articles),
            (rf"{HC}{LOCALE}/categories/(?P<category>\d+)/articles{JSON}", self.articles),
            (rf"{HC}/incremental/articles{JSON}", self.incremental),
            (rf"{HC}{LOCALE}/articles/(?P<id>\d+){JSON}", self.article),
            (rf"{HC}/{owner}/translations{JSON}", self.translations),
            (rf"{HC}/{owner}/translations/(?P<lang>[a-z-]+){JSON}", self.translation),
            (
                rf"{HC}{LOCALE}/articles/(?P<id>\d+)/attachments(?:/(?P<which>inline|block))?{JSON}",
                self.attachments,
            ),
            (rf"{HC}{LOCALE}/sections{JSON}", self.sections),
            (rf"{HC}{LOCALE}/categories/(?P<category>\d+)/sections{JSON}", self.sections),
            (rf"{HC}{LOCALE}/categories{JSON}", self.categories),
            (rf"{HC}/locales{JSON}", self.locales),
            (rf"{HC}/user_segments{JSON}", self.segments),
            (rf"/api/v2/users/show_many{JSON}", self.users),
            (rf"/api/v2/users/(?P<id>\d+){JSON}", self.user),
            (rf"/api/v2/guide/redirect_rules{JSON}", self.rules),
        ]


NOT_FOUND = answer({"error": "RecordNotFound", "description": "Not found"}, 404)


def make_api(centre: HelpCentre, base: str) -> Api:
    views = Views(centre, base)
    return Api(
        routes=views.routes(),
        files=views.desk.files(),
        allows=allows,
        denied=answer({"error": "Couldn't authenticate you"}, 401),
        throttled=answer(
            {"error": "APIRateLimitExceeded", "description": "Number of allowed API requests"},
            429,
            {"Retry-After": "1"},
        ),
        not_found=NOT_FOUND,
        addresses=views.desk.addresses(),
    )


def serve(
    centre: HelpCentre, *, cut_after: int | None = None, throttle_at: int | None = 3
) -> AbstractContextManager[BaseUrl]:
    """Basic ``MAIL/token:TOKEN`` or Bearer ``OAUTH``; anonymous with a locale in the path."""
    return serve_api(
        lambda base: make_api(centre, base), cut_after=cut_after, throttle_at=throttle_at
    )
