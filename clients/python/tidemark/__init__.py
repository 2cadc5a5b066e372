"""The client of Tidemark, the session log for AI agents."""

from .appending import Appender
from .events import Appended, Batch, Event, Page
from .facts import Fact, Facts
from .following import Follower
from .problem import Problem
from .session import Session
from .tidemark import Tidemark

__all__ = [
    "Appended",
    "Appender",
    "Batch",
    "Event",
    "Fact",
    "Facts",
    "Follower",
    "Page",
    "Problem",
    "Session",
    "Tidemark",
]
