package proxies

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pathsync/pathsync/tests/program"
)

// faster is the factor by which times are shorter in phase shortened.
const faster = 30

// proxy is a reverse proxy.
type proxy struct {
	name       string
	program    string   // file name, in PATH or /usr/sbin
	script     string   // script that the program runs, relative to js-client; "": none
	version    []string // arguments that print its version
	http2      bool
	compresses bool
	file       string            // default configuration, in testdata
	recipe     string            // in deploy/proxies; "": the same name
	secure     map[string]string // additional edits for TLS, if the program serves either HTTP or HTTPS
	edits      map[string]string // of both files: timeouts become thirty times shorter, compression is enabled
	around     string            // main configuration in testdata that includes the file; "": the file is complete
	start      func(t *testing.T, s *site) (environment, args []string)
}

// site is a server with a proxy in front of it.
type site struct {
	*proxy
	address     string // of the proxy
	url         string
	http2       bool
	byRecipe    bool
	certificate *x509.Certificate
	dir         string // of the proxy's files
	server      *server
	rooms       atomic.Int64
}

// room returns a new room name.
func (s *site) room(name string) string { return fmt.Sprintf("%s-%d", name, s.rooms.Add(1)) }

// Addresses and paths in the configurations. A configuration is valid as it is; a test replaces them by its own.
const (
	serverAt      = "127.0.0.1:8080"
	serverPort    = `.port = "8080"`
	certificateAt = "/etc/ssl/pathsync.pem"
	plainAt       = "127.0.0.1:80"
	secureAt      = "127.0.0.1:443"
	directoryAt   = "/run/proxy"
)

// programPath returns the path of the program, or "" if it is not installed.
func (p *proxy) programPath() string {
	for _, file := range []string{p.program, "/usr/sbin/" + p.program} {
		if path, err := exec.LookPath(file); err == nil {
			return path
		}
	}
	return ""
}

// installed reports whether the program and its script are installed.
func (p *proxy) installed() bool {
	_, err := os.Stat(p.scriptFile())
	return p.programPath() != "" && (p.script == "" || err == nil)
}

// scriptFile returns the path of the script.
func (p *proxy) scriptFile() string { return filepath.Join("../../js-client", p.script) }

// start starts a proxy in front of a new server with the default heartbeat. The proxy has its default configuration, or the
// recipe.
func start(t *testing.T, p *proxy, http2, recipe bool) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "pathsync-proxy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // some proxies drop root privileges
		t.Fatal(err)
	}
	s := &site{proxy: p, http2: http2, byRecipe: recipe, dir: dir, server: newServer(t)}
	s.server.start(faster * heartbeat)
	certificate, file := certify(t, dir)
	s.certificate = certificate
	plain, secure := program.FreeAddress(t), program.FreeAddress(t)
	s.address, s.url = plain, "http://"+plain
	if http2 {
		s.address, s.url = secure, "https://"+secure
	}
	_, port, _ := strings.Cut(s.server.address, ":")
	places := strings.NewReplacer(serverAt, s.server.address, serverPort, `.port = "`+port+`"`, certificateAt, file, secureAt, secure, plainAt, plain, directoryAt, dir)

	from := "testdata/" + p.file
	if recipe {
		from = "../../deploy/proxies/" + cmp.Or(p.recipe, p.file)
	}
	text := read(t, from)
	edit := func(edits map[string]string) {
		for before, after := range edits {
			if !strings.Contains(text, before) {
				t.Fatalf("%s does not contain %q", from, before)
			}
			text = strings.ReplaceAll(text, before, after)
		}
	}
	edit(p.edits)
	if http2 {
		edit(p.secure)
	}
	write(t, filepath.Join(dir, filepath.Base(from)), places.Replace(text))
	if p.around != "" {
		write(t, filepath.Join(dir, p.around), places.Replace(read(t, "testdata/"+p.around)))
	}
	environment, args := p.start(t, s)
	ready(t, program.Start(t, dir, environment, p.programPath(), args...), s.address)
	return s
}

// hostPort returns the address of the proxy in two parts.
func (s *site) hostPort() (host, port string) {
	host, port, _ = strings.Cut(s.address, ":")
	return host, port
}

// path returns the path of a file in the directory of the proxy.
func (s *site) path(file string) string { return filepath.Join(s.dir, file) }

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
