# pathsync behind Varnish that keeps what many readers ask for: /etc/varnish/default.vcl, or its parts in one that is there.
# docs/caching.md explains them. Varnish speaks no TLS: put in front of it what does, and there HTTP/2.
vcl 4.1;

backend default {
  .host = "127.0.0.1";
  .port = "8080";
  # A poll is answered after a minute at the latest.
  .first_byte_timeout = 75s;
}

sub vcl_recv {
  # A stream is one reader's own. It is handed through byte by byte: with `pass`, Varnish keeps what comes together with the
  # header back until more comes, which is the next heartbeat. The parameter pipe_timeout (60 s) has to be longer than
  # those are apart, which is 15 s.
  if (req.url ~ "^/v1/([^?]*/)?events(\?|$)" || req.url ~ "^/v1/probe(\?|$)") {
    return (pipe);
  }
  # Only these are the same for many: closed ranges, open requests with a cursor, and a room at one version. Everything else
  # goes to the server for itself: nobody waits for what will not be kept.
  if (req.method != "GET" && req.method != "HEAD") {
    return (pass);
  }
  if (req.url !~ "^/v1/rooms/[^?]+/changes\?(.*&)?(until|cursor)=" && req.url !~ "^/v1/rooms/[^/?]+\?(.*&)?at=") {
    return (pass);
  }
  # Rooms that --public-rooms names are the same for everybody, also for those who show a token. Say so here too.
  # if (req.url ~ "^/v1/rooms/news-") { unset req.http.Authorization; unset req.http.Cookie; }

  # Whoever shows a token may be given an answer of his own, and must not wait until another's has come.
  if (req.http.Authorization || req.http.Cookie ~ "__Host-pathsync=") {
    return (pass);
  }
  # Other cookies are the application's. The server does not look at them.
  unset req.http.Cookie;
  return (hash);
}

sub vcl_backend_response {
  # How long which answer is kept, the server says. What is too old is not given while another is fetched: the default
  # would have readers ask once more for nothing.
  set beresp.grace = 0s;
}
