"""Asks a vendor's API, and keeps each answer until the import is done: it can be resumed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import requests

from indexer.atomic_write import replace_bytes
from kb_app.public_hosts import is_public
from kb_app.public_http import OtherSites
from kb_app.transfer.model import MAX_FILE, TransferError

TIMEOUT_S = (10, 60)
ATTEMPTS, LONGEST_WAIT_S = 5, 60.0
# The longest a file of another host takes.
DEADLINE_S = 300.0
MAX_ANSWER = 64 * 1024 * 1024
MOST_PAGES = 10_000
_AGENT = "kb-import/1"


class RefusedError(TransferError):
    """The API answers, and refuses one request; ``status`` is that of HTTP."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class _Session(requests.Session):  # type: ignore[misc]
    """Takes the token out of a request that is sent on to another host."""

    token_headers: tuple[str, ...] = ()

    def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
        super().rebuild_auth(prepared_request, response)
        if self.should_strip_auth(response.request.url, prepared_request.url):
            for name in self.token_headers:
                prepared_request.headers.pop(name, None)


class _Guarded(requests.adapters.HTTPAdapter):  # type: ignore[misc]
    """Asks the API's own host, and of other hosts only those of the internet."""

    def __init__(self, own: tuple[str, str]) -> None:
        super().__init__()
        self._own, self._others = own, OtherSites(deadline_s=DEADLINE_S)

    def send(self, request: Any, *given: Any, **options: Any) -> Any:
        """Raises InvalidURL for a host of the own network, also after a redirect."""
        if _host(request.url) == self._own:
            return super().send(request, *given, **options)
        if not is_public(urlsplit(request.url).hostname or ""):
            raise requests.exceptions.InvalidURL(f"{request.url} is in the own network")
        return self._others.send(request, *given, **options)

    def close(self) -> None:
        """Close the connections."""
        super().close()
        self._others.close()


class Api:
    """One vendor's API at a base address. ``kept`` is the folder of the answers of this import."""

    def __init__(
        self,
        base: str,
        kept: Path,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> None:
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TransferError(
                f"{base!r} is no address. Write one like https://example.zendesk.com"
            )
        self.base = base.rstrip("/")
        self._kept = kept
        self._session = _Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Guarded(_host(base)))
        self._session.token_headers = tuple(headers or ())
        self._session.headers.update({"User-Agent": _AGENT, **(headers or {})})
        self._auth = auth
        self._dead: set[str] = set()

    def json(self, path: str, **query: object) -> Any:
        """The answer to a path of the API, or to a whole address of the same host.

        Raises TransferError where it is refused or is no JSON.
        """
        url = urljoin(f"{self.base}/", path) if "://" not in path else path
        if not self._is_own(url):
            raise TransferError(f"{self.base} leads to another host: {url[:200]}")
        prepared = requests.Request("GET", url, params={k: str(v) for k, v in query.items()})
        asked = str(self._session.prepare_request(prepared).url)
        content = self._cached(asked, MAX_ANSWER, signed=True)
        if content is None:
            return None
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            self._path(asked).unlink(missing_ok=True)
            raise TransferError(f"{asked} answers with something that is no JSON.") from error

    def optional(self, path: str, **query: object) -> Any:
        """As json; None also where the token may not read just this."""
        try:
            return self.json(path, **query)
        except RefusedError as error:
            if error.status == 403:
                return None
            raise

    def pages(self, path: str, name: str, **query: object) -> Iterator[Any]:
        """The rows of all pages of a list whose answers name the next one in ``next_page``."""
        following: str | None = path
        for _ in range(MOST_PAGES):
            answer = self.json(following, **query) if following else None
            if not isinstance(answer, dict):
                return
            yield from answer.get(name) or ()
            following, query = answer.get("next_page"), {}
            if not following:
                return

    def numbered(self, path: str, size: int, usual: int) -> Iterator[dict[str, Any]]:
        """The rows, each with an ``id``, of all pages of a list that is nothing but its rows.

        ``size`` rows a page are asked for. A page with fewer than are ``usual`` is the last.
        """
        seen: set[str] = set()
        for page in range(1, MOST_PAGES + 1):
            given = self.json(path, per_page=size, page=page)
            answer = given if isinstance(given, list) else []
            found = [row for row in answer if isinstance(row, dict) and row.get("id")]
            new = [row for row in found if str(row["id"]) not in seen]
            yield from new
            seen.update(str(row["id"]) for row in new)
            if not new or len(answer) < usual:
                return

    def file(self, url: str) -> bytes | None:
        """A picture or file; None where it is not there. The token goes to the own host only.

        What the API itself answers is no file. Raises TransferError where the own host fails;
        another host that fails is not asked again.
        """
        scheme, host = _host(url)
        if scheme not in ("http", "https") or host in self._dead:
            return None
        try:
            is_own = self._is_own(url)
            return self._cached(url, MAX_FILE, signed=is_own and "/api/" not in urlsplit(url).path)
        except RefusedError:
            return None
        except TransferError:
            if is_own and self._answers():
                return None
            if is_own:
                raise
            self._dead.add(host)
            return None

    def _answers(self) -> bool:
        """Whether the API's host answers at all: then it is one file that cannot be had."""
        try:
            with self._session.get(self.base, timeout=TIMEOUT_S, stream=True) as answer:
                return int(answer.status_code) < 500
        except requests.RequestException:
            return False

    def _is_own(self, url: str) -> bool:
        return _host(url) == _host(self.base)

    def _cached(self, url: str, most: int, *, signed: bool) -> bytes | None:
        path = self._path(url)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            pass
        content = self._asked(url, most, signed=signed)
        if content is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_bytes(path, content)
        return content

    def _path(self, url: str) -> Path:
        return self._kept / hashlib.sha256(url.encode()).hexdigest()

    def _asked(self, url: str, most: int, *, signed: bool) -> bytes | None:
        """The content of an address; None for one that is not there."""
        wait, why, status = 1.0, "", 0
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(min(wait, LONGEST_WAIT_S))
            try:
                with self._session.get(
                    url,
                    auth=self._auth if signed else None,
                    headers={} if signed else dict.fromkeys(self._session.token_headers),
                    timeout=TIMEOUT_S,
                    stream=True,
                ) as answer:
                    if answer.status_code == 404:
                        return None
                    if answer.status_code in (401, 403):
                        raise RefusedError(
                            f"{self.base} refuses the token (HTTP {answer.status_code}). "
                            "Check the token, and that it may read the help centre.",
                            answer.status_code,
                        )
                    if answer.status_code == 200:
                        return _bounded(answer, most)
                    why, wait = f"HTTP {answer.status_code}", _wait(answer, 2.0**attempt)
                    if answer.status_code < 500 and answer.status_code != 429:
                        status = answer.status_code
                        break
            except (requests.RequestException, UnicodeError) as error:
                why, wait = type(error).__name__, 2.0**attempt
                if isinstance(error, ValueError):  # no address that can be asked for
                    status = 400
                    break
        message = (
            f"{url} could not be read ({why}). What was read before is kept: "
            "run the same command again to go on from here."
        )
        raise RefusedError(message, status) if status else TransferError(message)


def _host(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def _bounded(answer: requests.Response, most: int) -> bytes:
    parts, size = [], 0
    for part in answer.iter_content(64 * 1024):
        parts.append(part)
        size += len(part)
        if size > most:
            raise RefusedError(f"{answer.url} is larger than {most // 1024 // 1024} MB.", 413)
    return b"".join(parts)


def _wait(answer: requests.Response, usual: float) -> float:
    """How long the API asks to wait, in seconds: Retry-After, or a time of a reset."""
    after = answer.headers.get("Retry-After", "")
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if after.isascii() and after.isdigit():
        return float(after)
    if reset.isascii() and reset.isdigit():
        return max(float(reset) - time.time(), 0.0) if len(reset) > 6 else float(reset)
    return usual
