# pathsync behind Varnish: /etc/varnish/default.vcl, or these parts in an existing one. Varnish has no TLS: put a proxy with
# TLS and HTTP/2 in front of it.
vcl 4.1;

backend default {
  .host = "127.0.0.1";
  .port = "8080";
}

sub vcl_recv {
  # A stream belongs to one reader. It is piped byte by byte: otherwise Varnish compresses it if the rest of the site is
  # compressed, and buffers its events. The parameter pipe_timeout (60s) has to be longer than the heartbeat of 15 s.
  if (req.url ~ "^/v1/([^?]*/)?events(\?|$)" || req.url ~ "^/v1/probe(\?|$)") {
    return (pipe);
  }
}
