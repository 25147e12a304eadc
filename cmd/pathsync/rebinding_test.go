package main

import (
	"net/http"
	"testing"
)

const longSecret = "a secret of thirty-two bytes...."

// A page can resolve its own name to this machine (DNS rebinding). Its requests must fail where no token is required.
func TestDNSRebindingIsRefusedWithoutAuthentication(t *testing.T) {
	status := func(url, host string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/rooms/r", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	usual := serving(t)
	behind := serving(t, "--allow-origin", "https://board.example.com")
	insecure := serving(t, "--insecure-no-auth")
	closed := serving(t, "--auth", "jwt", "--jwt-secret", longSecret)
	for _, test := range []struct {
		url, host string
		want      int
	}{
		{usual, "evil.test", 403}, {usual, "localhost:8080", 200}, {usual, "", 200},
		{behind, "evil.test", 403}, {behind, "board.example.com", 200},
		{insecure, "board.example.com", 200}, {closed, "board.example.com", 401},
	} {
		if got := status(test.url, test.host); got != test.want {
			t.Errorf("%s is answered %d, want %d", test.host, got, test.want)
		}
	}
}
