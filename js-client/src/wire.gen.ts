// Generated from openapi.yaml by `npm run wire`. Do not edit.
export interface components {
  schemas: {
    /**
     * @description A name: not empty, without control characters, not beginning or ending with white space, and neither `.` nor
     *     `..`, which URLs swallow.
     * @example board-7
     */
    Name: string;
    /**
     * @description A room's name, at most 255 characters.
     * @example board-7
     */
    RoomName: components["schemas"]["Name"];
    /**
     * @description The key of a document, at most 255 characters.
     * @example default
     */
    StoreKey: components["schemas"]["Name"];
    /**
     * @description Who sends or listens, at most 100 characters. A browser takes a random one per tab and uses it for operations,
     *     stream and presence alike.
     * @example ada
     */
    ClientId: components["schemas"]["Name"];
    /**
     * @description Who the client is, by the `sub` of its token. It is not there when the server does not ask.
     * @example u-17
     */
    UserId: string;
    /**
     * @description What people read, at most 255 characters, without control characters.
     * @example Ada Lovelace
     */
    DisplayName: string;
    /**
     * @description The name of one history of a database.
     * @example k3v9x2qa
     */
    Epoch: string;
    /**
     * @description A position in a room, `<epoch>-<serverSeq>`. `<epoch>-0` is the beginning.
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
     * @description The number of the last batch; 0 when there is none.
     * @example 12
     */
    Position: number;
    /**
     * Format: int64
     * @description The number of a batch in its sender's own count.
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
     * @description Names a place in a document: member names joined by dots, and array items by their `_sync_id` in brackets, as
     *     in `tasks[t1].title`. `\` escapes `.`, `[`, `]` and `\`. The empty path is the document itself. At most 1000
     *     characters and 64 segments; no member is called `__proto__`.
     * @example tasks[t1].title
     * @example
     */
    Path: string;
    /**
     * @description Any JSON value, nested at most 64 levels deep. Members keep their order, numbers their exact text. Duplicate
     *     members, a member `__proto__` and numbers beyond the range of a double are refused.
     * @example Launch
     * @example 3.5
     * @example null
     * @example {
     *       "title": "Write"
     *     }
     */
    JSONValue: unknown;
    /**
     * @description A position in an array, from 0. In a request, one beyond either end means that end, however large it is.
     * @example 0
     */
    ArrayIndex: number;
    /**
     * @description An operation as it is in the log: with every id filled in, and with the paths to where the items on them had been
     *     moved. One that took effect on an array has in `arrayIndex` the position where the item stands after it; `after` is
     *     not logged. One that was discarded is logged without its value.
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
        /** @enum {unknown} */
        op: "set" | "delete" | "array_add" | "array_del" | "array_move" | "init";
        value?: components["schemas"]["JSONValue"];
        arrayIndex?: components["schemas"]["ArrayIndex"];
        /** @description The array that an `array_move` moves the item into, if it is another one. */
        to?: components["schemas"]["Path"];
    };
    /**
     * @description A logged operation that took effect.
     * @example {
     *       "path": "tasks[t1].done",
     *       "op": "set",
     *       "value": true
     *     }
     */
    AppliedOperation: components["schemas"]["LoggedOperation"] & unknown & unknown;
    /**
     * @description What became of one operation.
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
        /** @enum {unknown} */
        status: "applied" | "discarded";
        /**
         * @description Why a discarded operation changed nothing. `item_deleted`: its path names, or runs through, an item that
         *     is not there. `type_mismatch`: what stands at its path is not what it needs. `exists`: `init` of a document
         *     that exists. `not_found`: `delete` of a member that is not there. `too_large`: the document would grow past
         *     its limit, or its room past its number of documents.
         * @enum {unknown}
         */
        reason?: "item_deleted" | "type_mismatch" | "exists" | "not_found" | "too_large";
        /** @description Where the item stands, for an `array_add` or `array_move` that was applied. */
        arrayIndex?: number;
    };
    /**
     * @description What became of a batch.
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
        /** @description The batch had been logged before; this is the first answer again. */
        duplicate: boolean;
        /** @description One per operation, in order. */
        results: components["schemas"]["OperationResult"][];
        /**
         * @description All operations as logged; only there when the server filled in a `_sync_id`. Those that were discarded have
         *     no value. Together they take no more bytes than a body may.
         */
        ops?: components["schemas"]["LoggedOperation"][];
    };
    /**
     * @description A room's documents at one moment.
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
        /** @description The documents by their keys. */
        stores: {
            [key: string]: {
                /** @description The last batch that changed this document. */
                serverSeq: components["schemas"]["ServerSeq"];
                state: components["schemas"]["JSONValue"];
            };
        };
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
        /** @description This page reaches the end of the log. False for a closed range, which does not know. */
        upToDate: boolean;
        /**
         * @description When there are whole pages after `next`, which every reader asks for alike.
         * @example {
         *       "size": 100,
         *       "through": "k3v9x2qa-500"
         *     }
         */
        pages?: {
            /** @description Pages end where `serverSeq` is a multiple of this. */
            size: number;
            /** @description The end of the last one that the room has. */
            through: components["schemas"]["EventId"];
        };
        /**
         * @description What to send as `cursor` with the next request, if this one had any.
         * @example 176722560
         */
        cursor?: number;
    };
    /**
     * @description The data of a `state` event, a whole document. It replaces what the reader has under this key.
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
        /** @description The batch up to which all changes are in `state`; apply later `delta`s to it. */
        serverSeq: components["schemas"]["ServerSeq"];
        state: components["schemas"]["JSONValue"];
    };
    /**
     * @description The data of an `up-to-date` event. The reader now has everything up to `serverSeq`.
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
    };
    /**
     * @description The data of a `delta` event, and an entry of `changes`: one batch, with the operations that took effect. There
     *     may be none; the batch still counts.
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
        /** @description Who sent it. What a room begins with, when the application says so, comes from `initial-state`. */
        clientId: components["schemas"]["ClientId"];
        clientSeq?: components["schemas"]["ClientSeq"];
        userId?: components["schemas"]["UserId"];
        /** @description When the server ordered the batch. */
        serverTs: components["schemas"]["Timestamp"];
        ops: components["schemas"]["AppliedOperation"][];
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
        /** @description Where the client's cursor is. */
        field?: string;
        /** @description Whatever the application shares about a client. */
        meta?: unknown;
    };
    /**
     * @description A client as others see it, and how long that lasts.
     * @example {
     *       "clientId": "ada",
     *       "displayName": "Ada Lovelace",
     *       "joinedAt": 1767225600000,
     *       "field": "tasks[t1].title",
     *       "leaseMs": 15000
     *     }
     */
    OwnPresence: components["schemas"]["User"] & {
        /** @description How long the client stays present after this request without an open stream, in milliseconds. */
        leaseMs: number;
    };
    /**
     * @description The data of a `presence` event: the clients that are present, ordered by `joinedAt`, then by `clientId`, and whether the
     *     reader may write. A long list is read while it is sent. What changes meanwhile comes in `presence-change` events behind
     *     it, and may be in the list already.
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
         * @description The reader may not write in the room: every batch would be answered 403 `forbidden`. Absent when the reader may
         *     write, even if parts of documents are read-only.
         * @constant
         */
        readOnly?: true;
        users: components["schemas"]["User"][];
    };
    /**
     * @description The data of a `presence-change` event. Take in `joined` and `updated` alike: each user replaces what you know of
     *     that `clientId`, or is new to you.
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
        joined: components["schemas"]["User"][];
        updated: components["schemas"]["User"][];
        left: components["schemas"]["ClientId"][];
    };
    /**
     * @description What went wrong (RFC 9457): the body of every error, and the data of a `problem` event. Programs decide by
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
        /** @description What is wrong with the body, place by place. */
        errors?: {
            /** @description A JSON pointer into the request body (RFC 6901). */
            pointer: string;
            detail: string;
        }[];
        /**
         * @description The rooms that it is about: those of a request for several that stand in its way, or that of a stream which
         *     ended it.
         */
        rooms?: components["schemas"]["RoomName"][];
    };
    /**
     * @description | code | status | retryable | meaning |
     *     |---|---|---|---|
     *     | `invalid_json` | 400 | no | the body is not valid JSON |
     *     | `invalid_event_id` | 400 | no | a position is not an event id |
     *     | `invalid_parameter` | 400 | no | a parameter of the query is not valid, or is missing |
     *     | `unauthenticated` | 401 | no | the request has no valid token |
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
     *     | `history_changed` | 503 | yes | the history of the database has changed; clients repeat what was not acknowledged, and readers start again |
     *     | `overloaded` | 503 | yes | a queue, a memory budget or a table is full |
     *     | `auth_unavailable` | 503 | yes | tokens cannot be verified at the moment |
     *     | `initial_state_unavailable` | 503 | yes | the initial state of a new room is unavailable |
     *     | `shutting_down` | 503 | yes | the server is shutting down |
     * @example client_seq_reused
     * @enum {unknown}
     */
    ProblemCode: "invalid_json" | "invalid_event_id" | "invalid_parameter" | "unauthenticated" | "token_expired" | "forbidden" | "cross_origin" | "not_found" | "store_not_found" | "stream_not_found" | "not_yet" | "method_not_allowed" | "request_timeout" | "client_seq_reused" | "client_seq_passed" | "stream_replaced" | "position_gone" | "body_too_large" | "unsupported_media_type" | "invalid_request" | "invalid_name" | "rejected" | "rate_limited" | "internal" | "database_unavailable" | "room_unavailable" | "history_changed" | "overloaded" | "auth_unavailable" | "initial_state_unavailable" | "shutting_down";
  }
}
