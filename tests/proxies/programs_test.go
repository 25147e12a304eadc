package proxies

// proxies are those that the server has to work behind.
var proxies = []*proxy{
	{
		name: "nginx", program: "nginx", version: []string{"-v"}, http2: true, compresses: true,
		file: "nginx.conf", around: "nginx-main.conf", shorter: map[string]string{"60s": "2s"},
		start: func(s *site) ([]string, []string) {
			return nil, []string{"-p", s.dir, "-c", s.path("nginx-main.conf"), "-e", "stderr"}
		},
	},
	{
		name: "HAProxy", program: "haproxy", version: []string{"-v"}, http2: true, compresses: true,
		file: "haproxy.cfg", shorter: map[string]string{"50s": "1700ms"},
		start: func(s *site) ([]string, []string) { return nil, []string{"-db", "-f", s.path("haproxy.cfg")} },
	},
}
