"""Visitors of a site that is disturbed: each repeats a form or a vote until it is taken."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass, field

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ACCEPTED = (200, 302, 303)
# A search that takes longer counts as not answered.
ANSWERED_S = 40.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Leave redirects to the caller."""


_OPENER = urllib.request.build_opener(_NoRedirect)


@dataclass
class Accepted:
    """Ids of what the site said it has taken."""

    forms: list[str] = field(default_factory=list)
    votes: list[str] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    # Seconds until each was accepted, by kind.
    waited: dict[str, list[float]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


@dataclass
class Load:
    """Visitors of the site at ``base``, until ``stop`` is set. Votes are for ``article``."""

    base: str
    article: str
    stop: threading.Event = field(default_factory=threading.Event)
    accepted: Accepted = field(default_factory=Accepted)

    def forms(self) -> None:
        """Send messages with a file, each until it is accepted."""
        while not self.stop.wait(0.15):
            form_id = str(uuid.uuid4())
            body, kind = multipart(
                {"form_id": form_id, "kind": "question", "message": form_id, "do": "anyway"},
                f"note of {form_id}",
            )
            if self._until_accepted("form", "/en/contact", body, kind):
                self.accepted.forms.append(form_id)

    def votes(self) -> None:
        """Vote, each vote until it is accepted."""
        while not self.stop.wait(0.15):
            form_id = str(uuid.uuid4())
            body = urllib.parse.urlencode({"form_id": form_id, "value": "yes"}).encode()
            kind = "application/x-www-form-urlencoded"
            if self._until_accepted("vote", f"/en/articles/{self.article}/vote", body, kind):
                self.accepted.votes.append(f"{form_id}:yes")

    def searches(self) -> None:
        """Search once for each text, and note what was not answered."""
        number = 0
        while not self.stop.wait(0.05):
            number += 1
            query = urllib.parse.urlencode({"q": f"return postage {number}", "lang": "en"})
            began = time.monotonic()
            try:
                url = f"{self.base}/api/v1/search?{query}"
                with urllib.request.urlopen(url, timeout=ANSWERED_S) as answer:  # noqa: S310
                    self.accepted.searches.append(json.load(answer)["query_id"])
            except (OSError, ValueError, urllib.error.URLError) as error:
                self.accepted.failed.append(f"search: {error}")
            self._note("search", began)

    def _until_accepted(self, what: str, path: str, body: bytes, kind: str) -> bool:
        headers = {"User-Agent": AGENT, "Content-Type": kind, "Sec-Fetch-Site": "same-origin"}
        began = time.monotonic()
        for _ in range(200):
            request = urllib.request.Request(self.base + path, body, headers)  # noqa: S310
            try:
                with _OPENER.open(request, timeout=20):
                    self._note(what, began)
                    return True
            except urllib.error.HTTPError as error:
                if error.code in ACCEPTED:
                    self._note(what, began)
                    return True
                self.accepted.refused[f"{what} {error.code}"] += 1
            except OSError as error:
                self.accepted.refused[f"{what} {type(error).__name__}"] += 1
            time.sleep(0.2)
        self.accepted.failed.append(f"{what} was never accepted")
        return False

    def _note(self, what: str, began: float) -> None:
        self.accepted.waited.setdefault(what, []).append(time.monotonic() - began)


def multipart(fields: dict[str, str], file: str) -> tuple[bytes, str]:
    """The body of a form with a text file, and its content type."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = 'Content-Disposition: form-data; name="files"; filename="a.txt"\r\n'
    parts.append(f"--x\r\n{head}Content-Type: text/plain\r\n\r\n{file}\r\n--x--\r\n")
    return "".join(parts).encode(), "multipart/form-data; boundary=x"
