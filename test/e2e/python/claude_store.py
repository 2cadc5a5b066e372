"""The session store of the Claude Agent SDK for Python: the suite that the SDK ships, and what it does not ask."""

import asyncio
import json
import os
import sys
import uuid

import claude_agent_sdk
from claude_agent_sdk.testing import run_session_store_conformance
from tidemark.claude import TidemarkSessionStore
from tidemark.claude_entries import session_name
from tidemark.sessions import SessionsClient

URL = os.environ["TIDEMARK_URL"]


async def make_store():
    """Each knows nothing of what another has stored."""
    client = SessionsClient(URL)
    names = [each["id"] async for each in client.pages("/v1/sessions", {"limit": 1000})]
    for name in names:
        threads = (await client.find(f"/v1/sessions/{name}/threads"))["data"]
        for thread in threads[1:]:
            await client.delete(name, thread["id"])
        await client.delete(name)
    return TidemarkSessionStore(URL)


def entry(text):
    return {"type": "user", "uuid": str(uuid.uuid4()), "message": {"role": "user", "content": text}}


async def beyond():
    key = {"project_key": "-p", "session_id": str(uuid.uuid4())}
    one, other = TidemarkSessionStore(URL), TidemarkSessionStore(URL)
    entries = [entry(f"entry {n} " + "long " * 20) for n in range(1_200)]
    entries.append(entry("x" * 9_000_000))
    await one.append(key, entries)
    await asyncio.gather(other.append(key, entries), one.append(key, entries))
    assert await other.load(key) == entries


def said(text, parent, kind="user"):
    message = {"role": kind, "content": text}
    return {"type": kind, "uuid": str(uuid.uuid4()), "parentUuid": parent, "message": message}


async def gone_back():
    """Who goes back on another host leaves a fork behind, and a repeat leaves none."""
    key = {"project_key": "-back", "session_id": str(uuid.uuid4())}
    first = said("one", None)
    answer = said("an answer", first["uuid"], "assistant")
    left = said("two, which is taken back", answer["uuid"])
    instead = said("two again", answer["uuid"])
    await TidemarkSessionStore(URL).append(key, [first, answer, left])
    await TidemarkSessionStore(URL).append(key, [instead])
    for again in ([first], [first, answer, left, instead], [instead]):
        await TidemarkSessionStore(URL).append(key, again)
    assert await TidemarkSessionStore(URL).load(key) == [first, answer, left, instead]
    client = SessionsClient(URL)
    session = session_name(key["project_key"], key["session_id"])
    types = [each["type"] async for each in client.events(session)]
    before = ["user.message", "agent.message", "user.message"]
    assert types == [*before, "session.thread_rolled_back", "user.message"], types
    [back] = [each async for each in client.events(session) if each["type"].endswith("rolled_back")]
    fork = f"{session}.{back['left']}"
    assert [each["type"] async for each in client.events(fork)] == before
    await TidemarkSessionStore(URL).delete(key)
    assert await client.find(f"/v1/sessions/{fork}") is None
    await TidemarkSessionStore(URL).append(key, [first])
    assert await TidemarkSessionStore(URL).load(key) == [first]


async def exchanged():
    """What TypeScript's store has written is loaded deep-equal, and known by its ids."""
    key, wanted = json.loads(sys.stdin.read())
    store = TidemarkSessionStore(URL)
    assert await store.load(key) == wanted, "loaded otherwise than it was stored"
    await store.append(key, [each for each in wanted if "uuid" in each])
    assert await store.load(key) == wanted, "appended twice"
    assert key["session_id"] in [each["session_id"] for each in await store.list_sessions(key["project_key"])]


if sys.argv[1:] == ["exchanged"]:
    asyncio.run(exchanged())
else:
    asyncio.run(run_session_store_conformance(make_store))
    asyncio.run(beyond())
    asyncio.run(gone_back())
print(f"claude-agent-sdk {claude_agent_sdk.__version__}: all as it should be")
