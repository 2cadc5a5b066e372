"""The vendor's Python client, unmodified, against the server that the environment names."""

import json
import os
import threading
import urllib.request

import anthropic

url = os.environ["TIDEMARK_URL"]
client = anthropic.Anthropic(base_url=url, api_key="a-key-that-nobody-looks-at")
sessions = client.beta.sessions


def harness(session, *events):
    """What the client's parameters do not permit."""
    request = urllib.request.Request(
        f"{url}/v1/sessions/{session}/events",
        data=json.dumps({"events": events}).encode(),
        headers={"content-type": "application/json"},
    )
    urllib.request.urlopen(request).close()


def said(text):
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def check(is_so, what):
    if not is_so:
        raise AssertionError(what)


session = sessions.create(
    agent="agent_x", environment_id="env_y", title="first", metadata={"team": "blue"}
)
check(session.status == "idle" and session.title == "first", session)
check(session.agent.id == "agent_x", session.agent)

streamed = []


def follow(opened):
    with sessions.events.stream(session.id) as stream:
        opened.set()
        for event in stream:
            streamed.append(event.type)


opened = threading.Event()
following = threading.Thread(target=follow, args=(opened,))
following.start()
opened.wait()

sent = sessions.events.send(session.id, events=[said("hello")])
harness(
    session.id,
    {"type": "session.status_running"},
    {"type": "agent.message", "content": [{"type": "text", "text": "done"}]},
    {"type": "session.status_idle", "stop_reason": {"type": "end_turn"}},
)
listed = list(sessions.events.list(session.id, limit=1))
check([event.type for event in listed][0] == "user.message", listed)
check(listed[0].id == sent.data[0].id, listed[0])
check(len(listed) == 4, listed)
check(len(list(sessions.events.list(session.id, types=["agent.message"]))) == 1, "types")
since = listed[0].processed_at
check(len(list(sessions.events.list(session.id, created_at_gte=since))) == 4, "times")

updated = sessions.update(session.id, title="second", metadata={"team": None})
check(updated.title == "second" and updated.metadata == {}, updated)
check(session.id in [each.id for each in sessions.list(limit=2)], "listing")
check(len(list(sessions.threads.list(session.id))) == 1, "threads")
added = sessions.resources.add(session.id, type="file", file_id="file_1")
check(added.id in [each.id for each in sessions.resources.list(session.id)], added)
sessions.resources.delete(added.id, session_id=session.id)

archived = sessions.archive(session.id)
check(archived.archived_at is not None and archived.status == "terminated", archived)
following.join()
check(streamed[-1] == "session.status_terminated", streamed)
try:
    sessions.events.send(session.id, events=[said("late")])
    raise AssertionError("an archived session took an event")
except anthropic.ConflictError as refused:
    check(refused.response.json()["error"]["type"] == "invalid_request_error", refused)
check(sessions.delete(session.id).type == "session_deleted", "delete")
try:
    sessions.retrieve(session.id)
    raise AssertionError("a deleted session is there")
except anthropic.NotFoundError:
    pass
print(f"anthropic {anthropic.__version__}: all as it should be")
