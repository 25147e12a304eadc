// Generated from openapi.yaml by `npm run wire`. Do not edit.
export interface components {
  schemas: {
    /**
     * @description A room's name, 1 to 255 characters, without control characters and without leading or trailing white space, and
     *     neither `.` nor `..`, because URL normalization removes these. The same applies to `StoreKey` and `ClientId`.
     * @example board-7
     */
    RoomName: string;
    /**
     * @description The key of a document, a name of 1 to 255 characters.
     * @example default
     */
    StoreKey: string;
    /**
     * @description The id of the client that sends or reads, a name of 1 to 100 characters. A browser generates a random id per tab
     *     and uses it for operations, stream and presence.
     * @example ada
     */
    ClientId: string;
    /**
     * @description The user of the client: the `sub` of its token. Absent if the server runs without authentication.
     * @example u-17
     */
    UserId: string;
    /**
     * @description The name to display, at most 255 characters, without control characters.
     * @example Ada Lovelace
     */
    DisplayName: string;
    /**
     * @description The identifier of one history of a database.
     * @example k3v9x2qa
     */
    Epoch: string;
    /**
     * @description A position in a room, `<epoch>-<serverSeq>`. `<epoch>-0` is the start of the room.
     * @example k3v9x2qa-12
     */
    EventId: string;
    /**
     * Format: int64
     * @description The number of a batch in its room.
     * @example 12
     */
    ServerSeq: number;
    /**
     * Format: int64
     * @description The number of the last batch; 0 if there is none.
     * @example 12
     */
    Position: number;
    /**
     * Format: int64
     * @description The number of a batch in its client's own sequence.
     * @example 1
     */
    ClientSeq: number;
    /**
     * Format: int64
     * @description Milliseconds since the Unix epoch.
     * @example 1767225600000
     */
    Timestamp: number;
    /**
     * @description A place in a document: member names joined by dots, and array items by their `_sync_id` in brackets, as in
     *     `tasks[t1].title`. `\` escapes `.`, `[`, `]` and `\`. The empty path is the document itself. At most 1000
     *     characters and 64 segments; no member is named `__proto__`.
     * @example tasks[t1].title
     * @example
     */
    Path: string;
    /**
     * @description Any JSON value, nested at most 64 levels deep. Members keep their order, numbers their exact text. Duplicate
     *     members, a member `__proto__` and numbers beyond the range of a double are rejected.
     * @example Launch
     * @example 3.5
     * @example null
     * @example {
     *       "title": "Write"
     *     }
     */
    JSONValue: unknown;
    /**
     * @description An operation as logged: with all ids assigned, and with paths rewritten for items that were moved. If an
     *     operation on an array took effect, its `arrayIndex` is the resulting position of the item; `after` is not
     *     logged. A discarded operation is logged without its value.
     * @example {
     *       "path": "tasks",
     *       "op": "array_add",
     *       "value": {
     *         "_sync_id": "t1",
     *         "title": "Write"
     *       },
     *       "arrayIndex": 0
     *     }
     */
    LoggedOperation: {
        path: components["schemas"]["Path"];
        op: components["schemas"]["OpName"];
        value?: components["schemas"]["JSONValue"];
        /** @description The resulting position of the item, from 0. */
        arrayIndex?: number;
        /** @description The array into which an `array_move` moves the item, if it differs from the item's array. */
        to?: components["schemas"]["Path"];
    };
    /**
     * @description The operations. The page at `/path-operations.md` defines their effects.
     * @example set
     * @enum {string}
     */
    OpName: "set" | "delete" | "array_add" | "array_del" | "array_move" | "init";
    /**
     * @description The outcome of one operation.
     * @example {
     *       "status": "applied",
     *       "arrayIndex": 0
     *     }
     * @example {
     *       "status": "discarded",
     *       "reason": "item_deleted"
     *     }
     */
    OperationResult: {
        status: components["schemas"]["Outcome"];
        reason?: components["schemas"]["DiscardReason"];
        /** @description The position of the item, for an `array_add` or `array_move` that was applied. */
        arrayIndex?: number;
    };
    /**
     * @description Whether an operation took effect. A discarded operation changed nothing.
     * @example applied
     * @enum {string}
     */
    Outcome: "applied" | "discarded";
    /**
     * @description The reason why an operation was discarded; only discarded operations have one. `item_deleted`: its path contains
     *     an item that does not exist. `type_mismatch`: the value at its path has the wrong type. `exists`: `init` of a
     *     document that exists. `not_found`: `delete` of a member that does not exist. `too_large`: the document would
     *     exceed its size limit, or the room its number of documents.
     * @example item_deleted
     * @enum {string}
     */
    DiscardReason: "item_deleted" | "type_mismatch" | "exists" | "not_found" | "too_large";
    /**
     * @description The outcome of a batch.
     * @example {
     *       "room": "board-7",
     *       "key": "default",
     *       "epoch": "k3v9x2qa",
     *       "serverSeq": 12,
     *       "duplicate": false,
     *       "results": [
     *         {
     *           "status": "applied"
     *         }
     *       ]
     *     }
     */
    BatchResult: {
        room: components["schemas"]["RoomName"];
        key: components["schemas"]["StoreKey"];
        epoch: components["schemas"]["Epoch"];
        serverSeq: components["schemas"]["ServerSeq"];
        /** @description The batch was already in the log; this is its first response again. */
        duplicate: boolean;
        /** @description One result per operation, in order. */
        results: components["schemas"]["OperationResult"][];
        /**
         * @description All operations as logged; present only if the server assigned a `_sync_id`. Discarded operations have no
         *     value. The operations together are no larger than the limit of a request body.
         */
        ops?: components["schemas"]["LoggedOperation"][];
    };
    /**
     * @description The documents of a room at one `serverSeq`.
     * @example {
     *       "room": "board-7",
     *       "epoch": "k3v9x2qa",
     *       "serverSeq": 12,
     *       "stores": {
     *         "default": {
     *           "serverSeq": 12,
     *           "state": {
     *             "title": "Launch"
     *           }
     *         }
     *       }
     *     }
     */
    Room: {
        room: components["schemas"]["RoomName"];
        epoch: components["schemas"]["Epoch"];
        serverSeq: components["schemas"]["Position"];
        /** @description The documents by key. */
        stores: {
            [key: string]: components["schemas"]["StoreState"];
        };
    };
    /**
     * @description A document of a room.
     * @example {
     *       "serverSeq": 12,
     *       "state": {
     *         "title": "Launch"
     *       }
     *     }
     */
    StoreState: {
        /** @description The last batch that changed this document. */
        serverSeq: components["schemas"]["ServerSeq"];
        state: components["schemas"]["JSONValue"];
    };
    /**
     * @description A page of a room's batches.
     * @example {
     *       "room": "board-7",
     *       "epoch": "k3v9x2qa",
     *       "changes": [],
     *       "next": "k3v9x2qa-12",
     *       "upToDate": true
     *     }
     */
    Changes: {
        room: components["schemas"]["RoomName"];
        epoch: components["schemas"]["Epoch"];
        changes: components["schemas"]["DeltaEvent"][];
        /** @description The position after this page; the `after` of the next request. */
        next: components["schemas"]["EventId"];
        /** @description This page reaches the end of the log. Always false for a closed range. */
        upToDate: boolean;
        /** @description The pages that all readers request alike. Present if there are complete pages after `next`. */
        pages?: components["schemas"]["ChangePages"];
        /**
         * @description The `cursor` of the next request. Present if this request had one.
         * @example 176722560
         */
        cursor?: number;
    };
    /**
     * @description The pages that all readers request alike.
     * @example {
     *       "size": 100,
     *       "through": "k3v9x2qa-500"
     *     }
     */
    ChangePages: {
        /** @description Pages end where `serverSeq` is a multiple of this number. */
        size: number;
        /** @description The end of the last complete page of the room. */
        through: components["schemas"]["EventId"];
    };
    /**
     * @description The data of a `state` event: a whole document. It replaces the reader's document under this key.
     * @example {
     *       "room": "board-7",
     *       "key": "default",
     *       "serverSeq": 12,
     *       "state": {
     *         "title": "Launch",
     *         "tasks": []
     *       }
     *     }
     */
    StateEvent: {
        room: components["schemas"]["RoomName"];
        key: components["schemas"]["StoreKey"];
        /** @description `state` contains all batches up to this one; apply later `delta`s to it. */
        serverSeq: components["schemas"]["ServerSeq"];
        state: components["schemas"]["JSONValue"];
    };
    /**
     * @description The data of an `up-to-date` event. The reader has received all batches up to `serverSeq`.
     * @example {
     *       "room": "board-7",
     *       "epoch": "k3v9x2qa",
     *       "serverSeq": 12
     *     }
     */
    UpToDateEvent: {
        room: components["schemas"]["RoomName"];
        epoch: components["schemas"]["Epoch"];
        serverSeq: components["schemas"]["Position"];
        /** @description As in `PresenceEvent`, which may come later. */
        readOnly?: boolean;
    };
    /**
     * @description The data of a `delta` event, and an entry of `changes`: one batch, with the operations that took effect. There
     *     may be none; the batch still has its `serverSeq`.
     * @example {
     *       "room": "board-7",
     *       "key": "default",
     *       "serverSeq": 13,
     *       "clientId": "ada",
     *       "clientSeq": 2,
     *       "serverTs": 1767225600000,
     *       "ops": [
     *         {
     *           "path": "tasks[t1]",
     *           "op": "array_move",
     *           "arrayIndex": 2
     *         }
     *       ]
     *     }
     */
    DeltaEvent: {
        room: components["schemas"]["RoomName"];
        key: components["schemas"]["StoreKey"];
        serverSeq: components["schemas"]["ServerSeq"];
        /** @description The client that sent the batch. The initial state that the application provides is from `initial-state`. */
        clientId: components["schemas"]["ClientId"];
        clientSeq?: components["schemas"]["ClientSeq"];
        userId?: components["schemas"]["UserId"];
        /** @description The time at which the server ordered the batch. */
        serverTs: components["schemas"]["Timestamp"];
        /**
         * @description The operations that took effect. `set`, `array_add` and `init` have a `value`, and `array_add` and
         *     `array_move` an `arrayIndex`.
         */
        ops: components["schemas"]["LoggedOperation"][];
    };
    /**
     * @description A client that is present.
     * @example {
     *       "clientId": "ada",
     *       "displayName": "Ada Lovelace",
     *       "joinedAt": 1767225600000,
     *       "field": "tasks[t1].title"
     *     }
     */
    User: {
        clientId: components["schemas"]["ClientId"];
        userId?: components["schemas"]["UserId"];
        displayName?: components["schemas"]["DisplayName"];
        joinedAt: components["schemas"]["Timestamp"];
        /** @description The position of the client's cursor. */
        field?: string;
        /** @description Application-defined data of the client. */
        meta?: unknown;
    };
    /**
     * @description A client as other clients see it, and its lease.
     * @example {
     *       "clientId": "ada",
     *       "displayName": "Ada Lovelace",
     *       "joinedAt": 1767225600000,
     *       "field": "tasks[t1].title",
     *       "leaseMs": 15000
     *     }
     */
    OwnPresence: {
        clientId: components["schemas"]["ClientId"];
        userId?: components["schemas"]["UserId"];
        displayName?: components["schemas"]["DisplayName"];
        joinedAt: components["schemas"]["Timestamp"];
        /** @description The position of the client's cursor. */
        field?: string;
        /** @description Application-defined data of the client. */
        meta?: unknown;
        /** @description The lease: how long the client stays present after this request without an open stream, in milliseconds. */
        leaseMs: number;
    };
    /**
     * @description The data of a `presence` event: the present clients, ordered by `joinedAt`, then by `clientId`, and whether the
     *     reader may write. The server sends a long list in parts. Changes in the meantime follow in `presence-change`
     *     events, and may already be in the list.
     * @example {
     *       "room": "board-7",
     *       "users": [
     *         {
     *           "clientId": "ada",
     *           "displayName": "Ada Lovelace",
     *           "joinedAt": 1767225600000
     *         }
     *       ]
     *     }
     * @example {
     *       "room": "board-7",
     *       "readOnly": true,
     *       "users": []
     *     }
     */
    PresenceEvent: {
        room: components["schemas"]["RoomName"];
        /**
         * @description The reader may not write in the room: every batch would be answered with 403 `forbidden`. Absent if the
         *     reader may write, even if parts of documents are read-only. It holds when the stream opens: a new token for
         *     the stream does not send it again.
         */
        readOnly?: boolean;
        version?: components["schemas"]["PresenceVersion"];
        users: components["schemas"]["User"][];
    };
    /**
     * @description The version of the presence list after this event, for the parameter `presenceVersion` of a stream. It is opaque.
     *     Events of rooms with few clients, lists of readers without write permission, and answers to requests have none.
     * @example MZ4QX7K2PA-17
     */
    PresenceVersion: string;
    /**
     * @description The data of a `presence-change` event. Handle `joined` and `updated` alike: each user replaces your entry of
     *     that `clientId`, or is a new entry.
     * @example {
     *       "room": "board-7",
     *       "joined": [],
     *       "updated": [
     *         {
     *           "clientId": "ada",
     *           "joinedAt": 1767225600000,
     *           "field": "title"
     *         }
     *       ],
     *       "left": [
     *         "tab-2"
     *       ]
     *     }
     */
    PresenceChangeEvent: {
        room: components["schemas"]["RoomName"];
        version?: components["schemas"]["PresenceVersion"];
        joined: components["schemas"]["User"][];
        updated: components["schemas"]["User"][];
        left: components["schemas"]["ClientId"][];
    };
    /**
     * @description An error (RFC 9457): the body of every error response, and the data of a `problem` event. Programs decide by
     *     `code` and `retryable`; `title` and `detail` are for people and may change.
     * @example {
     *       "type": "urn:pathsync:problem:stream_replaced",
     *       "title": "This client has opened a newer stream",
     *       "status": 409,
     *       "code": "stream_replaced",
     *       "retryable": false
     *     }
     */
    Problem: {
        /** @description The code as a URI. */
        type: string;
        title: string;
        /** @description The HTTP status. */
        status: number;
        detail?: string;
        code: components["schemas"]["ProblemCode"];
        /** @description The identical request may succeed later. */
        retryable: boolean;
        /** @description The errors in the body, one per place. */
        errors?: components["schemas"]["ProblemError"][];
        /**
         * @description The rooms that the problem concerns: for a request for several rooms, those that prevent it; for a stream,
         *     the room that ended it.
         */
        rooms?: components["schemas"]["RoomName"][];
    };
    /**
     * @description An error at one place of the request body.
     * @example {
     *       "pointer": "/ops/3/path",
     *       "detail": "position 6: an item id must not be empty"
     *     }
     */
    ProblemError: {
        /** @description A JSON pointer into the request body (RFC 6901). */
        pointer: string;
        detail: string;
    };
    /**
     * @description | code | status | retryable | meaning |
     *     |---|---|---|---|
     *     | `invalid_json` | 400 | no | the body is not JSON, or not JSON that the server can store unchanged |
     *     | `invalid_event_id` | 400 | no | a position is not an event id |
     *     | `invalid_parameter` | 400 | no | a parameter of the query is not valid, or is missing |
     *     | `unauthenticated` | 401 | no | the request has no valid token or ticket |
     *     | `token_expired` | 401 | yes | only on a stream: its token has expired; reconnect with a new one |
     *     | `forbidden` | 403 | no | the user does not have the permission |
     *     | `cross_origin` | 403 | no | the request is from a page of an origin that the server does not allow |
     *     | `not_found` | 404 | no | there is no such path |
     *     | `store_not_found` | 404 | no | the room has no document under this key |
     *     | `stream_not_found` | 404 | no | the client has no open stream |
     *     | `not_yet` | 404 | yes | the room has not reached the position of the request |
     *     | `method_not_allowed` | 405 | no | the path does not have this method |
     *     | `request_timeout` | 408 | yes | the body arrived too slowly |
     *     | `client_seq_reused` | 409 | no | this `clientSeq` was used for another batch |
     *     | `client_seq_passed` | 409 | no | a later batch of this client is already committed; send the operations under a new number |
     *     | `stream_replaced` | 409 | no | only on a stream: the client has opened another one |
     *     | `position_gone` | 410 | no | the log cannot be read from this position |
     *     | `body_too_large` | 413 | no | the body is too large |
     *     | `unsupported_media_type` | 415 | no | the body is not plain `application/json` |
     *     | `invalid_request` | 422 | no | the body is not as described; see `errors` |
     *     | `invalid_name` | 422 | no | a name in the URL is not valid |
     *     | `rejected` | 422 | no | the database rejects the batch, for example by a trigger |
     *     | `rate_limited` | 429 | yes | a limit of the address, the user or the client is exhausted |
     *     | `internal` | 500 | no | an error of the server |
     *     | `database_unavailable` | 503 | yes | the database is unavailable |
     *     | `room_unavailable` | 503 | yes | the stored data of this room is damaged; an operator must repair it |
     *     | `history_changed` | 503 | yes | the history of the database has changed; clients resend unacknowledged batches, and readers restart |
     *     | `overloaded` | 503 | yes | a queue or a memory budget is full, or there are too many open rooms, clients, tickets or probes |
     *     | `auth_unavailable` | 503 | yes | tokens cannot be verified at the moment |
     *     | `initial_state_unavailable` | 503 | yes | the initial state of a new room is unavailable |
     *     | `shutting_down` | 503 | yes | the server is shutting down |
     * @example client_seq_reused
     * @enum {string}
     */
    ProblemCode: "invalid_json" | "invalid_event_id" | "invalid_parameter" | "unauthenticated" | "token_expired" | "forbidden" | "cross_origin" | "not_found" | "store_not_found" | "stream_not_found" | "not_yet" | "method_not_allowed" | "request_timeout" | "client_seq_reused" | "client_seq_passed" | "stream_replaced" | "position_gone" | "body_too_large" | "unsupported_media_type" | "invalid_request" | "invalid_name" | "rejected" | "rate_limited" | "internal" | "database_unavailable" | "room_unavailable" | "history_changed" | "overloaded" | "auth_unavailable" | "initial_state_unavailable" | "shutting_down";
  }
}
