"""A pathsync client in Python's standard library: follows the document `default` of a room and changes it. See README.md."""
import http.client, itertools, json, os, pathlib, random, re, sys, threading, time, uuid
from urllib import error, parse, request

BROKEN = (OSError, http.client.HTTPException, ValueError)  # refused, reset, timed out, cut short, not JSON


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
        self.documents, self.position, self.retry = Documents(), None, 2.0  # position: the last `id:`

    def request(self, path, headers, body=None):
        if file := os.environ.get("PATHSYNC_TOKEN_FILE"):  # read again for each request, because the token changes
            headers["Authorization"] = "Bearer " + pathlib.Path(file).read_text().strip()
        try:
            return request.urlopen(request.Request(self.url + path, body, headers), timeout=40)  # heartbeats are every 15 s
        except error.HTTPError as e:  # of the server if it has a problem, otherwise of a proxy
            e.problem = json.load(e) if e.headers.get_content_type() == "application/problem+json" else {}
            e.retryable = e.problem.get("retryable") or e.code in (401, 408, 429, 502, 503, 504)  # 401: with another token
            e.delay = int(e.headers.get("Retry-After", 0))
            raise

    def wait(self, delay, failures):
        time.sleep(delay + random.uniform(0, min(30, 0.25 * 2 ** min(failures, 7))))

    def follow(self):
        """Reads one stream after the other: every end means "open another one", except after a final problem."""
        failures = 0
        while True:
            self.live, self.delay = False, 0  # up to date; seconds until the next stream
            try:
                self.read_stream()
            except error.HTTPError as e:
                if e.problem and not e.retryable:
                    sys.exit(f"the stream was refused: {e.problem}")
                self.delay = e.delay
            except BROKEN:
                pass
            failures = 0 if self.live else failures + 1
            self.wait(self.delay, failures)

    def read_stream(self):
        self.states, event = Documents(), {}
        last_id = {"Last-Event-ID": self.position} if self.position else {}
        with self.request("/events?clientId=" + self.client_id, last_id) as stream:
            for line in stream:
                if line := line.decode().rstrip("\r\n"):
                    name, _, value = line.partition(":")  # without a name it is a comment
                    event[name] = value.lstrip()
                    continue
                self.retry = int(event.get("retry", self.retry * 1000)) / 1000
                if "data" in event:
                    self.handle(event.get("event"), event.get("id"), json.loads(event["data"]))
                event = {}

    def handle(self, event, event_id, data):
        if event == "state":
            self.states[data["key"]] = data["state"]
        elif event == "reconnect":
            self.delay = data["afterMs"] / 1000
        elif event == "problem" and not data["retryable"]:
            sys.exit(f"the stream has ended: {data}")
        if not event_id:
            return
        epoch, seq = event_id.split("-")
        if self.position and self.position.split("-")[0] != epoch:
            print("the history was replaced: acknowledged batches may be lost", file=sys.stderr)
        if self.states or not self.position:
            self.documents, self.states = self.states, Documents()  # all documents of the room, maybe none
        elif self.position != (f"{epoch}-{int(seq) - 1}" if event == "delta" else event_id):
            self.position = None
            raise ValueError("a gap: the next stream starts again")
        self.position = event_id
        for op in data.get("ops", []):
            self.documents.apply(data["key"], op)
        if event == "up-to-date":
            self.live, self.delay = True, self.retry
        if self.live:
            print(event_id, json.dumps(self.documents.get("default")), flush=True)

    def send(self, ops):
        """Repeats a batch until it is acknowledged or refused."""
        batch = {"clientId": self.client_id, "clientSeq": next(self.client_seqs), "key": "default", "ops": ops}
        body = json.dumps(batch).encode()  # once: a retry has the same bytes
        for attempt in itertools.count(1):
            delay = 0
            try:
                with self.request("/ops", {"Content-Type": "application/json"}, body) as answer:
                    if "serverSeq" in json.load(answer):
                        return
            except error.HTTPError as e:
                if not e.retryable and (e.problem and e.code != 500 or attempt == 10):
                    return self.refused(ops, e.code, e.problem)
                delay = e.delay
            except BROKEN:
                pass
            self.wait(delay, attempt)

    def refused(self, ops, status, problem):
        code = problem.get("code")
        if code == "client_seq_reused":  # another program has this clientId
            self.client_id = str(uuid.uuid4())
        if code in ("client_seq_reused", "client_seq_passed"):  # nothing was applied
            self.send(ops)
        elif len(ops) > 1 and (status == 413 or "errors" in problem):  # only a part is wrong
            self.send(ops[:len(ops) // 2])
            self.send(ops[len(ops) // 2:])
        else:
            print("refused:", status, code, problem.get("errors"), ops, file=sys.stderr)

    def send_lines(self):
        for line in sys.stdin:  # the next line waits there until this batch is acknowledged
            self.send(json.loads(line))
        os._exit(0)


if __name__ == "__main__":
    client = Client(f"{sys.argv[1]}/v1/rooms/{parse.quote(sys.argv[2], safe='')}")
    threading.Thread(target=client.send_lines, daemon=True).start()
    client.follow()
