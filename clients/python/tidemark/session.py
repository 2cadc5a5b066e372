from __future__ import annotations

from typing import Any, Iterable, Iterator, Literal, Sequence, Union
from urllib.parse import quote

from .appending import Appender
from .events import Appended, Event, Page, new_id, requests_of
from .facts import Facts
from .following import Follower, Transports
from .problem import Problem
from .requests import Requests, session_path

Act = Literal["start", "pause", "resume", "end", "archive"]

_PAGE_MAX = 1_000


class Session:
    """A session by its name: nothing is asked of the server before something is wanted."""

    def __init__(
        self,
        requests: Requests,
        session_id: str,
        *,
        transports: Transports,
        open_timeout: float,
    ) -> None:
        self.id = session_id
        self._requests = requests
        self._path = session_path(session_id)
        self._transports = transports
        self._open_timeout = open_timeout
        self.facts = Facts(requests, self._path)

    def get(self) -> dict[str, Any]:
        return dict(self._requests.ask("GET", self._path).body)

    def update(self, **change: Any) -> dict[str, Any]:
        return dict(self._requests.ask("POST", self._path, body=change, once=True).body)

    def delete(self) -> None:
        """It is no error where it was not there any more."""
        try:
            self._requests.ask("DELETE", self._path)
        except Problem as problem:
            if problem.code not in ("session-not-found", "session-gone"):
                raise

    def start(self) -> dict[str, Any]:
        return self._act("start")

    def pause(self) -> dict[str, Any]:
        return self._act("pause")

    def resume(self) -> dict[str, Any]:
        return self._act("resume")

    def end(self) -> dict[str, Any]:
        return self._act("end")

    def archive(self) -> dict[str, Any]:
        return self._act("archive")

    def _act(self, act: Act) -> dict[str, Any]:
        return dict(self._requests.ask("POST", f"{self._path}/{act}", once=True).body)

    def create_token(self, scopes: Sequence[str] = ("read",), ttl_seconds: int = 3_600) -> str:
        """For a browser, or whoever else is to have this session and nothing else."""
        body = {"scopes": list(scopes), "ttl_seconds": ttl_seconds}
        return str(self._requests.ask("POST", f"{self._path}/tokens", body=body).body["token"])

    def append(self, events: Union[Event, Iterable[Event]], *, expected: int | None = None) -> Appended:
        """Durable once it returns, and there once however often it had to be sent.

        With `expected` only while that is the next seq; else a Problem `seq-conflict`.
        """
        given = [events] if isinstance(events, dict) else list(events)
        prefix = new_id()
        named = [{**event, "id": event.get("id", f"{prefix}-{i}")} for i, event in enumerate(given)]
        last: Appended | None = None
        stored: list[Event] = []
        for batch in requests_of(named):
            at = expected if expected is None or last is None else last.next_seq
            last = self._send(batch, at)
            stored.extend(last.events)
        if last is None:
            raise ValueError("append one event at least")
        return Appended(stored, last.next_seq, last.cursor)

    def _send(self, events: list[Event], expected: int | None = None) -> Appended:
        answer = self._requests.ask(
            "POST", f"{self._path}/events", query={"expected": expected}, body={"events": events}
        )
        headers = answer.headers
        return Appended(
            answer.body["data"], int(headers["stream-next-seq"]), headers["stream-next-offset"]
        )

    def appender(self, producer: str | None = None, start: int = 0) -> Appender:
        """Events one after the other, many a request, exactly once across restarts as well."""
        return Appender(self._send, producer or new_id(), start)

    def event(self, id_or_seq: str | int) -> Event:
        path = f"{self._path}/events/{quote(str(id_or_seq), safe='')}"
        return dict(self._requests.ask("GET", path).body)

    def read_page(
        self,
        *,
        types: Sequence[str] = (),
        order: Literal["asc", "desc"] = "asc",
        first: int | None = None,
        end: int | None = None,
        since: Literal["compaction"] | None = None,
        page_size: int = _PAGE_MAX,
        page: str | None = None,
    ) -> Page:
        """Events from the seq `first`, before the seq `end`."""
        query = {
            "types[]": types,
            "order": order,
            "from_seq": first,
            "to_seq": end,
            "since": since,
            "limit": page_size,
            "page": page,
            "seqs": True,
        }
        body = self._requests.ask("GET", f"{self._path}/events", query=query).body
        return Page(body["data"], body["seqs"], body["next_page"])

    def read(self, **wish: Any) -> Iterator[Event]:
        """All that is there, page by page; takes what `read_page` does."""
        page: str | None = None
        while True:
            read = self.read_page(**wish, page=page)
            yield from read.events
            page = read.next
            if page is None:
                return

    def last(self, n: int, *, types: Sequence[str] = ()) -> list[Event]:
        """The last n, in their order."""
        found: list[Event] = []
        if n < 1:
            return found
        # From the end, which may move meanwhile.
        for event in self.read(order="desc", types=types, page_size=min(n, _PAGE_MAX)):
            found.append(event)
            if len(found) == n:
                break
        return found[::-1]

    def follow(self, *, after: str = "now", types: Sequence[str] = ()) -> Follower:
        """Behind `now`, `start` or the cursor of a batch."""
        return Follower(
            self._requests,
            self.id,
            after=after,
            types=types,
            transports=self._transports,
            open_timeout=self._open_timeout,
        )

    def search(
        self,
        q: str,
        *,
        limit: int | None = None,
        context: int | None = None,
        max_tokens: int | None = None,
        page: str | None = None,
    ) -> dict[str, Any]:
        query = {"q": q, "limit": limit, "context": context, "max_tokens": max_tokens, "page": page}
        return dict(self._requests.ask("GET", f"{self._path}/events", query=query).body)
