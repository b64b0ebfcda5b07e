"""The client: one method for each operation of the API."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from time import sleep
from types import TracebackType
from typing import Any, Literal, Self, cast
from urllib.parse import quote

import requests

from kb_client.types import (
    ArticleAnswer,
    ArticleLine,
    CaseAnswer,
    CaseState,
    ContactAnswer,
    FigureLine,
    GapLine,
    SearchAnswer,
    SectionLine,
    Suggestion,
    TicketAnswer,
)

ATTEMPTS, LONGEST_WAIT_S = 4, 60.0


class ProblemError(Exception):
    """The site refused a request: ``status`` is that of HTTP, ``detail`` says what is right."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status, self.detail = status, detail


class Client:
    """Asks one site. It may be used by several threads, and as a context manager."""

    def __init__(self, url: str, token: str = "", timeout_s: float = 30.0) -> None:
        """``url`` is the site's, with its path if it has one; ``token`` is of ``kb token add``."""
        self._base, self._timeout_s = f"{url.rstrip('/')}/api/v1", timeout_s
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    # --- search and articles -------------------------------------------------------------------

    def search(
        self,
        question: str,
        lang: str = "",
        *,
        limit: int = 10,
        offset: int = 0,
        section: str = "",
        type: str = "",
        tag: str = "",
    ) -> SearchAnswer:
        """Search: ranked articles, and a quoted answer where there is one. Raises ProblemError."""
        given = {"q": question, "limit": limit, "offset": offset, "section": section}
        found = self._get("search", **given, lang=lang, type=type, tag=tag)
        return cast(SearchAnswer, found)

    def suggest(self, typed: str, lang: str = "", *, by_meaning: bool = False) -> list[Suggestion]:
        """Titles and questions that complete what is typed. Raises ProblemError."""
        found = self._get("suggest", q=typed, lang=lang, by="meaning" if by_meaning else "")
        return cast(list[Suggestion], found["suggestions"])

    def articles(
        self,
        lang: str = "",
        *,
        section: str = "",
        type: str = "",
        tag: str = "",
        updated_since: date | None = None,
    ) -> Iterator[ArticleLine]:
        """All articles that fit, page after page. Raises ProblemError."""
        given = {"lang": lang, "section": section, "type": type, "tag": tag}
        since, cursor = updated_since.isoformat() if updated_since else "", ""
        while True:
            page = self._get("articles", **given, updated_since=since, limit=100, cursor=cursor)
            yield from page["articles"]
            if not page["next"]:
                return
            cursor = page["next"]

    def article(self, article_id: str) -> ArticleAnswer:
        """One article whole. Raises ProblemError, with status 404 where there is none."""
        return cast(ArticleAnswer, self._get(f"articles/{_quoted(article_id)}"))

    def sections(self, lang: str = "") -> list[SectionLine]:
        """The sections with how many articles each has. Raises ProblemError."""
        return cast(list[SectionLine], self._get("sections", lang=lang)["sections"])

    def vote(
        self,
        article_id: str,
        value: Literal["yes", "no", "solved", "not_solved"],
        *,
        query_id: str = "",
        comment: str = "",
    ) -> None:
        """Say whether an article helped. Raises ProblemError."""
        body = {"article_id": article_id, "value": value, "query_id": query_id, "comment": comment}
        self._post("feedback", {**body, "form_id": str(uuid.uuid4())})

    # --- a person ------------------------------------------------------------------------------

    def contact(self, lang: str = "") -> ContactAnswer:
        """How a person is reached now. Raises ProblemError."""
        return cast(ContactAnswer, self._get("contact", lang=lang))

    def open_case(
        self,
        message: str,
        *,
        mail: str = "",
        name: str = "",
        lang: str = "",
        kind: Literal["question", "problem", "complaint", "praise"] = "question",
        query_id: str = "",
        form_id: str = "",
        fields: Mapping[str, str] | None = None,
    ) -> CaseAnswer:
        """Write to a person; with a ``form_id``, a UUID, it can be sent again and opens one case.

        ``fields`` are values of the fields that ``contact`` names. Raises ProblemError.
        """
        body: dict[str, Any] = {"message": message, "mail": mail, "name": name, "lang": lang}
        body |= {"kind": kind, "fields": dict(fields or {})}
        form = form_id or str(uuid.uuid4())
        return cast(
            CaseAnswer, self._post("cases", {**body, "query_id": query_id, "form_id": form})
        )

    def case(self, number: str) -> CaseState:
        """How a case stands; needs the scope ``cases``. Raises ProblemError."""
        return cast(CaseState, self._get(f"cases/{_quoted(number)}"))

    def ticket(
        self,
        ticket_id: str,
        state: Literal["created", "resolved"] = "created",
        *,
        channel: str = "phone",
        text: str = "",
        query_id: str = "",
        at: datetime | None = None,
    ) -> TicketAnswer:
        """Report a contact of another system; needs the scope ``events``. Raises ProblemError.

        ``at`` is a time with its zone, at most seven days ago; None is now.
        """
        body: dict[str, Any] = {"ticket_id": ticket_id, "state": state, "channel": channel}
        body |= {"text": text, "query_id": query_id}
        if at is not None:
            body["at"] = at.isoformat()
        return cast(TicketAnswer, self._post("tickets", body))

    # --- reports -------------------------------------------------------------------------------

    def figures(self, first: date | None = None, last: date | None = None) -> list[FigureLine]:
        """The figures of a period; needs the scope ``reports``. Raises ProblemError."""
        given = {"from": first, "to": last}
        days = {name: day.isoformat() for name, day in given.items() if day}
        return cast(list[FigureLine], self._get("figures", **days)["figures"])

    def gaps(self) -> list[GapLine]:
        """Questions that found no answer; needs the scope ``reports``. Raises ProblemError."""
        return cast(list[GapLine], self._get("gaps")["gaps"])

    # --- requests ------------------------------------------------------------------------------

    def _get(self, path: str, **parameters: Any) -> Any:
        given = {name: value for name, value in parameters.items() if value != ""}
        return self._asked("GET", path, params=given)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._asked("POST", path, json=body)

    def _asked(self, method: str, path: str, **options: Any) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            answer = self._session.request(
                method, f"{self._base}/{path}", timeout=self._timeout_s, **options
            )
            if answer.status_code != 429 or attempt == ATTEMPTS:
                break
            sleep(min(float(answer.headers.get("Retry-After") or 1), LONGEST_WAIT_S))
        if answer.status_code >= 400:
            raise ProblemError(answer.status_code, _detail(answer))
        return answer.json() if answer.content else None


def _detail(answer: requests.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.reason or "the site did not say why"


def _quoted(part: str) -> str:
    return quote(part, safe="")
