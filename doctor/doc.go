// Package doctor finds out what proxies do to requests and streams between a client and a server.
//
//	p, err := doctor.NewProber("https://sync.example.com", "", nil)
//	…
//	o, err := p.Probe(ctx, 10*time.Second)
//	…
//	for _, finding := range doctor.Diagnose(o) {
//		fmt.Println(finding.Code, finding.Text, finding.Recipe)
//	}
//
// A Prober sends probes (see /v1/probe in openapi.yaml) and returns Observations. Diagnose and Products are pure: they have
// neither network nor clock, so that each fault of a proxy is a row of a table in their tests.
package doctor
