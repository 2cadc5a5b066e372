from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator

Event = Dict[str, Any]

# The server takes 1,000 events and 8 MiB at once. A request stays well below, so that it is answered soon.
REQUEST_EVENTS_MAX = 500
REQUEST_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True)
class Appended:
    events: list[Event]
    """As they are stored, in the order in which they were given."""
    next_seq: int
    """Seq of what will be appended next."""
    cursor: str
    """Behind the last of them, to follow from."""


@dataclass(frozen=True)
class Batch:
    events: list[Event]
    cursor: str
    """Behind the last of them: whoever keeps it goes on there."""


@dataclass(frozen=True)
class Page:
    events: list[Event]
    seqs: list[int]
    """Where each stands."""
    next: str | None
    """None on the last page."""


def new_id() -> str:
    """Twenty characters that nobody else draws."""
    return secrets.token_hex(10)


def dumped(value: object) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair has no bytes in UTF-8: agents' logs have them, escaped.
        return json.dumps(value, separators=(",", ":")).encode()


def requests_of(events: Iterable[Event]) -> Iterator[list[Event]]:
    """In order, as many at once as a request may carry."""
    batch: list[Event] = []
    size = 0
    for event in events:
        event_size = len(dumped(event)) + 1
        is_full = len(batch) >= REQUEST_EVENTS_MAX or size + event_size > REQUEST_BYTES_MAX
        if is_full and batch:
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += event_size
    if batch:
        yield batch
