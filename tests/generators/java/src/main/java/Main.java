import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import okio.BufferedSource;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.JSON;
import org.openapitools.client.api.OperationsApi;
import org.openapitools.client.api.ReadingApi;
import org.openapitools.client.model.*;

/** Uses the client that openapi-generator generates for Java. It prints a line for each step that has succeeded. */
public class Main {
  static final String ROOM = System.getenv("PATHSYNC_ROOM");

  static ApiClient connect(String token) {
    ApiClient client = new ApiClient().setBasePath(System.getenv("PATHSYNC_URL")).setReadTimeout(30_000);
    if (token != null) client.setBearerToken(token);
    return client;
  }

  public static void main(String[] args) throws Exception {
    ApiClient client = connect(System.getenv("PATHSYNC_TOKEN"));
    OperationsApi operations = new OperationsApi(client);
    ReadingApi reading = new ReadingApi(client);

    Problem refused = refusal(() -> new ReadingApi(connect(null)).getRoom(ROOM, null, null)).problem();
    check(refused.getCode() == ProblemCode.UNAUTHENTICATED, refused);
    step("401");

    Item task = new Item().syncId("t1").putAdditionalProperty("title", "Write");
    Operation add = new Operation(new ArrayAddOperation().path("tasks").op(ArrayAddOperation.OpEnum.ARRAY_ADD).value(task));
    BatchResult added = operations.submitBatch(ROOM, batch("ada", add, set("tasks[t1].done", true)).clientSeq(1L));
    check(added.getServerSeq() == 1 && added.getResults().get(0).getArrayIndex() == 0, added);
    step("post");

    Room read = reading.getRoom(ROOM, null, null);
    String state = JSON.getGson().toJson(read.getStores().get("default").getState());
    check(state.equals("{\"tasks\":[{\"_sync_id\":\"t1\",\"title\":\"Write\",\"done\":true}]}"), state);
    step("read");

    String after = read.getEpoch() + "-1";
    CompletableFuture<Changes> polled = CompletableFuture.supplyAsync(() -> poll(reading, after));
    operations.submitBatch(ROOM, batch("ada", set("title", "Launch")).clientSeq(2L));
    DeltaEvent change = polled.get(30, TimeUnit.SECONDS).getChanges().get(0);
    LoggedOperation op = change.getOps().get(0);
    check(change.getServerSeq() == 2 && op.getOp() == OpName.SET && "Launch".equals(op.getValue()), change);
    step("poll");

    DeltaEvent delta = stream(reading, after);
    check(delta.getServerSeq() == 2 && delta.getOps().get(0).getPath().equals("title"), delta);
    step("stream");

    Problem invalid = refusal(() -> operations.submitBatch(ROOM, batch("ada", set("a..b", 1)))).problem();
    check(invalid.getCode() == ProblemCode.INVALID_REQUEST && invalid.getErrors().get(0).getPointer().equals("/ops/0/path"), invalid);
    step("422");

    Refusal flood;
    do {
      flood = refusal(() -> operations.submitBatch(ROOM, batch("flood", set("n", 1))));
    } while (flood == null);
    check(flood.problem().getCode() == ProblemCode.RATE_LIMITED && Integer.parseInt(flood.retryAfter()) > 0, flood);
    step("429");
    System.exit(0);
  }

  static Batch batch(String clientId, Operation... ops) {
    Batch batch = new Batch().clientId(clientId).key("default");
    for (Operation op : ops) batch.addOpsItem(op);
    return batch;
  }

  static Operation set(String path, Object value) {
    return new Operation(new SetOperation().path(path).op(SetOperation.OpEnum.SET).value(value));
  }

  static Changes poll(ReadingApi reading, String after) {
    try {
      return reading.listChanges(ROOM, after, null, null, 20, null, null);
    } catch (ApiException e) {
      throw new IllegalStateException(e.getResponseBody(), e);
    }
  }

  /** Reads a stream up to the first delta. The generated method would wait for its end; its call can be streamed. */
  static DeltaEvent stream(ReadingApi reading, String after) throws Exception {
    okhttp3.Call call = reading.streamEventsCall(ROOM, null, null, null, null, null, after, null);
    try (okhttp3.Response response = call.execute()) {
      BufferedSource body = response.body().source();
      String event = "";
      while (true) {
        String line = body.readUtf8LineStrict();
        if (line.startsWith("event: ")) event = line.substring(7);
        if (line.startsWith("data: ") && event.equals("delta")) return DeltaEvent.fromJson(line.substring(6));
      }
    }
  }

  record Refusal(Problem problem, String retryAfter) {}

  interface Request {
    Object send() throws ApiException;
  }

  /** Returns the problem with which a request is refused, or null. */
  static Refusal refusal(Request request) throws Exception {
    try {
      request.send();
      return null;
    } catch (ApiException e) {
      var retryAfter = e.getResponseHeaders().get("retry-after");
      return new Refusal(Problem.fromJson(e.getResponseBody()), retryAfter == null ? null : retryAfter.get(0));
    }
  }

  static void step(String name) {
    System.out.println(name);
  }

  static void check(boolean ok, Object got) {
    if (!ok) {
      System.err.println("unexpected: " + got);
      System.exit(1);
    }
  }
}
