"""Entries of Claude Code's transcripts as events: as libs/agent-formats/src/claude-code.ts has it."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from .claude_branches import Branches
from .native import packed, part_id

FORMAT = "claude-code"
#: What stands between the event that it names and itself is taken back.
ROLLED_BACK = "session.thread_rolled_back"
CALLS_MAX = 128

_plain = re.compile(r"^[\w-]{1,64}$", re.ASCII)
_printable = re.compile(r"^[\x20-\x7e]{1,200}$")
_time = re.compile(
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$",
    re.ASCII,
)
_mcp = re.compile(r"^mcp__(.+?)__(.+)$", re.DOTALL)

Draft = dict[str, Any]


def digest_of(text: str, chars: int = 16) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:chars]


def session_name(project: str, session: str) -> str:
    part = session if _plain.fullmatch(session) else f"h{digest_of(session, 24)}"
    return f"claude-code.{digest_of(project, 12)}.{part}"


def thread_id(key: str) -> str:
    name = key.removeprefix("subagents/")
    return f"sthr_{name if _plain.fullmatch(name) else digest_of(key, 32)}"


def event_id(key: str) -> str:
    return f"{FORMAT}:{key if _printable.fullmatch(key) else digest_of(key, 32)}"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value != "" else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int:
    is_count = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    return int(value) if is_count else 0


def _block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _content(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [_block(value)]
    return list(value) if isinstance(value, list) else []


class EntryConverter:
    """Of one transcript; remembers the calls that wait for their results."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[str, str]] = {}
        self._branches = Branches()

    def convert(self, entry: dict[str, Any], key: str) -> list[dict[str, Any]]:
        first = event_id(_text(entry.get("uuid")) or key)
        stamp = entry.get("timestamp")
        time = stamp if isinstance(stamp, str) and _time.fullmatch(stamp) else None
        drafts = self._drafts(entry, first) or [_opaque(entry)]
        events = packed(drafts, format=FORMAT, record=entry, id=first, time=time)
        is_back = self._branches.take(entry, [draft["type"] for draft in drafts])
        usage = _usage(entry, time)
        return [
            *([_rolled_back(entry, first, time)] if is_back else []),
            *events,
            *([] if usage is None else [usage]),
        ]

    def _drafts(self, entry: dict[str, Any], first: str) -> list[Draft]:
        kind = entry.get("type")
        if kind == "system":
            return _system_drafts(entry)
        content = _object(entry.get("message")).get("content")
        if kind not in ("user", "assistant") or content is None:
            return []
        blocks = _content(content)
        if not all(isinstance(block, dict) for block in blocks):
            return []
        return self._user(entry, blocks) if kind == "user" else self._agent(entry, blocks, first)

    def _answering(self, call: str, *, is_over: bool) -> dict[str, Any]:
        known = self._calls.get(call)
        if is_over:
            self._calls.pop(call, None)
        if known is None:
            return {"tool_use_id": call}
        return {"tool_use_id": known[0], "tool_name": known[1]}

    def _user(self, entry: dict[str, Any], blocks: list[Any]) -> list[Draft]:
        drafts: list[Draft] = []
        said: list[Any] = []

        def say() -> None:
            if any(block.get("type") != "text" or block.get("text") != "" for block in said):
                drafts.append({"type": _said_as(entry, said), "content": list(said)})
            said.clear()

        for block in blocks:
            if block.get("type") != "tool_result":
                said.append(block)
                continue
            say()
            drafts.append(
                {
                    "type": "agent.tool_result",
                    **self._answering(_text(block.get("tool_use_id")) or "", is_over=True),
                    "is_error": block.get("is_error") is True,
                    "content": _content(block.get("content")),
                }
            )
        say()
        return drafts

    def _agent(self, entry: dict[str, Any], blocks: list[Any], first: str) -> list[Draft]:
        return [self._agent_block(entry, block, part_id(first, at)) for at, block in enumerate(blocks)]

    def _agent_block(self, entry: dict[str, Any], block: dict[str, Any], own: str) -> Draft:
        kind, tool = block.get("type"), block.get("name")
        if kind in ("tool_use", "server_tool_use", "mcp_tool_use") and isinstance(tool, str):
            self._calls[str(block.get("id"))] = (own, tool)
            if len(self._calls) > CALLS_MAX:
                del self._calls[next(iter(self._calls))]
            return _use(tool, block)
        if kind in ("thinking", "redacted_thinking"):
            return {"type": "agent.thinking", "content": [block]}
        if isinstance(block.get("tool_use_id"), str):
            answered = self._answering(block["tool_use_id"], is_over=False)
            content = _content(block.get("content"))
            return {"type": "agent.tool_result", **answered, "content": content}
        if entry.get("isApiErrorMessage") is True:
            message = _text(block.get("text")) or "the model did not answer"
            return {"type": "session.error", "error": {"type": "unknown_error", "message": message}}
        return {"type": "agent.message", "content": [block]}


def _rolled_back(entry: dict[str, Any], by: str, time: str | None) -> dict[str, Any]:
    parent = entry.get("parentUuid")
    own = event_id(f"back:{entry['uuid']}")
    return {
        "id": own,
        **({} if time is None else {"processed_at": time}),
        "type": ROLLED_BACK,
        "to_event_id": event_id(parent) if isinstance(parent, str) else None,
        "by_event_id": by,
        "left": f"left.{digest_of(own, 12)}",
    }


def _use(tool: str, block: dict[str, Any]) -> Draft:
    own = _mcp.match(tool)
    server = own.group(1) if own else _text(block.get("server_name"))
    called = {"name": own.group(2) if own else tool, "input": _object(block.get("input"))}
    if server is None:
        return {"type": "agent.tool_use", **called}
    return {"type": "agent.mcp_tool_use", "mcp_server_name": server, **called}


def _said_as(entry: dict[str, Any], said: list[Any]) -> str:
    if entry.get("isMeta") is True or entry.get("isCompactSummary") is True:
        return "system.message"
    text = _text(said[0].get("text")) or ""
    return "user.interrupt" if text.startswith("[Request interrupted by user") else "user.message"


def _system_drafts(entry: dict[str, Any]) -> list[Draft]:
    if entry.get("subtype") in ("compact_boundary", "microcompact_boundary"):
        return [{"type": "agent.thread_context_compacted"}]
    text = _text(entry.get("content"))
    return [] if text is None else [{"type": "system.message", "content": [_block(text)]}]


def _opaque(entry: dict[str, Any]) -> Draft:
    kind = entry.get("type")
    name = re.sub(r"[^\x21-\x7e]", "_", kind if isinstance(kind, str) else "untyped")[:100]
    titles = (entry.get(key) for key in ("customTitle", "aiTitle", "summary", "lastPrompt"))
    title = next((text for text in map(_text, titles) if text is not None), None)
    return {"type": f"system.record.{name}", **({} if title is None else {"title": title})}


def _usage(entry: dict[str, Any], time: str | None) -> dict[str, Any] | None:
    message = _object(entry.get("message"))
    usage, name = message.get("usage"), message.get("id")
    is_over = _text(message.get("stop_reason")) is not None
    if entry.get("type") != "assistant" or not isinstance(name, str):
        return None
    if not isinstance(usage, dict) or not is_over:
        return None
    model = _text(message.get("model"))
    fields = (
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
    )
    return {
        "id": event_id(f"usage:{name}"),
        **({} if time is None else {"processed_at": time}),
        "type": "span.model_request_end",
        "is_error": False,
        **({} if model in (None, "<synthetic>") else {"model": model}),
        "model_usage": {field: _count(usage.get(field)) for field in fields},
    }
