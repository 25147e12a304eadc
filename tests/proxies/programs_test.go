package proxies

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// proxies are the tested proxies.
var proxies = []*proxy{
	{
		name: "nginx", program: "nginx", version: []string{"-v"}, http2: true, compresses: true,
		file: "nginx.conf", around: "nginx-main.conf", edits: map[string]string{"60s": "2s"},
		start: func(_ *testing.T, s *site) ([]string, []string) {
			return nil, []string{"-p", s.dir, "-c", s.path("nginx-main.conf"), "-e", "stderr"}
		},
	},
	{
		name: "HAProxy", program: "haproxy", version: []string{"-v"}, http2: true, compresses: true,
		file: "haproxy.cfg", edits: map[string]string{
			"50s":         "1700ms",
			"  mode http": "  mode http\n  compression algo gzip\n  compression type text/event-stream application/json",
		},
		start: func(_ *testing.T, s *site) ([]string, []string) {
			return nil, []string{"-db", "-f", s.path("haproxy.cfg")}
		},
	},
	{
		name: "Apache", program: "apache2", version: []string{"-v"}, http2: true, compresses: true,
		file: "apache.conf", around: "apache-main.conf", edits: map[string]string{"ProxyTimeout 60": "ProxyTimeout 2"},
		start: func(_ *testing.T, s *site) ([]string, []string) {
			return nil, []string{"-DFOREGROUND", "-f", s.path("apache-main.conf")}
		},
	},
	{
		name: "Varnish", program: "varnishd", version: []string{"-V"}, compresses: true,
		file: "varnish.vcl", edits: map[string]string{
			"60s": "2s",
			// Varnish compresses each response in its cache and decompresses it for clients that do not accept gzip.
			"vcl 4.1;": `vcl 4.1; sub vcl_backend_response { if (bereq.url ~ "/compressed-") { set beresp.do_gzip = true; } }`,
		},
		start: func(_ *testing.T, s *site) ([]string, []string) {
			return nil, []string{
				"-F", "-j", "none", "-n", s.path("varnish"), "-f", s.path("varnish.vcl"), "-s", "malloc,32m", "-p", "pipe_timeout=2", "-a", s.address,
			}
		},
	},
	{
		name: "Caddy", program: "caddy", version: []string{"version"}, http2: true, compresses: true,
		file: "Caddyfile", edits: map[string]string{"\treverse_proxy ": "\tencode gzip\n\treverse_proxy "},
		start: func(_ *testing.T, s *site) ([]string, []string) {
			own := []string{"HOME=" + s.dir, "XDG_DATA_HOME=" + s.dir, "XDG_CONFIG_HOME=" + s.dir}
			return own, []string{"run", "--adapter", "caddyfile", "--config", s.path("Caddyfile")}
		},
	},
	{
		name: "Vite", program: "node", script: "node_modules/vite/bin/vite.js", version: []string{"--version"},
		http2: true, file: "vite.config.ts", edits: map[string]string{"server: {": "server: {\nwatch: null,"},
		secure: map[string]string{
			"server: {": "server: {\nhttps: { key: '/etc/ssl/pathsync.pem', cert: '/etc/ssl/pathsync.pem' },",
		},
		start: func(t *testing.T, s *site) ([]string, []string) {
			host, port := s.hostPort()
			return nil, []string{s.scriptPath(t), s.dir, "--config", s.path("vite.config.ts"), "--host", host, "--port", port, "--strictPort"}
		},
	},
	{
		name: "Nitro", program: "node", script: "examples/nuxt/node_modules/nitropack/dist/cli/index.mjs", version: []string{"--version"},
		file: "nitro.config.ts", recipe: "nitro.ts",
		start: func(t *testing.T, s *site) ([]string, []string) {
			if s.byRecipe {
				write(t, s.path("routes/v1/[...].ts"), read(t, s.path("nitro.ts")))
			}
			build := exec.Command(s.programPath(), s.scriptPath(t), "build", "--dir", s.dir)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("building with Nitro: %v\n%s", err, out)
			}
			host, port := s.hostPort()
			return []string{"NITRO_HOST=" + host, "NITRO_PORT=" + port}, []string{s.path(".output/server/index.mjs")}
		},
	},
}

// scriptPath returns the absolute path of the script that node runs.
func (s *site) scriptPath(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(s.scriptFile())
	if err != nil {
		t.Fatal(err)
	}
	return path
}
