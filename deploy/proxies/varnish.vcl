# pathsync behind Varnish: /etc/varnish/default.vcl, or its parts in one that is there. Varnish speaks no TLS: put in front of it
# what does, and there HTTP/2.
vcl 4.1;

backend default {
  .host = "127.0.0.1";
  .port = "8080";
}

sub vcl_recv {
  # A stream is one reader's own. It is handed through byte by byte, uncompressed: otherwise Varnish keeps what comes together
  # with the header back until more comes, which is the next heartbeat, and compresses it if the rest of the site is
  # compressed. The parameter pipe_timeout, 60s, has to be longer than heartbeats are apart, which is 15 s.
  if (req.url ~ "^/v1/([^?]*/)?events(\?|$)" || req.url ~ "^/v1/probe(\?|$)") {
    return (pipe);
  }
}
