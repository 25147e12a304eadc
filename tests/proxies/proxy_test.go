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

// faster is how much faster time goes by here.
const faster = 30

// proxy is a program that people run in front of the server.
type proxy struct {
	name       string
	program    string   // its file, where PATH or /usr/sbin has it
	script     string   // what the program runs, below js-client; "" if it is none that runs others
	version    []string // arguments that make it say its version
	http2      bool
	compresses bool
	file       string            // in testdata: the configuration of the program as it comes
	recipe     string            // in deploy/proxies; "" if the file has the same name
	secure     map[string]string // further edits for TLS, of a program that speaks either HTTP or HTTPS
	edits      map[string]string // of either file: limits become thirty times shorter, compression is switched on
	around     string            // the file in testdata that makes a configuration of an operator's part; "" if that is whole
	start      func(t *testing.T, s *site) (environment, args []string)
}

// site is a server with a proxy in front of it.
type site struct {
	*proxy
	address     string // where the proxy listens
	url         string
	http2       bool
	byRecipe    bool
	certificate *x509.Certificate
	dir         string // for what the proxy writes
	server      *server
	rooms       atomic.Int64
}

// room makes a name up that no attempt has had before.
func (s *site) room(name string) string { return fmt.Sprintf("%s-%d", name, s.rooms.Add(1)) }

// places are what a configuration names and every test has elsewhere. A configuration is valid as it stands, and for
// tests these are replaced by their own.
const (
	serverAt      = "127.0.0.1:8080"
	serverPort    = `.port = "8080"`
	certificateAt = "/etc/ssl/pathsync.pem"
	plainAt       = "127.0.0.1:80"
	secureAt      = "127.0.0.1:443"
	directoryAt   = "/run/proxy"
)

// where finds the program, and returns "" if this machine does not have it.
func (p *proxy) where() string {
	for _, file := range []string{p.program, "/usr/sbin/" + p.program} {
		if path, err := exec.LookPath(file); err == nil {
			return path
		}
	}
	return ""
}

// here reports whether this machine has all that the proxy needs.
func (p *proxy) here() bool {
	_, err := os.Stat(p.module())
	return p.where() != "" && (p.script == "" || err == nil)
}

// module is the file of the script.
func (p *proxy) module() string { return filepath.Join("../../js-client", p.script) }

// start starts a proxy in front of a new server, whose heartbeats are as far apart as by default. A configuration is that of the program as it comes, or the recipe.
func start(t *testing.T, p *proxy, http2, recipe bool) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "pathsync-proxy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // some give up being root
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
		for is, becomes := range edits {
			if !strings.Contains(text, is) {
				t.Fatalf("%s does not say %q", from, is)
			}
			text = strings.ReplaceAll(text, is, becomes)
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
	ready(t, program.Start(t, dir, environment, p.where(), args...), s.address)
	return s
}

// hostPort is where the proxy listens, in two parts.
func (s *site) hostPort() (host, port string) {
	host, port, _ = strings.Cut(s.address, ":")
	return host, port
}

// path is that of a file in the directory of the proxy.
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
