"""A source's record, kept with the events that were made of it. What stands in an event already is a hole in
the record. The same bytes as libs/agent-formats/src/native.ts writes: each reads what the other wrote."""

from __future__ import annotations

import json
from typing import Any

HOLE_CHARS_MIN = 48
RECORD_CHARS_MAX = 2 * 1024 * 1024
PIECE_CHARS = 1024 * 1024

Path = list[Any]


def part_id(event_id: str, part: int) -> str:
    return event_id if part == 0 else f"{event_id}:{part}"


def packed(
    drafts: list[dict[str, Any]], *, format: str, record: Any, id: str, time: str | None
) -> list[dict[str, Any]]:
    """The events of one record, ready to be sent."""
    text = json.dumps(record)
    if len(text) > RECORD_CHARS_MAX:
        pieces = [text[at : at + PIECE_CHARS] for at in range(0, len(text), PIECE_CHARS)]
        drafts = [{"type": "system.record.large"} for _ in pieces]
        natives = [{"piece": piece} for piece in pieces]
        rest, holes = None, []
    else:
        places: dict[Any, tuple[int, Path]] = {}
        for part, draft in enumerate(drafts):
            _remember(draft, part, [], places)
        holes = []
        rest = _emptied(record, [], places, holes)
        natives = [{} for _ in drafts]
    head = {"format": format, "record": rest, "holes": holes, "parts": len(drafts)}
    return [
        {
            "id": part_id(id, part),
            **({} if time is None else {"processed_at": time}),
            **draft,
            "native": {**(head if part == 0 else {"of": id, "part": part}), **native},
        }
        for part, (draft, native) in enumerate(zip(drafts, natives))
    ]


def _key(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) >= HOLE_CHARS_MIN else None
    return id(value) if isinstance(value, (dict, list)) else None


def _children(value: Any) -> Any:
    if isinstance(value, list):
        return list(enumerate(value))
    return list(value.items()) if isinstance(value, dict) else []


def _remember(value: Any, part: int, path: Path, places: dict[Any, tuple[int, Path]]) -> None:
    key = _key(value)
    if key is None:
        return
    if path and key not in places:
        places[key] = (part, path)
    for name, child in _children(value):
        _remember(child, part, [*path, name], places)


def _emptied(value: Any, path: Path, places: dict[Any, tuple[int, Path]], holes: list[Any]) -> Any:
    found = places.get(_key(value))
    if found is not None:
        holes.append([path, found[0], found[1]])
        return None
    if isinstance(value, list):
        return [_emptied(child, [*path, at], places, holes) for at, child in enumerate(value)]
    if isinstance(value, dict):
        return {
            name: _emptied(child, [*path, name], places, holes) for name, child in value.items()
        }
    return value


MIRRORED = {"agent.tool_use", "agent.custom_tool_use"}


class RecordRestorer:
    """The records of a session's events, in their order."""

    def __init__(self) -> None:
        self._open: dict[str, dict[int, dict[str, Any]]] = {}

    def take(self, event: dict[str, Any]) -> Any:
        """(format, record) where a record is complete with this event."""
        native = event.get("native")
        if not isinstance(native, dict):
            return None
        # A thread's call is told in its session as well: its record is the thread's.
        if "session_thread_id" in event and event["type"] in MIRRORED:
            return None
        first = native.get("of", event["id"])
        if "of" not in native:
            self._open[first] = {}
        parts = self._open.get(first)
        if parts is None:
            return None
        parts[native.get("part", 0)] = event
        head = parts.get(0)
        if head is None or len(parts) < head["native"]["parts"]:
            return None
        del self._open[first]
        return head["native"]["format"], _restored(head["native"], parts)


def _restored(native: dict[str, Any], parts: dict[int, dict[str, Any]]) -> Any:
    if "piece" in native:
        return json.loads("".join(parts[part]["native"]["piece"] for part in range(len(parts))))
    record = native["record"]
    for path, part, place in native["holes"]:
        value: Any = parts[part]
        for name in place:
            value = value[name]
        if not path:
            return value
        around = record
        for name in path[:-1]:
            around = around[name]
        around[path[-1]] = value
    return record
