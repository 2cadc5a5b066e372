"""What a test has the Python client do: see src/driver.ts. A line in, a line out."""

from __future__ import annotations

import json
import sys
import threading
import traceback
from typing import Any, Callable

from tidemark import Follower, Problem, Session, Tidemark

Args = dict[str, Any]


def note(n: int) -> dict[str, Any]:
    return {"type": "note", "n": n, "text": "x" * (n % 90)}


class Following:
    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.events: list[Any] = []
        self.cursor = ""
        self.failure: Exception | None = None
        self.is_over = False
        self.changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            for batch in self.follower.batches():
                with self.changed:
                    self.events.extend(batch.events)
                    self.cursor = batch.cursor
                    self.changed.notify_all()
        except Exception as cause:
            self.failure = cause
        with self.changed:
            self.is_over = True
            self.changed.notify_all()

    def until(self, holds: Callable[[], bool]) -> None:
        with self.changed:
            self.changed.wait_for(lambda: holds() or self.is_over)
        if self.failure is not None:
            raise self.failure


class Driver:
    def __init__(self) -> None:
        self.client = Tidemark("http://127.0.0.1:1")
        self.following: dict[str, Following] = {}

    def session(self, args: Args) -> Session:
        return self.client.session(args["session"])

    def connect(self, args: Args) -> None:
        wish: Args = {"transports": ("sse", "long-poll")}
        names = {"apiKey": "api_key", "attemptsMax": "attempts_max"}
        for name, own in names.items():
            if name in args:
                wish[own] = args[name]
        if "timeoutMs" in args:
            wish["timeout"] = args["timeoutMs"] / 1_000
        if "openMs" in args:
            wish["open_timeout"] = args["openMs"] / 1_000
        if "transports" in args:
            wish["transports"] = tuple(each for each in args["transports"] if each != "websocket")
        self.client = Tidemark(args["url"], **wish)

    def create(self, args: Args) -> str:
        key = args.get("idempotencyKey")
        made = self.client.create(args.get("id"), idempotency_key=key, **args.get("wish", {}))
        return made.id

    def get(self, args: Args) -> Any:
        return self.session(args).get()

    def update(self, args: Args) -> Any:
        return self.session(args).update(**args["change"])

    def delete(self, args: Args) -> None:
        self.session(args).delete()

    def act(self, args: Args) -> Any:
        return getattr(self.session(args), args["act"])()

    def list(self, args: Args) -> Any:
        names = {"metadata": "metadata", "pageSize": "page_size", "orderBy": "order_by"}
        listed = self.client.list(**{own: args[name] for name, own in names.items() if name in args})
        return [session["id"] for session in listed]

    def append(self, args: Args) -> Any:
        appended = self.session(args).append(args["events"], expected=args.get("expected"))
        return {"events": appended.events, "nextSeq": appended.next_seq, "cursor": appended.cursor}

    def produce(self, args: Args) -> int:
        first = args.get("from", 0)
        appender = self.session(args).appender(args["producer"], first)
        for n in range(first, args["count"]):
            appender.append(note(n))
            if n % args.get("chunk", 100) == 0:
                appender.flush()
        appender.flush()
        return appender.acknowledged

    def read(self, args: Args) -> Any:
        names = {"types": "types", "order": "order", "from": "first", "to": "end", "pageSize": "page_size"}
        wish = {own: args[name] for name, own in names.items() if name in args}
        return list(self.session(args).read(**wish))

    def last(self, args: Args) -> Any:
        return self.session(args).last(args["n"])

    def event(self, args: Args) -> Any:
        return self.session(args).event(args["id"])

    def search(self, args: Args) -> Any:
        return self.client.search(args["q"])["data"]

    def searchIn(self, args: Args) -> Any:
        return self.session(args).search(args["q"])["data"]

    def factPut(self, args: Args) -> int:
        return self.session(args).facts.put(
            args["key"], args["value"], version=args.get("version")
        )

    def factGet(self, args: Args) -> Any:
        fact = self.session(args).facts.get(args["key"])
        return fact and {"value": fact.value, "version": fact.version}

    def factDelete(self, args: Args) -> None:
        self.session(args).facts.delete(args["key"])

    def factKeys(self, args: Args) -> Any:
        return [fact.key for fact in self.session(args).facts.list()]

    def count(self, args: Args) -> None:
        for _ in range(args["times"]):
            self.session(args).facts.change("count", lambda value: (value or 0) + 1)

    def followStart(self, args: Args) -> None:
        follower = self.session(args).follow(after=args["after"], types=args.get("types", ()))
        self.following[args["key"]] = Following(follower)

    def followTake(self, args: Args) -> Any:
        following = self.following[args["key"]]
        following.until(lambda: len(following.events) >= args["count"])
        return {"events": following.events, "cursor": following.cursor}

    def followEnd(self, args: Args) -> Any:
        following = self.following[args["key"]]
        following.until(lambda: False)
        return {"ending": following.follower.ending or "stopped", "events": following.events}

    def followStop(self, args: Args) -> None:
        self.following[args["key"]].follower.close()

    def call(self, op: str, args: Args) -> Any:
        try:
            return {"result": getattr(self, op)(args)}
        except Problem as problem:
            names = ("code", "retry", "effect", "status", "facts", "message")
            return {"problem": {name: getattr(problem, name) for name in names}}
        except Exception:
            return {"failure": traceback.format_exc()}


def main() -> None:
    driver = Driver()
    writing = threading.Lock()

    def answer(line: str) -> None:
        asked = json.loads(line)
        outcome = driver.call(asked["op"], asked["args"])
        with writing:
            print(json.dumps({"ref": asked["ref"], "outcome": outcome}), flush=True)

    for line in sys.stdin:
        threading.Thread(target=answer, args=(line,), daemon=True).start()


main()
