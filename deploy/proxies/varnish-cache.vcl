# pathsync behind Varnish with a cache for many readers: /etc/varnish/default.vcl, or these parts in an existing one.
# docs/run/caching.md explains them. Varnish has no TLS: put a proxy with TLS and HTTP/2 in front of it.
vcl 4.1;

backend default {
  .host = "127.0.0.1";
  .port = "8080";
  # A poll is answered within a minute.
  .first_byte_timeout = 75s;
}

sub vcl_recv {
  # A stream belongs to one reader. It is piped byte by byte: with `pass`, Varnish buffers the events that arrive with the
  # header until the next heartbeat. The parameter pipe_timeout (60 s) has to be longer than
  # the heartbeat of 15 s.
  if (req.url ~ "^/v1/([^?]*/)?events(\?|$)" || req.url ~ "^/v1/probe(\?|$)") {
    return (pipe);
  }
  # Only these have the same answer for many readers: closed ranges, open ranges with a cursor, and a room at one version. All
  # others are forwarded separately: no request waits for an answer that is not cached.
  if (req.method != "GET" && req.method != "HEAD") {
    return (pass);
  }
  if (req.url !~ "^/v1/rooms/[^?]+/changes\?(.*&)?(until|cursor)=" && req.url !~ "^/v1/rooms/[^/?]+\?(.*&)?at=") {
    return (pass);
  }
  # Rooms of --public-rooms have the same answers for all readers, with or without a token. List them here too.
  # if (req.url ~ "^/v1/rooms/news-") { unset req.http.Authorization; unset req.http.Cookie; }

  # A request with a token may get a different answer, and must not wait for the answer of another request.
  if (req.http.Authorization || req.http.Cookie ~ "__Host-pathsync=") {
    return (pass);
  }
  # Other cookies belong to the application. The server ignores them.
  unset req.http.Cookie;
  return (hash);
}

sub vcl_backend_response {
  # The server sets how long an answer is cached. A stale answer is not used during a fetch: by default,
  # readers would get it and repeat their request.
  set beresp.grace = 0s;
}
