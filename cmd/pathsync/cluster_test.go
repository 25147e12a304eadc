package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore"
)

func TestClusterPrintsTheServersOfADatabase(t *testing.T) {
	database := "sqlite:" + t.TempDir() + "/state.db"
	store, err := sqlstore.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	show := func() string {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"cluster", "--database", database}, strings.NewReader(""), &out, &errs); code != exitOK {
			t.Fatalf("code %d: %s", code, errs.String())
		}
		return out.String()
	}
	if out := show(); !strings.Contains(out, "no server") {
		t.Errorf("%s", out)
	}
	for _, n := range []core.Node{
		{ID: "aaaaaaaaaaaa", Address: "10.0.0.5:6222", Version: "0.1.0", Protocol: core.Protocol, Oldest: core.OldestProtocol, Status: core.NodeStatus{Rooms: 12, Streams: 345, Bus: true}},
		{ID: "bbbbbbbbbbbb", Protocol: core.Protocol, Oldest: core.OldestProtocol, Draining: true},
		{ID: "cccccccccccc", Protocol: core.Protocol + 1, Oldest: core.Protocol + 1},
	} {
		if err := store.SaveNode(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(show()), "\n")
	for i, want := range []string{"SERVER ADDRESS", "aaaaaaaa 10.0.0.5:6222 0.1.0 live 12 345 0s ok", "bbbbbbbb – draining 0 0 0s cut", "cccccccc – other version 0 0 0s cut"} {
		if got := strings.Join(strings.Fields(lines[i]), " "); !strings.HasPrefix(got, want) {
			t.Errorf("line %d is %q, want %q", i+1, got, want)
		}
	}
}

func TestClusterFlagsAreChecked(t *testing.T) {
	for says, args := range map[string][]string{
		"need a database that several servers share": {"--cluster", "--cluster-listen", "10.0.0.5:6222"},
		"needs --cluster-listen":                     {"--cluster", "--database", "postgres://h/db"},
		"choose one of them":                         {"--cluster", "--cluster-listen", "10.0.0.5:6222", "--nats", "nats://h", "--database", "postgres://h/db"},
		"need --cluster":                             {"--cluster-listen", "10.0.0.5:6222"},
		"are for --cluster":                          {"--nats", "nats://h", "--cluster-advertise", "10.0.0.5:6222", "--database", "postgres://h/db"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != exitUsage || !strings.Contains(errs.String(), says) {
			t.Errorf("%v: code %d: %s; want %q", args, code, errs.String(), says)
		}
	}
}
