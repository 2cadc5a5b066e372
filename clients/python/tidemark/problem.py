"""What went wrong, in the server's words: https://tidemark.dev/problems has a page for every code."""

from __future__ import annotations

import json
from typing import Any, Literal, Mapping

Retry = Literal["never", "same", "after-read"]
Effect = Literal["none", "unknown"]

# Of answers that are not the server's own: a proxy's, a load balancer's.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_FACTS = frozenset(
    {"code", "message", "detail", "retry", "effect", "type", "title", "status", "instance"}
)


class Problem(Exception):
    """`effect` speaks of all attempts together: `none` is a promise that nothing changed."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry: Retry = "never",
        effect: Effect = "unknown",
        status: int = 0,
        retry_after: float = 0,
        facts: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry: Retry = retry
        self.effect: Effect = effect
        self.status = status
        """0 where nothing was answered."""
        self.retry_after = retry_after
        """Not before so many seconds."""
        self.facts: Mapping[str, Any] = facts or {}
        """What the code tells besides: `tailSeq`, `version`, `state` and the like."""
        self.request_id = request_id
        """Quote it to the operator."""


def no_answer(cause: object, effect: Effect) -> Problem:
    return Problem("no-answer", f"no answer: {cause!r}", retry="same", effect=effect)


def problem_of(status: int, text: bytes, headers: Mapping[str, str], effect: Effect) -> Problem:
    """Of an answer that is no success, in either of the two forms in which the server tells a problem."""
    body = _fields(_parsed(text))
    error = _fields(body.get("error", body))
    details = _fields(error.get("details", error))
    retry_after = _retry_after(headers.get("retry-after"))
    request_id = headers.get("request-id")
    code = error.get("code")
    if not isinstance(code, str):
        return Problem(
            "foreign-answer",
            f"answered {status}: {text[:200]!r}",
            retry="same" if status in _PASSING else "never",
            effect=effect,
            status=status,
            retry_after=retry_after,
            request_id=request_id,
        )
    retry = details.get("retry")
    return Problem(
        code,
        str(error.get("message", error.get("detail", code))),
        retry=retry if retry in ("same", "after-read") else "never",
        effect="none" if details.get("effect") == "none" else "unknown",
        status=status,
        retry_after=retry_after,
        facts={name: value for name, value in details.items() if name not in _NO_FACTS},
        request_id=request_id,
    )


def _fields(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _parsed(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _retry_after(text: str | None) -> float:
    """In seconds; a date is not what this server writes, and a minute will do for a proxy that does."""
    if not text:
        return 0
    return float(text) if text.isdigit() else 60.0
