# pathsync behind Varnish: /etc/varnish/default.vcl, or its parts in one that is there. Varnish speaks no TLS: put in front of it
# what does, and there HTTP/2.
vcl 4.1;

backend default {
  .host = "127.0.0.1";
  .port = "8080";
  # The default. It has to be longer than the server's heartbeat, which is 15 s.
  .between_bytes_timeout = 60s;
}

sub vcl_recv {
  # A stream is one reader's own. Otherwise the second reader of a room waits until Varnish knows that the first one's stream is
  # not to be kept.
  if (req.url ~ "^/v1/[^?]*events(\?|$)") {
    return (pass);
  }
}

sub vcl_backend_response {
  # Compression, if the rest of the site has it, keeps events until there are enough of them.
  if (beresp.http.Content-Type ~ "^text/event-stream") {
    set beresp.do_gzip = false;
  }
}
