"""Sessions as a store of agents asks for them: awaited, page by page. Every repeat is safe: events have ids of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any
from urllib.parse import quote

from . import requests
from .events import requests_of
from .problem import Problem
from .requests import Answer, Requests, stream_path

ATTEMPTS_MAX = 12
TIMEOUT_SECONDS = 30.0


def is_gone(problem: Problem) -> bool:
    return problem.status in (404, 410)


def session_path(session: str, thread: str | None = None) -> str:
    path = requests.session_path(session)
    return path if thread is None else f"{path}/threads/{quote(thread, safe='')}"


class SessionsClient:
    def __init__(self, base_url: str, api_key: str | None = None) -> None:
        self._requests = Requests(
            base_url, api_key, attempts_max=ATTEMPTS_MAX, timeout=TIMEOUT_SECONDS
        )

    async def ask(self, method: str, path: str, **parts: Any) -> Answer:
        """A thread waits for the answer, so that the loop goes on."""
        return await asyncio.to_thread(self._requests.ask, method, path, **parts)

    async def find(self, path: str, query: dict[str, Any] | None = None) -> Any:
        """None where there is nothing of that name."""
        try:
            return (await self.ask("GET", path, query=query)).body
        except Problem as problem:
            if is_gone(problem):
                return None
            raise

    async def pages(self, path: str, query: dict[str, Any]) -> AsyncIterator[Any]:
        page: str | None = None
        while True:
            asked = query if page is None else {**query, "page": page}
            answer = (await self.ask("GET", path, query=asked)).body
            for item in answer["data"]:
                yield item
            page = answer.get("next_page")
            if page is None:
                return

    async def events(
        self, session: str, thread: str | None = None, **query: Any
    ) -> AsyncIterator[dict[str, Any]]:
        path = f"{session_path(session, thread)}/events"
        async for event in self.pages(path, {"limit": 1000, **query}):
            yield event

    async def append(
        self, session: str, thread: str | None, events: Iterable[dict[str, Any]]
    ) -> None:
        """All of them in order, in as many requests as it takes; of two with one id the first."""
        path = f"{session_path(session, thread)}/events"
        firsts: dict[str, dict[str, Any]] = {}
        for event in events:
            firsts.setdefault(event["id"], event)
        for batch in requests_of(firsts.values()):
            await self.ask("POST", path, body=batch)

    async def fork(self, session: str, name: str, *, before: str) -> None:
        """A session of its own that is this one as it was before an event; where it is there, it stays."""
        if await self.find(session_path(name)) is not None:
            return
        events = f"{session_path(session)}/events"
        event = await self.ask("GET", f"{events}/{quote(before, safe='')}")
        seq = int(event.headers["stream-first-seq"])
        if seq == 0:
            return
        # Only the server can say the cursor of a place.
        last = await self.ask("GET", events, query={"from_seq": seq - 1, "limit": 1})
        headers = {
            "content-type": "application/json",
            "stream-forked-from": stream_path(session),
            "stream-fork-offset": last.headers["stream-next-offset"],
        }
        await self.ask("PUT", stream_path(name), headers=headers)

    async def delete(self, session: str, thread: str | None = None) -> None:
        """What has a session of its own: a thread is deleted as one."""
        name = session if thread is None else f"{session}~{thread}"
        try:
            await self.ask("DELETE", session_path(name))
        except Problem as problem:
            if not is_gone(problem):
                raise
