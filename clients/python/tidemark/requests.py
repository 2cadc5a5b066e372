"""Requests and their repeats. Each request that changes something is made so that a repeat does no harm: it
carries ids, a key or a version, or says the same thing again. So whatever may pass is asked again: not before
the server said (`Retry-After`), with full jitter on top, and not for ever.
"""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Callable, Mapping, Sequence, Union
from urllib.parse import quote, urlencode, urlsplit

from .events import dumped, new_id
from .problem import Effect, Problem, no_answer, problem_of

Credential = Union[str, Callable[[], str]]
Query = Mapping[str, Union[str, int, bool, Sequence[str], None]]

_BACKOFF_FIRST = 0.1
_BACKOFF_MAX = 5.0
# Who is told to wait longer is better told so.
_RETRY_AFTER_MAX = 60.0


def session_path(session: str) -> str:
    return f"/v1/sessions/{quote(session, safe='')}"


def stream_path(session: str) -> str:
    """Of the same session as a stream."""
    return f"/v1/stream/{quote(session, safe='/')}"


def jitter(losses: int) -> float:
    """Full jitter: anything up to a bound that doubles."""
    return random.random() * min(_BACKOFF_MAX, _BACKOFF_FIRST * 2 ** min(losses, 16))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


class Requests:
    def __init__(
        self, url: str, api_key: Credential | None, *, attempts_max: int, timeout: float
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise ValueError("url is that of a server: https://sessions.example")
        self._parts = parts
        self._base = parts.path.rstrip("/")
        self._api_key = api_key
        self._attempts_max = attempts_max
        self._timeout = timeout
        self._kept = threading.local()

    def connect(self, timeout: float) -> HTTPConnection:
        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=timeout)

    def send(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HTTPResponse:
        """Once, whatever is answered."""
        key = self._api_key() if callable(self._api_key) else self._api_key
        sent = dict(headers or {})
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        if body is not None:
            sent["content-type"] = "application/json"
        connection.request(method, f"{self._base}{path}{_query_text(query)}", body, sent)
        return connection.getresponse()

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        has_body: bool = False,
        once: bool = False,
        attempts_max: int | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """`once`: for what has no ids of its own, so that the server knows a repeat."""
        if once:
            headers = {**(headers or {}), "idempotency-key": new_id()}
        sent = dumped(body) if has_body or body is not None else None
        effect: Effect = "none" if method in ("GET", "HEAD") else "unknown"
        is_uncertain = False
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._attempt(
                    method, path, query=query, headers=headers, body=sent, timeout=timeout
                )
            except Problem as problem:
                failure = problem
            except (OSError, HTTPException, ValueError) as cause:
                self._drop()
                failure = no_answer(cause, effect)
                failure.__cause__ = cause
            is_uncertain = is_uncertain or failure.effect == "unknown"
            is_passing = failure.retry == "same" and failure.retry_after <= _RETRY_AFTER_MAX
            if not is_passing or attempt >= (attempts_max or self._attempts_max):
                if is_uncertain:
                    failure.effect = "unknown"
                raise failure
            time.sleep(failure.retry_after + jitter(attempt - 1))

    def _attempt(
        self,
        method: str,
        path: str,
        *,
        query: Query | None,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        timeout: float | None,
    ) -> Answer:
        connection = self._connection(timeout or self._timeout)
        response = self.send(connection, method, path, query=query, headers=headers, body=body)
        text = response.read()
        told = {name.lower(): value for name, value in response.getheaders()}
        if response.will_close:
            self._drop()
        if not 200 <= response.status < 300:
            effect: Effect = "none" if method in ("GET", "HEAD") else "unknown"
            raise problem_of(response.status, text, told, effect)
        return Answer(response.status, told, json.loads(text) if text else None)

    def _connection(self, timeout: float) -> HTTPConnection:
        """One a thread."""
        known: HTTPConnection | None = getattr(self._kept, "connection", None)
        if known is None:
            known = self._kept.connection = self.connect(timeout)
        known.timeout = timeout
        if known.sock is not None:
            known.sock.settimeout(timeout)
        return known

    def _drop(self) -> None:
        known: HTTPConnection | None = getattr(self._kept, "connection", None)
        if known is not None:
            known.close()
        self._kept.connection = None


def _query_text(query: Query | None) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in (query or {}).items():
        if value is None:
            continue
        if isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif isinstance(value, (str, int)):
            pairs.append((name, str(value)))
        else:
            pairs.extend((name, each) for each in value)
    return f"?{urlencode(pairs)}" if pairs else ""
