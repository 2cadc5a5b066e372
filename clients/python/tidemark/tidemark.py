from __future__ import annotations

from typing import Any, Iterator, Literal, Mapping, Sequence
from urllib.parse import quote

from .events import new_id
from .following import Transport, Transports
from .requests import Credential, Query, Requests
from .session import Session


class Tidemark:
    """A Tidemark server, or a cluster behind one address. Threads may share one."""

    def __init__(
        self,
        url: str,
        api_key: Credential | None = None,
        *,
        attempts_max: int = 12,
        timeout: float = 30.0,
        open_timeout: float = 10.0,
        transports: Sequence[Transport] = ("sse", "long-poll"),
    ) -> None:
        self._requests = Requests(url, api_key, attempts_max=attempts_max, timeout=timeout)
        self._transports = Transports(transports)
        self._open_timeout = open_timeout

    def session(self, session_id: str) -> Session:
        """A session by its name, whether it is there or not: its first append makes it."""
        return Session(
            self._requests,
            session_id,
            transports=self._transports,
            open_timeout=self._open_timeout,
        )

    def create(
        self, session_id: str | None = None, *, idempotency_key: str | None = None, **wish: Any
    ) -> Session:
        """With a name of one's own, one that is there already is told as it is."""
        if session_id is None:
            headers = {"idempotency-key": idempotency_key or new_id()}
            made = self._requests.ask("POST", "/v1/sessions", headers=headers, body=wish).body
        else:
            path = f"/v1/sessions/{quote(session_id, safe='')}"
            made = self._requests.ask("PUT", path, body=wish).body
        return self.session(made["id"])

    def list(
        self,
        *,
        order_by: Literal["created_at", "state_changed_at"] | None = None,
        order: Literal["asc", "desc"] | None = None,
        statuses: Sequence[str] = (),
        agent_id: str | None = None,
        agent_name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        include_archived: bool | None = None,
        page_size: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """All that there are, by the time of their making or of the last change of their state."""
        page: str | None = None
        while True:
            query: Query = {
                "order_by": order_by,
                "order": order,
                "statuses[]": statuses,
                "agent_id": agent_id,
                "agent_name": agent_name,
                "include_archived": include_archived,
                "limit": page_size,
                "page": page,
                **{f"metadata[{key}]": value for key, value in (metadata or {}).items()},
            }
            listed = self._requests.ask("GET", "/v1/sessions", query=query).body
            yield from listed["data"]
            page = listed["next_page"]
            if page is None:
                return

    def search(self, q: str, *, limit: int | None = None, page: str | None = None) -> dict[str, Any]:
        """Events of all sessions, by their words."""
        query = {"q": q, "limit": limit, "page": page}
        return dict(self._requests.ask("GET", "/v1/search", query=query).body)
