"""Uses the client that openapi-generator generates for Python."""

import openapi_client
from openapi_client.models import ArrayAddOperation, Batch, DeltaEvent, Item, Operation, Problem, SetOperation
from steps import ROOM, SERVER, TOKEN, check, in_background, next_event, step

anonymous = openapi_client.ApiClient(openapi_client.Configuration(host=SERVER))
client = openapi_client.ApiClient(openapi_client.Configuration(host=SERVER, access_token=TOKEN))
operations, reading = openapi_client.OperationsApi(client), openapi_client.ReadingApi(client)


def assign(path, value):
    return Operation(SetOperation(path=path, op="set", value=value))


def post(*ops, client_id="ada", **numbers):
    return operations.submit_batch(ROOM, Batch(client_id=client_id, key="default", ops=list(ops), **numbers))


def refusal(request):
    """Returns the problem with which a request is refused, and the headers of the response."""
    try:
        return None, request()
    except openapi_client.ApiException as exception:
        return Problem.from_json(exception.body), exception.headers


def lines_of(response):
    """Yields the lines of a response as they arrive. Iterating over the response itself may wait for a full buffer."""
    rest = b""
    while part := response.read1(65536):
        *lines, rest = (rest + part).split(b"\n")
        yield from (line.decode() for line in lines)


problem, _ = refusal(lambda: openapi_client.ReadingApi(anonymous).get_room(ROOM))
check(problem.code == "unauthenticated", problem)
step("401")

task = Item.from_dict({"_sync_id": "t1", "title": "Write"})
added = post(Operation(ArrayAddOperation(path="tasks", op="array_add", value=task)), assign("tasks[t1].done", True), client_seq=1)
check(added.server_seq == 1 and added.results[0].array_index == 0, added)
step("post")

read = reading.get_room(ROOM)
check(read.stores["default"].state == {"tasks": [{"_sync_id": "t1", "title": "Write", "done": True}]}, read)
step("read")

after = f"{read.epoch}-1"
polled = in_background(lambda: reading.list_changes(ROOM, after=after, wait=20))
post(assign("title", "Launch"), client_seq=2)
change = polled().changes[0]
check(change.server_seq == 2 and change.ops[0].op == "set" and change.ops[0].value == "Launch", change)
step("poll")

response = reading.stream_events_without_preload_content(ROOM, last_event_id=after)
delta = DeltaEvent.from_dict(next_event(lines_of(response), "delta"))
check(delta.server_seq == 2 and delta.ops[0].path == "title", delta)
step("stream")

problem, got = refusal(lambda: post(assign("a..b", 1)))
check(problem and problem.code == "invalid_request" and problem.errors[0].pointer == "/ops/0/path", got)
step("422")

while not problem or problem.code != "rate_limited":
    problem, headers = refusal(lambda: post(assign("n", 1), client_id="flood"))
check(problem.retryable and int(headers["Retry-After"]) > 0, problem)
step("429")
