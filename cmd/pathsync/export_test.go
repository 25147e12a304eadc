package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pathsync/pathsync/client"
)

func TestImportOfAnExportHasTheSameDocuments(t *testing.T) {
	live(t)
	must(t, "", "set", "a/b", "default", "", `{"n": 1.50, "html": "<&>"}`)
	must(t, "", "set", "a/b", "other", "", "[1]")
	must(t, `{"room":"large","key":"k","state":`+largeDocument()+`}`, "import", "--batch-bytes", "60000")
	export := must(t, "", "export")
	if n := strings.Count(export, "\n"); n != 3 {
		t.Fatalf("%d documents", n)
	}
	live(t) // an empty one
	if out := must(t, export, "import", "--batch-bytes", "60000"); !strings.HasPrefix(out, "3 documents created, 0 replaced, 0 kept") {
		t.Error(out)
	}
	again := must(t, "", "export", "large", "a/b", "empty")
	if before, after := states(t, export), states(t, again); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("got\n%.500s\nwant\n%.500s", after, before)
	}
	if out := must(t, "", "rooms"); strings.Count(out, "\n") != 3 {
		t.Errorf("rooms:\n%s", out)
	}
}

// states returns the documents of an export.
func states(t *testing.T, export string) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := readRecords(strings.NewReader(export), func(r record) bool { all[r.Room+" "+r.Key] = string(r.State); return true }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImportKeepsDocumentsThatExistUnlessToldToReplaceThem(t *testing.T) {
	live(t)
	must(t, "", "set", "r", "k", "", `"mine"`)
	const export = `{"room":"r","key":"k","state":"theirs"}` + "\n\n" + `{"room":"r","key":"new","state":null}` + "\n"
	var counts imported
	for i, want := range []imported{
		{Created: 1, Kept: 1, Bytes: 12},
		{Repeated: 1, Kept: 1, Bytes: 12}, // the same import again
	} {
		counts = imported{}
		if err := json.Unmarshal([]byte(must(t, export, "import", "--json")), &counts); err != nil || counts != want {
			t.Errorf("run %d: %+v, %v, want %+v", i, counts, err, want)
		}
	}
	if got := must(t, "", "get", "r", "k"); !strings.Contains(got, `"mine"`) {
		t.Error(got)
	}
	must(t, "", "set", "r", "new", "", `1`)
	if out := must(t, export, "import", "--replace"); !strings.Contains(out, "2 replaced") {
		t.Error(out)
	}
	if got := states(t, must(t, "", "export", "r")); got["r k"] != `"theirs"` || got["r new"] != "null" {
		t.Errorf("%v", got)
	}
}

// An import that was interrupted in the middle of a document leaves a part of it. It must not be taken for the document.
func TestInterruptedImportIsContinued(t *testing.T) {
	server, err := url.Parse(live(t))
	if err != nil {
		t.Fatal(err)
	}
	var posts atomic.Int64
	forward := httputil.NewSingleHostReverseProxy(server)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if posts.Add(1) > 4 {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	defer broken.Close()
	export := `{"room":"r","key":"k","state":` + largeDocument() + "}"
	s := call(t.Context(), export, "import", "--batch-bytes", "60000", "--server", broken.URL)
	if s.code != exitFailed || !strings.Contains(s.stderr, `importing document "k" of room "r"`) {
		t.Fatalf("%+v", s)
	}
	if part := must(t, "", "export", "r"); len(part) < 50_000 || states(t, part)["r k"] == largeDocument() {
		t.Fatalf("the import was not interrupted in the middle: %d bytes", len(part))
	}
	if out := must(t, export, "import", "--batch-bytes", "60000"); !strings.HasPrefix(out, "1 document created") {
		t.Error(out)
	}
	if got := states(t, must(t, "", "export", "r"))["r k"]; got != states(t, export)["r k"] {
		t.Errorf("the document is not complete: %d bytes", len(got))
	}
}

func TestLineThatIsNoDocumentIsNamed(t *testing.T) {
	live(t)
	for line, says := range map[string]string{
		`{"room":"r","key":"k"}`:                         "line 2 is not a document of an export: it needs",
		`{"room":"","key":"k","state":1}`:                "line 2",
		`{"room":"r","key":"k","state":1`:                "line 2 is not",
		`{"room":"r","key":"k ","state":1}`:              `importing document "k " of room "r"`,
		`{"room":"r","key":"k","state":1}{}`:             "line 2",
		"{\"room\":\"r\xff\",\"key\":\"k\",\"state\":1}": "line 2 is not a document of an export: its room",
		`{"room":"r","key":"\ud83d","state":1}`:          "line 2 is not a document of an export: its room",
	} {
		s := call(t.Context(), `{"room":"r","key":"first","state":1}`+"\n"+line, "import", "--parallel", "1")
		if s.code != exitFailed || !strings.Contains(s.stderr, says) {
			t.Errorf("%s: %+v", line, s)
		}
	}
	if s := call(t.Context(), "", "import", "absent.ndjson"); s.code != exitUsage {
		t.Errorf("%+v", s)
	}
}

// Otherwise an import would need memory for the whole file.
func TestDocumentIsSentBeforeTheFileIsRead(t *testing.T) {
	in, out := io.Pipe()
	defer in.Close()
	sent := make(chan string)
	go func() {
		io.WriteString(out, `{"room":"r","key":"a","state":1}`+"\n")
		<-sent
		out.CloseWithError(io.ErrUnexpectedEOF)
	}()
	err := parallel(t.Context(), 1, func(_ context.Context, yield func(record) bool) error { return readRecords(in, yield) }, record.document,
		func(_ context.Context, r record) error { sent <- r.Key; return nil })
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

func TestLinesOfOneDocumentAreImportedInTheirOrder(t *testing.T) {
	live(t)
	var export strings.Builder
	for i := range 40 {
		for _, room := range []string{"a", "b", "c"} {
			fmt.Fprintf(&export, `{"room":%q,"key":"k","state":%d}`+"\n", room, i)
		}
	}
	must(t, export.String(), "import")
	first := states(t, must(t, "", "export"))
	must(t, export.String(), "import", "--replace")
	last := states(t, must(t, "", "export"))
	for _, room := range []string{"a", "b", "c"} {
		if first[room+" k"] != "0" || last[room+" k"] != "39" {
			t.Errorf("%s: %s and %s", room, first[room+" k"], last[room+" k"])
		}
	}
}

// A stalled input must not hide that the server has refused a document.
func TestImportEndsWhenADocumentIsRefusedWhileItsInputStalls(t *testing.T) {
	server := scripted(t, refusal(http.StatusForbidden, "forbidden", false))
	in, out := io.Pipe()
	defer out.Close()
	go io.WriteString(out, `{"room":"r","key":"k","state":1}`+"\n")
	p := &program{stdin: in, stdout: newConsole(io.Discard), stderr: newConsole(io.Discard)}
	ended := make(chan int, 1)
	go func() { ended <- p.run(t.Context(), []string{"import", "--server", server.url}) }()
	select {
	case code := <-ended:
		if code != exitFailed {
			t.Errorf("exit %d", code)
		}
	case <-time.After(20 * time.Second):
		t.Error("it does not end")
	}
}

func TestRepeatedImportWithOtherBatchesSaysWhatHelps(t *testing.T) {
	live(t)
	export := `{"room":"large","key":"k","state":` + largeDocument() + `}`
	must(t, export, "import", "--batch-bytes", "60000")
	if s := call(t.Context(), export, "import", "--batch-bytes", "70000"); s.code != exitFailed || !strings.Contains(s.stderr, "--replace") {
		t.Errorf("%+v", s)
	}
	must(t, export, "import", "--batch-bytes", "70000", "--replace")
}

// Editors and shells of Windows write it.
func TestByteOrderMarkOfInputIsIgnored(t *testing.T) {
	live(t)
	file := t.TempDir() + "/export.ndjson"
	if err := os.WriteFile(file, []byte(byteOrderMark+`{"room":"r","key":"file","state":1}`+"\r\n\r\n"+`{"room":"r","key":"second","state":2}`+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "", "import", file)
	must(t, byteOrderMark+`{"room":"r","key":"import","state":3}`, "import")
	must(t, byteOrderMark+`{"op":"set","path":"","value":4}`, "apply", "r", "apply")
	must(t, byteOrderMark+`5`, "set", "r", "set", "", "-")
	if got := states(t, must(t, "", "export", "r")); fmt.Sprint(got) != "map[r apply:4 r file:1 r import:3 r second:2 r set:5]" {
		t.Errorf("%v", got)
	}
	for _, text := range []string{"\xff\xfe{\x00}\x00", "\xfe\xff\x00{\x00}"} {
		if s := call(t.Context(), text, "import"); s.code != exitFailed || !strings.Contains(s.stderr, "UTF-16") {
			t.Errorf("%+v", s)
		}
	}
}

func TestExportFailsWhenARoomIsIncomplete(t *testing.T) {
	server := scripted(t, text(`{"room":"r","stores":{"a":{"serverSeq":1,"state":1},`))
	s := call(t.Context(), "", "export", "r", "--server", server.url)
	if s.code != exitFailed || !strings.Contains(s.stderr, `exporting room "r"`) {
		t.Errorf("%+v", s)
	}
	s = call(t.Context(), "", "export", "--admin", scripted(t, refusal(http.StatusNotFound, "not_found", false)).url)
	if s.code != exitFailed || !strings.Contains(s.stderr, "--admin") {
		t.Errorf("%+v", s)
	}
}

func TestExportFileHasItsNameOnlyWhenItIsComplete(t *testing.T) {
	live(t)
	must(t, "", "set", "r", "k", "", "1")
	directory := t.TempDir()
	file := directory + "/all.ndjson"
	must(t, "", "export", "--output", file)
	before, err := os.ReadFile(file)
	if err != nil || states(t, string(before))["r k"] != "1" {
		t.Fatalf("%q, %v", before, err)
	}
	incomplete := scripted(t, text(`{"room":"r","stores":{"a":{"serverSeq":1,"state":1},`))
	if s := call(t.Context(), "", "export", "r", "--server", incomplete.url, "--output", file); s.code != exitFailed {
		t.Errorf("%+v", s)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("after a failure: %q, %v", after, err)
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	if s := call(t.Context(), "", "export", "--output", directory); s.code != exitUsage {
		t.Errorf("a directory: %+v", s)
	}
	if s := call(t.Context(), "", "export", "--output", directory+"/no/file"); s.code != exitUsage {
		t.Errorf("no directory: %+v", s)
	}
}

// An error of the output is not one of --admin.
func TestExportSaysWhatFailed(t *testing.T) {
	live(t)
	must(t, "", "set", "r", "k", "", "1")
	var errs strings.Builder
	p := &program{stdout: newConsole(fullDisk{}), stderr: newConsole(&errs)}
	if code := p.run(t.Context(), []string{"export"}); code != exitFailed || !strings.Contains(errs.String(), errFull.Error()) || strings.Contains(errs.String(), "admin") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

var errFull = errors.New("no space left")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestApplySendsSingleOperationsTogetherAndArraysAlone(t *testing.T) {
	var got []string
	err := readOps(strings.NewReader(`{"op":"set","path":"a","value":1} {"op":"set","path":"b","value":null}
{"op":"delete","path":"c"}[{"op":"array_move","path":"l[1]","after":null,"to":"m"}] []{"op":"array_del","path":"l[2]"}{"op":"set","path":"d","value":"1234567890"}`), batchFlags{2, 12}, func(ops []client.Op) error {
		batch, err := json.Marshal(ops)
		got = append(got, string(batch))
		return err
	})
	want := []string{
		`[{"path":"a","op":"set","value":1},{"path":"b","op":"set","value":null}]`,
		`[{"path":"c","op":"delete"}]`,
		`[{"path":"l[1]","op":"array_move","after":null,"to":"m"}]`,
		`[{"path":"l[2]","op":"array_del"}]`,
		`[{"path":"d","op":"set","value":"1234567890"}]`,
	}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v, got\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, bad := range []string{`{"op":"set","path":"a","valeu":1}`, `7`, `[7]`, `{"op":`, `{"op":"delete","path":"\ud83d"}`, `[{"op":"delete","path":"` + "\xff" + `"}]`} {
		if err := readOps(strings.NewReader(bad), batchFlags{2, 100}, func([]client.Op) error { return nil }); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestApplyListsDiscardedOperations(t *testing.T) {
	live(t)
	file := t.TempDir() + "/ops.json"
	if err := os.WriteFile(file, []byte(`{"op":"set","path":"a","value":1}{"op":"delete","path":"no.such"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := call(t.Context(), "", "apply", "r", "k", file)
	if s.code != exitFailed || s.stdout != "1 operation applied, 1 discarded, in 1 batch\n" || !strings.Contains(s.stderr, `discarded: delete at "no.such": not_found`) {
		t.Errorf("%+v", s)
	}
	if out := must(t, `{"op":"set","path":"a","value":2}`, "apply", "r", "k", "--json"); !strings.Contains(out, `"serverSeq": 2`) {
		t.Error(out)
	}
}
