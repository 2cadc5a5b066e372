"""Exactly once, by ids of the events' own.

Event number n of a producer has the id `<producer>-<n>`, and the server does not append an event again whose id
the session knows: an append is repeated until it is answered, however often it arrived. A number is one event for
ever: who begins anew numbers from what it is made of, a line of a file say.
"""

from __future__ import annotations

from types import TracebackType
from typing import Callable, Iterable

from .events import REQUEST_BYTES_MAX, REQUEST_EVENTS_MAX, Event, dumped


class Appender:
    """Events one after the other, many a request. What is not flushed yet is not durable."""

    def __init__(self, send: Callable[[list[Event]], object], producer: str, start: int) -> None:
        self._send = send
        self._waiting: list[Event] = []
        self._waiting_bytes = 0
        self._failure: Exception | None = None
        self.producer = producer
        self.next = start
        """The number that the next event gets."""
        self.acknowledged = start
        """Every event below is durable: where to begin after a restart."""

    def append(self, event: Event) -> None:
        if self._failure is not None:
            raise self._failure
        named = {**event, "id": f"{self.producer}-{self.next}"}
        size = len(dumped(named)) + 1
        if self._waiting_bytes + size > REQUEST_BYTES_MAX:
            self.flush()
        self._waiting.append(named)
        self._waiting_bytes += size
        self.next += 1
        if len(self._waiting) >= REQUEST_EVENTS_MAX:
            self.flush()

    def append_all(self, events: Iterable[Event]) -> int:
        first = self.next
        for event in events:
            self.append(event)
        self.flush()
        return self.next - first

    def flush(self) -> None:
        """Returns once all that was appended so far is durable."""
        if self._failure is not None:
            raise self._failure
        if not self._waiting:
            return
        try:
            self._send(self._waiting)
        except Exception as cause:
            # Nothing behind it is sent: order would be lost.
            self._failure = cause
            raise
        self.acknowledged += len(self._waiting)
        self._waiting = []
        self._waiting_bytes = 0

    def __enter__(self) -> Appender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _cause: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.flush()
