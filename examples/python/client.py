"""A pathsync client in Python's standard library: follows the document `default` of a room and changes it. See README.md."""
import http.client, io, itertools, json, os, pathlib, random, re, sys, threading, time, uuid
from urllib import error, parse, request

BROKEN = (OSError, http.client.HTTPException, ValueError, TypeError, LookupError, RecursionError)  # no answer of the server


class AnyStatus(request.HTTPErrorProcessor):  # is no exception, and redirects are not followed
    http_response = https_response = lambda self, request, response: response


class Documents(dict):
    """The documents of a room by key, and the fold of docs/reference/path-operations.md for operations that took effect."""
    def locate(self, key, path):
        """Returns the container of what a path names, and its key or index there. Missing parents become objects."""
        node = self
        for item, member in re.findall(r"\[((?:\\.|[^\]\\])+)\]|\.?((?:\\.|[^.\[\\])+)", path):
            child = node.get(key) if isinstance(node, dict) else node[key]
            if not isinstance(child, (dict, list)):
                child = node[key] = {}
            node, key = child, re.sub(r"\\(.)", r"\1", item or member)
            if item:
                key = [x["_sync_id"] for x in node].index(key)
        return node, key

    def apply(self, document, op):
        node, key = self.locate(document, op["path"])
        if op["op"] in ("set", "init"):
            node[key] = op["value"]
            return
        array, item = node, op["value"] if op["op"] == "array_add" else node.pop(key)
        if op["op"] == "array_add" or "to" in op:
            node, key = self.locate(document, op.get("to", op["path"]))
            array = node[key] = node.get(key) or []
        if op["op"] in ("array_add", "array_move"):
            ids = [x["_sync_id"] for x in array]
            at = ids.index(item["_sync_id"]) if item["_sync_id"] in ids else op["arrayIndex"]
            array[at:at + ids.count(item["_sync_id"])] = [item]  # inserts the item, or replaces the one with the same id


class Client:  # the protocol of openapi.yaml, section "Writing a client"
    def __init__(self, room_url):
        self.url, self.client_id, self.client_seqs = room_url, str(uuid.uuid4()), itertools.count(1)
        self.opener = request.build_opener(AnyStatus)
        self.documents, self.epoch, self.seq, self.retry_ms = Documents(), None, 0, 2000  # epoch and seq: of the last `id:`
        self.moved = threading.Condition()  # notified when epoch and seq have changed

    def authorization(self):
        file = os.environ.get("PATHSYNC_TOKEN_FILE")  # another program renews it
        return {"Authorization": "Bearer " + pathlib.Path(file).read_text().strip()} if file else {}

    def request(self, path, body=None):
        """Returns the `status` of an answer, with the members of it if it is the server's, or why a stream has ended."""
        try:
            used = self.authorization()
            message = request.Request(self.url + path, body, {"Content-Type": "application/json", **used})
            with self.opener.open(message, timeout=40) as answer:  # without a byte: a stream has a heartbeat every 15 s
                media_type, after = answer.headers.get_content_type(), answer.headers.get("Retry-After", "")
                if answer.status == 200 and media_type == "text/event-stream" and not body:
                    return self.read(answer)
                is_server = media_type == ("application/json" if answer.status == 200 else "application/problem+json")
                content = {**json.load(answer)} if is_server else {}
            while content.get("code") == "unauthenticated" and self.authorization() == used:
                time.sleep(1)
            return {**content, "status": answer.status, "afterMs": 1000 * int(after) if after.isdecimal() else 0}
        except BROKEN:
            return {"status": 0}

    def wait(self, after_ms, failures):
        time.sleep(min(max(after_ms, 100), 600_000) / 1000 + random.uniform(0, min(30, 2 ** min(failures, 7) // 2 / 2)))

    def follow(self):
        """Reads one stream after the other: every end means "open another one", except after a final problem."""
        events, failures = "/events?clientId=" + self.client_id, 0
        while True:
            self.live, self.states = False, Documents()  # live: the stream is up to date
            end = self.request(events + (f"&last_event_id={self.epoch}-{self.seq}" if self.epoch else ""))
            if "code" in end and not end.get("retryable") and end.get("status") not in (200, 401):
                print("the stream has ended:", end, file=sys.stderr)
                os._exit(1)
            failures = 0 if self.live else failures + 1
            self.wait(end.get("afterMs", self.retry_ms if self.live else 0), failures)

    def read(self, stream):
        event = {}
        with io.TextIOWrapper(stream, "utf-8-sig", "replace") as lines:
            while (line := lines.readline(64 << 20)).endswith("\n"):
                if line := line[:-1]:
                    name, _, value = line.partition(":")  # without a name it is a comment
                    value = value[1:] if value.startswith(" ") else value
                    event[name] = f"{event.get(name, '')}\n{value}" if name == "data" else value
                    continue
                if event.get("retry", "").isdecimal():
                    self.retry_ms = int(event["retry"])
                name = event.get("event") if "data" in event else None
                if name in ("reconnect", "problem"):
                    return {"afterMs": self.retry_ms, **json.loads(event["data"])}
                if name in ("state", "delta", "up-to-date"):
                    self.handle(name, event.get("id", "").split("-")[0], json.loads(event["data"]))
                event = {}
        return {}

    def handle(self, name, epoch, data):
        if name == "state":
            self.states[data["key"]] = data["state"]
            return
        seq = data["serverSeq"]
        if self.epoch and self.epoch != epoch:
            print("the history was replaced", file=sys.stderr)
        if self.states or not self.epoch:
            self.documents, self.states = self.states, Documents()  # all documents of the room, maybe none
        elif name == "delta" and epoch == self.epoch and seq <= self.seq:
            return  # it is repeated
        elif (epoch, seq) != (self.epoch, self.seq + (name == "delta")):
            self.epoch = None
            raise ValueError("a gap: the next stream starts again")
        self.epoch = None  # in case an operation does not fit
        for op in data.get("ops", []):
            self.documents.apply(data["key"], op)
        with self.moved:
            self.epoch, self.seq, self.live = epoch, seq, self.live or name == "up-to-date"
            self.moved.notify()
        if self.live:
            print(f"{epoch}-{seq}", json.dumps(self.documents.get("default")), flush=True)

    def send(self, ops):
        """Repeats a batch until it is in the documents, or is refused."""
        body = None
        for attempt in itertools.count(1):
            if not body:  # a retry has the same bytes
                batch = {"clientId": self.client_id, "clientSeq": next(self.client_seqs), "key": "default", "ops": ops}
                body = json.dumps(batch).encode()
            before, answer = self.epoch, self.request("/ops", body)
            status, code = answer["status"], answer.get("code")
            if status == 200 and {"epoch", "serverSeq"} <= answer.keys():
                epoch, seq = answer["epoch"], answer["serverSeq"]
                with self.moved:  # until the documents have the batch, or a new history has begun, which may lack it
                    self.moved.wait_for(lambda: self.seq >= seq if self.epoch == epoch else self.epoch not in (None, before))
                    if self.epoch == epoch:
                        return
            elif answer.get("retryable") or status in (0, 401, 408, 429, 502, 503, 504):
                pass
            elif code in ("client_seq_passed", "client_seq_reused"):  # not applied; another program may have this clientId
                self.client_id, body = self.client_id if code == "client_seq_passed" else str(uuid.uuid4()), None
            elif len(ops) > 1 and (status == 413 or "errors" in answer):  # only a part is wrong
                self.send(ops[:len(ops) // 2])
                self.send(ops[len(ops) // 2:])
                return
            elif attempt == 10 or code and status not in (200, 500):
                print("refused:", status, code, answer.get("errors"), ops, file=sys.stderr)
                return
            self.wait(answer.get("afterMs", 0), attempt)


if __name__ == "__main__":
    client = Client(f"{sys.argv[1]}/v1/rooms/{parse.quote(sys.argv[2], safe='')}")
    threading.Thread(target=client.follow, daemon=True).start()
    for line in sys.stdin:  # the next line waits there until this batch has arrived
        client.send(json.loads(line))
    os._exit(0)
