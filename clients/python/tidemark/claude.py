"""Transcripts of the Claude Agent SDK, mirrored into sessions: as libs/agent-stores/src/claude.ts has it."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import datetime
from typing import Any
from urllib.parse import quote

from claude_agent_sdk import fold_session_summary

from .claude_entries import ROLLED_BACK, EntryConverter, digest_of, session_name, thread_id
from .native import RecordRestorer
from .problem import Problem
from .sessions import SessionsClient, is_gone, session_path

#: So many ids a session remembers at least, however old they are.
REMEMBERED_MIN = 4096
#: The TypeScript SDK folds into other fields: each has a fact of its own.
SUMMARY_FACT = "claude.summary.py"
FOLDS_MAX = 20
#: Events of a turn's end, and some more.
READ_AGAIN = 64


def _session_of(key: Any) -> str:
    return session_name(key["project_key"], key["session_id"])


def _place_of(key: Any) -> tuple[str, str | None]:
    subpath = key.get("subpath")
    return _session_of(key), None if subpath is None else thread_id(subpath)


def _project_of(project_key: str) -> str:
    return project_key if len(project_key) <= 512 else digest_of(project_key, 64)


def _mtime_of(session: dict[str, Any]) -> int:
    at = datetime.fromisoformat(session["updated_at"].replace("Z", "+00:00"))
    return int(at.timestamp() * 1000)


class _Writer:
    """Appends the entries of one transcript, one append after the other."""

    def __init__(self, client: SessionsClient, key: Any) -> None:
        self._client = client
        self._session, self._thread = _place_of(key)
        self._subpath = key.get("subpath")
        self._lock = asyncio.Lock()
        self._converter = EntryConverter()
        self._known: set[str] | None = None
        self._is_begun = False
        self._failed: tuple[str, str] | None = None

    async def append(self, entries: list[Any]) -> None:
        async with self._lock:
            # The repeat of an append that failed has the ids that it had before.
            digest = digest_of(json.dumps(entries), 32)
            is_repeat = self._failed is not None and self._failed[0] == digest
            nonce = self._failed[1] if self._failed is not None and is_repeat else uuid.uuid4().hex
            self._failed = (digest, nonce)
            await self._begin()
            if self._known is None:
                self._known = await self._ids_there()
            converted = [
                event
                for at, entry in enumerate(entries)
                for event in self._converter.convert(entry, f"{nonce}.{at}")
            ]
            events = [each for each in converted if not await self._is_repeated_back(each)]
            new = [event for event in events if event["id"] not in self._known]
            await self._client.append(self._session, self._thread, new)
            await self._keep_left(events)
            self._known.update(event["id"] for event in events)
            self._failed = None

    async def _is_repeated_back(self, event: dict[str, Any]) -> bool:
        """An entry that comes again goes back to nothing, though it looks so to who has read the end alone."""
        if event["type"] != ROLLED_BACK:
            return False
        return await self._is_there(event["by_event_id"]) and not await self._is_there(event["id"])

    async def _is_there(self, event: str) -> bool:
        path = f"{session_path(self._session, self._thread)}/events/{quote(event, safe='')}"
        return await self._client.find(path) is not None

    async def _keep_left(self, events: list[dict[str, Any]]) -> None:
        """What was left behind is a fork: the session as it was then."""
        for event in events:
            if event["type"] == ROLLED_BACK and self._thread is None:
                name = f"{self._session}.{event['left']}"
                await self._client.fork(self._session, name, before=event["id"])

    async def _begin(self) -> None:
        if self._is_begun:
            return
        await (self._go_on() if self._thread is None else self._begin_thread())
        self._is_begun = True

    async def _go_on(self) -> None:
        """Another process may have written what stands there: from its end on a going back is known as one."""
        restorer = RecordRestorer()
        try:
            async for event in self._client.events(self._session, None, last=READ_AGAIN):
                restored = restorer.take(event)
                if restored is not None and isinstance(restored[1], dict):
                    self._converter.convert(restored[1], event["id"])
        except Problem as problem:
            if not is_gone(problem):
                raise

    async def _begin_thread(self) -> None:
        """A sub-agent's thread is there before its first entry."""
        assert self._thread is not None
        path = f"{session_path(self._session, self._thread)}/events"
        if await self._client.find(path, {"limit": 1}) is None:
            event = {
                "id": f"thread:{self._thread}",
                "type": "session.thread_created",
                "session_thread_id": self._thread,
                "agent_name": self._subpath.split("/")[-1],
                "source_key": self._subpath,
            }
            await self._client.append(self._session, None, [event])

    async def _ids_there(self) -> set[str]:
        """All of them, where there are more than the server is sure to remember."""
        path = f"{session_path(self._session, self._thread)}/events"
        behind = await self._client.find(path, {"from_seq": REMEMBERED_MIN, "limit": 1})
        if behind is None or not behind["data"]:
            return set()
        return {event["id"] async for event in self._client.events(self._session, self._thread)}


class TidemarkSessionStore:
    """``SessionStore`` of the Claude Agent SDK."""

    def __init__(self, base_url: str, api_key: str | None = None) -> None:
        self._client = SessionsClient(base_url, api_key)
        self._writers: dict[tuple[str, str | None], _Writer] = {}
        self._made: set[tuple[str, bool]] = set()

    async def append(self, key: Any, entries: list[Any]) -> None:
        if not entries:
            return
        await self._ensure(key)
        place = _place_of(key)
        writer = self._writers.setdefault(place, _Writer(self._client, key))
        await writer.append(entries)
        if key.get("subpath") is None:
            await self._fold(key, entries)

    async def load(self, key: Any) -> list[Any] | None:
        restorer = RecordRestorer()
        entries: list[Any] = []
        try:
            async for event in self._client.events(*_place_of(key)):
                restored = restorer.take(event)
                if restored is not None:
                    entries.append(restored[1])
        except Problem as problem:
            if not is_gone(problem):
                raise
        return entries or None

    async def list_sessions(self, project_key: str) -> list[Any]:
        listed = await self._listed(project_key)
        return [{"session_id": name, "mtime": mtime} for name, mtime, _ in listed]

    async def list_session_summaries(self, project_key: str) -> list[Any]:
        found = []
        for name, mtime, session in await self._listed(project_key):
            data = await self._client.find(f"{session_path(session)}/facts/{SUMMARY_FACT}")
            if data is not None:
                found.append({"session_id": name, "mtime": mtime, "data": data})
        return found

    async def delete(self, key: Any) -> None:
        session, thread = _place_of(key)
        if thread is None:
            for each in (await self._threads(session)).values():
                await self._client.delete(session, each)
            # A fork keeps what it was forked from.
            for fork in await self._forks(session):
                await self._client.delete(fork)
            self._made -= {(session, True), (session, False)}
        await self._client.delete(session, thread)
        for place in list(self._writers):
            if place == (session, thread) or (thread is None and place[0] == session):
                del self._writers[place]

    async def list_subkeys(self, key: Any) -> list[str]:
        session = _session_of(key)
        found = []
        for subpath, thread in (await self._threads(session)).items():
            events = await self._client.find(f"{session_path(session, thread)}/events", {"limit": 1})
            if events is not None and events["data"]:
                found.append(subpath)
        return found

    async def _threads(self, session: str) -> dict[str, str]:
        return {
            event["source_key"]: event["session_thread_id"]
            for event in await self._events_of(session, "session.thread_created")
            if isinstance(event.get("source_key"), str)
        }

    async def _forks(self, session: str) -> list[str]:
        """Of what was left behind when somebody went back."""
        events = await self._events_of(session, ROLLED_BACK)
        return [f"{session}.{event['left']}" for event in events if "left" in event]

    async def _events_of(self, session: str, kind: str) -> list[dict[str, Any]]:
        """None of a session that is not there."""
        try:
            return [each async for each in self._client.events(session, None, **{"types[]": kind})]
        except Problem as problem:
            if not is_gone(problem):
                raise
            return []

    async def _listed(self, project_key: str) -> list[tuple[str, int, str]]:
        query = {
            "metadata[claude_project]": _project_of(project_key),
            "metadata[claude_main]": "1",
            "include_archived": "true",
            "limit": 1000,
        }
        return [
            (session["metadata"]["source_session"], _mtime_of(session), session["id"])
            async for session in self._client.pages("/v1/sessions", query)
        ]

    async def _ensure(self, key: Any) -> None:
        """A session is listed once it has a transcript of its own, not only those of sub-agents."""
        session, is_main = _session_of(key), key.get("subpath") is None
        if (session, is_main) in self._made:
            return
        path = session_path(session)
        metadata = {
            "source": "claude-code",
            "source_session": key["session_id"],
            "claude_project": _project_of(key["project_key"]),
            **({"claude_main": "1"} if is_main else {}),
        }
        known = await self._client.find(path)
        if known is None:
            await self._client.ask("PUT", path, body={"metadata": metadata})
        elif is_main and "claude_main" not in known["metadata"]:
            await self._client.ask("POST", path, body={"metadata": metadata})
        self._made.add((session, is_main))

    async def _fold(self, key: Any, entries: list[Any]) -> None:
        """Of those who fold at once, each stands on what the other has put."""
        path = f"{session_path(_session_of(key))}/facts/{SUMMARY_FACT}"
        for _ in range(FOLDS_MAX):
            previous, headers = None, {"if-none-match": "*"}
            try:
                answer = await self._client.ask("GET", path)
                previous = {"session_id": key["session_id"], "mtime": 0, "data": answer.body}
                headers = {"if-match": answer.headers["etag"]}
            except Problem as problem:
                if not is_gone(problem):
                    raise
            folded = fold_session_summary(previous, key, entries)
            try:
                body = folded["data"]
                await self._client.ask("PUT", path, body=body, headers=headers, once=True)
                return
            except Problem as problem:
                if problem.status != 412:
                    raise
        raise RuntimeError("others fold the same summary all the time")
