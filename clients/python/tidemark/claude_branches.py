"""Where a person goes back in a transcript and says another thing: as libs/agent-formats/src/claude-branches.ts has it."""

from __future__ import annotations

import hashlib
from typing import Any

LATE_MAX = 256
PROMPTS_MAX = 1024

_spoken = frozenset(
    (
        "user.interrupt",
        "agent.message",
        "agent.thinking",
        "agent.tool_use",
        "agent.mcp_tool_use",
        "agent.thread_context_compacted",
    )
)


def _short(uuid: str) -> str:
    return hashlib.sha256(uuid.encode("utf-8", "replace")).hexdigest()[:8]


class Branches:
    """A record goes back where its parent is none of those that came since anything was said last."""

    def __init__(self) -> None:
        #: Since the last thing that was said, it included; None where that is not known.
        self._late: list[str] | None = None
        #: A record that comes again goes back to nothing.
        self._prompts: dict[str, None] = {}

    def take(self, entry: dict[str, Any], types: list[str]) -> bool:
        """Whether it goes back."""
        uuid = entry.get("uuid")
        if entry.get("isSidechain") is True or not isinstance(uuid, str):
            return False
        is_prompt = "user.message" in types
        is_back = is_prompt and self._is_back(entry, uuid)
        if is_prompt or any(each in _spoken for each in types):
            self._late = [uuid]
        elif self._late is not None:
            self._late = [*self._late, uuid] if len(self._late) < LATE_MAX else None
        if is_prompt:
            self._prompts.pop(_short(uuid), None)
            self._prompts[_short(uuid)] = None
            if len(self._prompts) > PROMPTS_MAX:
                del self._prompts[next(iter(self._prompts))]
        return is_back

    def _is_back(self, entry: dict[str, Any], uuid: str) -> bool:
        parent = entry.get("parentUuid", False)
        # A compaction begins a new root, and so goes back to nothing.
        is_root = parent is None and not isinstance(entry.get("logicalParentUuid"), str)
        if self._late is None or not (is_root or isinstance(parent, str)):
            return False
        return parent not in self._late and _short(uuid) not in self._prompts
