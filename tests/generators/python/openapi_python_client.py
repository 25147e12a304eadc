"""Uses the client that openapi-python-client generates."""

from pathsync_client import AuthenticatedClient, Client
from pathsync_client.api.operations import submit_batch
from pathsync_client.api.reading import get_room, list_changes, stream_events
from pathsync_client.models import (
    ArrayAddOperation,
    ArrayAddOperationOp,
    Batch,
    DeltaEvent,
    Item,
    OpName,
    ProblemCode,
    SetOperation,
    SetOperationOp,
)
from steps import ROOM, SERVER, TOKEN, check, in_background, next_event, step

client = AuthenticatedClient(SERVER, TOKEN, timeout=30)


def assign(path, value):
    return SetOperation(path=path, op=SetOperationOp.SET, value=value)


def post(*ops, client_id="ada", **numbers):
    return submit_batch.sync_detailed(ROOM, client=client, body=Batch(client_id=client_id, key="default", ops=list(ops), **numbers))


refused = get_room.sync(ROOM, client=Client(SERVER))
check(refused.code is ProblemCode.UNAUTHENTICATED, refused)
step("401")

task = Item.from_dict({"_sync_id": "t1", "title": "Write"})
added = post(ArrayAddOperation(path="tasks", op=ArrayAddOperationOp.ARRAY_ADD, value=task), assign("tasks[t1].done", True), client_seq=1).parsed
check(added.server_seq == 1 and added.results[0].array_index == 0, added)
step("post")

read = get_room.sync(ROOM, client=client)
check(read.stores["default"].state == {"tasks": [{"_sync_id": "t1", "title": "Write", "done": True}]}, read)
step("read")

after = f"{read.epoch}-1"
polled = in_background(lambda: list_changes.sync(ROOM, client=client, after=after, wait=20))
post(assign("title", "Launch"), client_seq=2)
change = polled().changes[0]
check(change.server_seq == 2 and change.ops[0].op is OpName.SET and change.ops[0].value == "Launch", change)
step("poll")

# The generated function reads the whole response. Its request can be streamed.
request = stream_events._get_kwargs(ROOM, last_event_id_header=after)
with client.get_httpx_client().stream(**request) as response:
    delta = DeltaEvent.from_dict(next_event(response.iter_lines(), "delta"))
check(delta.server_seq == 2 and delta.ops[0].path == "title", delta)
step("stream")

invalid = post(assign("a..b", 1))
check(invalid.parsed.code is ProblemCode.INVALID_REQUEST and invalid.parsed.errors[0].pointer == "/ops/0/path", invalid)
step("422")

while (flood := post(assign("n", 1), client_id="flood")).status_code == 200:
    pass
check(flood.parsed.code is ProblemCode.RATE_LIMITED and flood.parsed.retryable and int(flood.headers["Retry-After"]) > 0, flood)
step("429")
