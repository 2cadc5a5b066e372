from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable
from urllib.parse import quote

from .problem import Problem
from .requests import Requests, jitter

_CHANGES_MAX = 20


@dataclass(frozen=True)
class Fact:
    key: str
    value: Any
    version: int


class Facts:
    """A session's durable facts: small JSON values by key, which compare and swap by their version."""

    def __init__(self, requests: Requests, session_path: str) -> None:
        self._requests = requests
        self._path = f"{session_path}/facts"

    def _path_of(self, key: str) -> str:
        return f"{self._path}/{quote(key, safe='')}"

    def get(self, key: str) -> Fact | None:
        try:
            answer = self._requests.ask("GET", self._path_of(key))
        except Problem as problem:
            if problem.code == "fact-not-found":
                return None
            raise
        return Fact(key, answer.body, int(answer.headers["etag"].strip('"')))

    def list(self) -> list[Fact]:
        data = self._requests.ask("GET", self._path).body["data"]
        return [Fact(fact["key"], fact["value"], fact["version"]) for fact in data]

    def put(self, key: str, value: Any, *, version: int | None = None) -> int:
        """Only while it has this version, 0 while it is not there: else a Problem `fact-conflict`.

        Tells the version that it has now.
        """
        answer = self._requests.ask(
            "PUT", self._path_of(key), headers=_condition(version), body=value, has_body=True, once=True
        )
        return int(answer.body["version"])

    def delete(self, key: str, *, version: int | None = None) -> None:
        headers = _condition(version)
        self._requests.ask("DELETE", self._path_of(key), headers=headers, once=True)

    def change(self, key: str, change: Callable[[Any], Any]) -> Fact:
        """Reads, changes and swaps, until no other came between: changed once, however often it was sent."""
        attempt = 0
        while True:
            attempt += 1
            known = self.get(key)
            value = change(None if known is None else known.value)
            try:
                return Fact(key, value, self.put(key, value, version=known.version if known else 0))
            except Problem as problem:
                if problem.code != "fact-conflict" or attempt == _CHANGES_MAX:
                    raise
            time.sleep(jitter(attempt - 1))


def _condition(version: int | None) -> dict[str, str]:
    if version is None:
        return {}
    return {"if-none-match": "*"} if version == 0 else {"if-match": f'"{version}"'}
