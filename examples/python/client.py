"""A pathsync client in Python's standard library: follows one document of a room and changes it. See README.md."""
import collections, http.client, json, os, random, re, sys, threading, time, uuid
from urllib.parse import quote, urlsplit

# The fold of docs/reference/path-operations.md. Deltas have only applied operations, so their targets exist.

SEGMENT = re.compile(r"\[((?:\\.|[^\]\\])+)\]|\.?((?:\\.|[^.\[\\])+)")


def get(node, key):
    return node.get(key) if isinstance(node, dict) else node[key]


def locate(root, path):
    """Returns the container of what a path names, and its key or index there. Missing parents become objects."""
    node, key = root, "document"
    for item, name in SEGMENT.findall(path):
        if not isinstance(get(node, key), (dict, list)):
            node[key] = {}
        node, key = node[key], re.sub(r"\\(.)", r"\1", item or name)
        if item:
            key = next(i for i, x in enumerate(node) if x["_sync_id"] == key)
    return node, key


def apply(root, op):
    """Applies an operation to {"document": …}, which is empty if the document does not exist."""
    node, key = locate(root, op["path"])
    if op["op"] in ("set", "init"):
        node[key] = op["value"]
        return
    if op["op"] in ("delete", "array_del"):
        del node[key]
        return
    if op["op"] == "array_move":
        array, item = node, node.pop(key)
    else:
        item = op["value"]
    if op["op"] == "array_add" or "to" in op:
        node, key = locate(root, op.get("to", op["path"]))
        if get(node, key) is None:
            node[key] = []
        array = node[key]
    same = next((i for i, x in enumerate(array) if x["_sync_id"] == item["_sync_id"]), None)
    if same is None:
        array.insert(op["arrayIndex"], item)
    else:
        array[same] = item


# The protocol of openapi.yaml.

SILENCE = 40  # seconds without a byte after which a connection is dead: there is a heartbeat every 15 s
BROKEN = (OSError, http.client.HTTPException, ValueError)  # refused, reset, timed out, cut short, not JSON


class Refused(Exception):
    def __init__(self, response):
        self.status, after = response.status, response.getheader("Retry-After", "")
        self.after, self.code = int(after) if after.isdigit() else 0, None
        self.retryable = self.status >= 500 or self.status in (401, 408, 429)  # 401: with another token
        try:
            problem = json.loads(response.read())
            self.code, self.retryable = problem["code"], problem["retryable"] or self.status == 401
        except (*BROKEN, KeyError, TypeError):
            pass  # a proxy has answered, and not the server
        super().__init__(f"{self.status} {self.code}")


def back_off(failures, at_least=0):
    time.sleep(at_least + random.uniform(0, min(30, 0.2 * 2 ** min(failures, 8))))


class Client:
    def __init__(self, url, room, key="default"):
        self.url, self.room, self.key = urlsplit(url), "/v1/rooms/" + quote(room, safe=""), key
        self.client_id, self.client_seq = str(uuid.uuid4()), 0
        self.documents = {}  # by key, each {"document": …}
        self.position = None  # (epoch, serverSeq) of the last `id:` that was processed, also of a delta
        self.retry = 2.0  # seconds before the next stream
        self.outbox = collections.deque()  # lists of operations; the first one may be in flight
        self.changed = threading.Condition()  # guards the outbox

    def request(self, method, path, body=None, headers=None):
        headers = dict(headers or {}, **({"Content-Type": "application/json"} if body else {}))
        if file := os.environ.get("PATHSYNC_TOKEN_FILE"):  # read again for each request: somebody renews the token
            headers["Authorization"] = "Bearer " + open(file).read().strip()
        secure = self.url.scheme == "https"
        connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(self.url.netloc, timeout=SILENCE)
        connection.request(method, self.room + path, body, headers)
        response = connection.getresponse()
        if response.status != 200:
            with response:
                raise Refused(response)
        return response

    def follow(self):
        """Reads one stream after the other: every end means "reconnect", except a problem that is not retryable."""
        failures = 0
        while True:
            self.delay, self.live = None, False  # seconds until the next stream, if the server tells; up to date
            try:
                self.read_stream()
            except Refused as e:
                if e.code and not e.retryable:
                    fail(e)
                self.delay = e.after
            except BROKEN:
                pass
            failures = 0 if self.live else failures + 1
            if failures:
                back_off(failures, self.delay or 0)
            else:
                time.sleep(self.retry if self.delay is None else self.delay)

    def read_stream(self):
        headers = {"Last-Event-ID": "%s-%d" % self.position} if self.position else None
        self.states, event = {}, {}
        with self.request("GET", "/events?clientId=" + self.client_id, headers=headers) as response:
            for line in response:
                if line := line.decode().rstrip("\r\n"):
                    name, _, value = line.partition(":")  # without a name it is a comment
                    event[name] = value[1:]
                    continue
                self.retry = int(event.get("retry", self.retry * 1000)) / 1000
                if "data" in event and not self.handle(event.get("event"), event.get("id"), json.loads(event["data"])):
                    return
                event = {}

    def handle(self, name, event_id, data):
        """Processes an event. Returns false if the stream is over."""
        if name == "state":
            self.states[data["key"]] = {"document": data["state"]}
        elif name == "reconnect":
            self.delay = data["afterMs"] / 1000
        elif name == "problem" and not data["retryable"]:
            fail(data["code"])
        if event_id is None:
            return name not in ("reconnect", "problem")
        epoch, _, seq = event_id.rpartition("-")
        before, self.position = self.position, (epoch, int(seq))
        if self.states or before is None or name == "up-to-date" and self.position != before:
            if before and before[0] != epoch:
                print("the history was replaced: acknowledged batches may be lost", file=sys.stderr)
            self.documents, self.states = self.states, {}  # all documents of the room, maybe none
        elif name == "delta" and before != (epoch, int(seq) - 1):
            self.position = None  # a gap: start again from the whole state
            return False
        for op in data.get("ops", ()):
            apply(self.documents.setdefault(data["key"], {}), op)
        self.live = self.live or name == "up-to-date"
        if self.live:
            self.show()
        return True

    def show(self):
        with self.changed:
            line = dict(zip(("epoch", "serverSeq"), self.position), pending=len(self.outbox))
            line["state"] = self.documents.get(self.key, {}).get("document")
            print(json.dumps(line, separators=(",", ":")), flush=True)

    def send(self):
        """Sends the batches of the outbox, one at a time."""
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.outbox)
                ops = self.outbox[0]
            self.client_seq += 1
            batch = {"clientId": self.client_id, "clientSeq": self.client_seq, "key": self.key, "ops": ops}
            refused = self.deliver(json.dumps(batch).encode())
            if refused and refused.code == "client_seq_reused":  # another program has this clientId
                self.client_id, self.client_seq = str(uuid.uuid4()), 0
            with self.changed:
                if refused and refused.code in ("client_seq_reused", "client_seq_passed"):
                    continue  # nothing of it was applied: it gets a new number
                self.outbox.popleft()
                if refused and refused.status == 413 and len(ops) > 1:
                    self.outbox.extendleft([op] for op in reversed(ops))
                elif refused:
                    print(f"refused: {refused}: {ops}", file=sys.stderr)
                self.changed.notify_all()

    def deliver(self, body):
        """Repeats a batch, the same bytes each time, until it is acknowledged or refused for good. Returns the refusal."""
        failures = 0
        while True:
            failures, after = failures + 1, 0
            try:
                with self.request("POST", "/ops", body) as response:
                    if "serverSeq" in json.load(response):
                        return None
            except Refused as e:
                if not e.retryable and (e.code or failures > 10):  # a proxy that refuses may change its mind
                    return e
                after = e.after
            except BROKEN:
                pass
            back_off(failures, after)


def fail(reason):
    print(f"the stream has ended: {reason}", file=sys.stderr)
    os._exit(1)


if __name__ == "__main__":
    client = Client(*sys.argv[1:3])
    for task in (client.follow, client.send):
        threading.Thread(target=task, daemon=True).start()
    for line in sys.stdin:
        ops = json.loads(line)
        with client.changed:
            client.outbox.append(ops if isinstance(ops, list) else [ops])
            client.changed.notify_all()
    with client.changed:
        client.changed.wait_for(lambda: not client.outbox)
