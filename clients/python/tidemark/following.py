"""Following a session for as long as it goes on: by server-sent events, or by long-polls where a proxy keeps
those back.

A cursor moves when its batch is handed out, and every connection begins at the cursor: so nothing is missing and
nothing comes twice, whatever is lost in between. A connection that is lost is begun again, with full jitter; what
the server refuses for good is raised.
"""

from __future__ import annotations

import json
import socket
import threading
from http.client import HTTPConnection, HTTPException, HTTPResponse
from types import TracebackType
from typing import Generator, Iterator, Literal, Sequence

from .events import Batch, Event
from .problem import Problem, no_answer, problem_of
from .requests import Requests, jitter, session_path, stream_path

Transport = Literal["sse", "long-poll"]
Ending = Literal["closed", "deleted"]
_Heard = Generator[Batch, None, Ending]

_FAILURES_MAX = 2
# The server says something every ten seconds.
_SILENCE = 30.0
# A server holds a long-poll for two minutes at most.
_LONG_POLL = 150.0
_GONE = ("session-not-found", "session-gone")


class Transports:
    """Which way is the best that works, as this client has seen.

    One that fails twice while the server answers others is left: a proxy does not let it through.
    """

    def __init__(self, allowed: Sequence[Transport]) -> None:
        self._allowed = list(allowed)
        self._failures = 0

    @property
    def best(self) -> Transport:
        return self._allowed[0]

    def works(self) -> None:
        self._failures = 0

    def fails(self, transport: Transport) -> None:
        if transport != self.best or len(self._allowed) == 1:
            return
        self._failures += 1
        if self._failures >= _FAILURES_MAX:
            self._allowed.pop(0)
            self._failures = 0


class Follower:
    """Iterates over events; `batches` over batches with the cursor behind each. Ends with the session."""

    def __init__(
        self,
        requests: Requests,
        session: str,
        *,
        after: str,
        types: Sequence[str],
        transports: Transports,
        open_timeout: float,
    ) -> None:
        self._requests = requests
        self._session = session
        self._types = list(types)
        self._open_timeout = open_timeout
        self._transports = transports
        self._transport = transports.best
        self._closing = threading.Event()
        self._connection: HTTPConnection | None = None
        self._cursor = after
        self._is_open = False
        self.ending: Ending | None = None
        """How the session ended, once it did."""

    def __iter__(self) -> Iterator[Event]:
        for batch in self.batches():
            yield from batch.events

    def batches(self) -> Iterator[Batch]:
        if self._cursor == "now":
            self._cursor = self._end()
        losses = 0
        while not self._closing.is_set():
            self._is_open = False
            try:
                heard = self._connect()
                for batch in heard:
                    losses = 0
                    self._cursor = batch.cursor
                    yield batch
                return
            except Problem as problem:
                if self._closing.is_set():
                    return
                if problem.code in _GONE and self._is_open:
                    self.ending = "deleted"
                    return
                if problem.retry != "same":
                    raise
                self._judge()
                self._closing.wait(problem.retry_after + jitter(losses))
                losses += 1

    def close(self) -> None:
        """From any thread: whoever iterates is at the end."""
        self._closing.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self) -> Follower:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _cause: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def _judge(self) -> None:
        """Whether it was the way, or the server."""
        if self._is_open:
            return
        try:
            self._requests.ask("GET", session_path(self._session), attempts_max=1)
        except Problem:
            return
        self._transports.fails(self._transport)

    def _opened(self) -> None:
        self._is_open = True
        self._transports.works()

    def _connect(self) -> Iterator[Batch]:
        self._transport = self._transports.best
        heard = self._over_sse() if self._transport == "sse" else self._over_long_poll()
        self.ending = yield from heard

    def _end(self) -> str:
        path = f"{session_path(self._session)}/events"
        return self._requests.ask("GET", path, query={"last": 1}).headers["stream-next-offset"]

    @property
    def _after(self) -> str:
        return "-1" if self._cursor == "start" else self._cursor

    def _over_sse(self) -> _Heard:
        connection = self._requests.connect(self._open_timeout)
        self._connection = connection
        try:
            response = self._requests.send(
                connection,
                "GET",
                f"{session_path(self._session)}/events/stream",
                query={"after": self._after, "types[]": self._types},
                headers={"accept": "text/event-stream"},
            )
            if response.status != 200:
                headers = {name.lower(): value for name, value in response.getheaders()}
                raise problem_of(response.status, response.read(), headers, "none")
            for event_id, name, data in self._frames(response, connection):
                if event_id is not None:
                    yield Batch([json.loads(data)], event_id)
                elif name == "error":
                    raise problem_of(response.status, data.encode(), {}, "none")
                elif name == "session.deleted":
                    return "deleted"
        except (OSError, HTTPException, ValueError) as cause:
            raise no_answer(cause, "none") from cause
        finally:
            connection.close()
            self._connection = None
        # It ended: so the session did, or the server stops, or the connection was cut.
        closed = self._requests.ask("HEAD", stream_path(self._session)).headers
        if closed.get("stream-closed") != "true":
            raise no_answer("the stream ended", "none")
        yield from self._listed()
        return "closed"

    def _frames(
        self, response: HTTPResponse, connection: HTTPConnection
    ) -> Iterator[tuple[str | None, str, str]]:
        event_id: str | None = None
        name = "message"
        data: list[str] = []
        while not self._closing.is_set():
            line = response.readline()
            if not line.endswith(b"\n"):
                return
            if not self._is_open:
                self._opened()
                if connection.sock is not None:
                    connection.sock.settimeout(_SILENCE)
            field, _, value = line[:-1].decode().partition(":")
            value = value[1:] if value.startswith(" ") else value
            if field == "id":
                event_id = value
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif line == b"\n":
                if data:
                    yield event_id, name, "\n".join(data)
                event_id, name, data = None, "message", []

    def _listed(self) -> Iterator[Batch]:
        """All that is there behind the cursor; the cursor is behind it then."""
        path = f"{session_path(self._session)}/events"
        while True:
            query = {"order": "asc", "after": self._after, "types[]": self._types}
            answer = self._requests.ask("GET", path, query=query)
            cursor = answer.headers["stream-next-offset"]
            if answer.body["data"]:
                yield Batch(answer.body["data"], cursor)
            self._cursor = cursor
            if answer.body["next_page"] is None:
                return

    def _over_long_poll(self) -> _Heard:
        path = stream_path(self._session)
        while not self._closing.is_set():
            yield from self._listed()
            self._opened()
            query = {"offset": self._after, "live": "long-poll", "limit": 1}
            waited = self._requests.ask("GET", path, query=query, timeout=_LONG_POLL)
            if waited.status == 204 and waited.headers.get("stream-closed") == "true":
                return "closed"
        raise no_answer("it was closed", "none")
