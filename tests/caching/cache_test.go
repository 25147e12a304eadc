package caching

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/tests/program"
)

// cache is a caching proxy.
type cache struct {
	name, program string
	files         []string  // the recipe, and the rest of the configuration in testdata
	public        [2]string // the recipe's line for public rooms (news-…), as a comment and enabled
	args          func(dir, address string) []string
}

var caches = []cache{
	{
		name: "nginx", program: "nginx", files: []string{"../../deploy/proxies/nginx-cache.conf", "testdata/nginx-main.conf"},
		public: [2]string{`# "~^/v1/rooms/news-"`, `"~^/v1/rooms/news-"`},
		args: func(dir, _ string) []string {
			return []string{"-p", dir, "-c", dir + "/nginx-main.conf", "-e", "stderr"}
		},
	},
	{
		name: "Varnish", program: "varnishd", files: []string{"../../deploy/proxies/varnish-cache.vcl"},
		public: [2]string{`# if (req.url ~ "^/v1/rooms/news-")`, `if (req.url ~ "^/v1/rooms/news-")`},
		args: func(dir, address string) []string {
			return []string{"-F", "-j", "none", "-n", dir + "/varnish", "-f", dir + "/varnish-cache.vcl", "-s", "malloc,64m", "-a", address}
		},
	},
}

// start starts the cache in front of a server and returns its address.
func (c cache) start(t *testing.T, s *server) (address string) {
	t.Helper()
	file := c.path()
	if file == "" {
		t.Skipf("%s is not installed", c.program)
	}
	dir, err := os.MkdirTemp("", "pathsync-cache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	address = program.FreeAddress(t)
	_, port, _ := strings.Cut(s.address, ":")
	// A recipe is valid as it is. The test replaces its addresses and directories.
	places := strings.NewReplacer("127.0.0.1:8080", s.address, `.port = "8080"`, `.port = "`+port+`"`, "127.0.0.1:80", address,
		"/var/cache/nginx", dir, "/run/proxy", dir, c.public[0], c.public[1])
	for _, name := range c.files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(places.Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	process := program.Start(t, dir, nil, file, c.args(dir, address)...)
	ready(t, process, "http://"+address+"/healthz")
	return address
}

// path returns the path of the program, or "" if it is not installed.
func (c cache) path() string {
	for _, file := range []string{c.program, "/usr/sbin/" + c.program} {
		if path, err := exec.LookPath(file); err == nil {
			return path
		}
	}
	return ""
}

// ready waits until the server answers through the cache.
func ready(t *testing.T, p *program.Process, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := http.DefaultClient.Do(r); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-again.C:
		case <-p.Exited():
			t.Fatalf("the cache has exited:\n%s", p.Said())
		case <-ctx.Done():
			t.Fatalf("the cache does not answer:\n%s", p.Said())
		}
	}
}
