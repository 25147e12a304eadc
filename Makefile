# `make help` lists the targets. `make test` needs Go; it skips what this machine lacks and lists that in its summary.
# `make deps` installs those programs on Debian.

GO       ?= go
LINT     = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOTEST   = $(GO) run gotest.tools/gotestsum@v1.13.0 --format pkgname-and-test-fails --hide-summary=skipped --
# tests is a separate module, so that the dependencies of tests are not those of the server. go.work joins the two.
GO_PACKAGES = ./... ./tests/...
PACKAGES = js-client/node_modules/.package-lock.json
LINTERS  = tests/lint/node_modules/.package-lock.json
NITRO    = js-client/examples/nuxt/node_modules/.package-lock.json
# The generators of clients that tests/generators runs.
GENERATORS = $(addprefix tests/generators/,npm/node_modules/.package-lock.json python/.venv/.requirements.txt go/.modules)
SUMMARY  = bin/summary
PART     = SUMMARY=$(SUMMARY) tests/part.sh
NPM      = npm run -s --prefix js-client

# parts runs up to four commands in sequence, and fails if one of them fails.
parts = { failed=0; $(foreach part,1 2 3 4,$(if $($(part)),$(PART) $($(part)) || failed=1;)) exit $$failed; }

.DEFAULT_GOAL = help
.PHONY: help run build release deps test generators test-go test-go-packages test-proxies test-js test-js-unit test-js-e2e missing lint \
  proxies reference test-sqlserver soak-js bench-js bench-playground fuzz sim mutants cluster-test crash terminations fork-test outage slow-database soak attack acme restarts \
  check-deps bench bench-databases load load-cluster clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## the server, on http://127.0.0.1:8080
	$(GO) run ./cmd/pathsync

build: ## one static binary, bin/pathsync
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/pathsync ./cmd/pathsync

# Go tests run with the race detector. Those without concurrency that are many times slower with it run without it.
# Unit tests of both languages run at the same time. Tests that measure time, and browsers, run alone. Tests of the client in Node
# mostly wait, so two files run at a time.
test: ## all tests of the server and the client, and a summary
	@rm -f $(SUMMARY)
	@$(MAKE) --no-print-directory -j2 $(PACKAGES) $(NITRO) $(GENERATORS) missing
	@$(MAKE) --no-print-directory --keep-going -j2 test-go-packages test-js-unit; \
	 $(MAKE) --no-print-directory --keep-going test-proxies test-js-e2e; \
	 echo; sort -s -k1,1 $(SUMMARY); grep -q '^passed' $(SUMMARY) && ! grep -q '^FAILED' $(SUMMARY)

test-go: test-go-packages test-proxies ## the server's tests; Go is enough

test-go-packages:
	@$(call parts,'go vet' $(GO) vet $(GO_PACKAGES),\
	  'go vet deploy/image' env GOWORK=off $(GO) -C deploy/image vet .,\
	  'server' $(GOTEST) -race -timeout 20m $$($(GO) list $(GO_PACKAGES) | grep -v -e /tests/proxies -e /tests/tsql),\
	  'errors planted in the contract and grammar of T-SQL' $(GOTEST) -timeout 20m ./tests/contract ./tests/tsql)

test-proxies:
	@$(call parts,'server behind proxies' $(GOTEST) -race -timeout 20m ./tests/proxies,\
	  'durations of database calls' $(GOTEST) -timeout 10m -run 'Delay|NoLonger|SparseClientIndex' ./sqlstore,\
	  'repeated simulation' $(GOTEST) -timeout 5m -run TestSeedRepeatsARun ./tests/sim)

test-js: test-js-unit test-js-e2e ## the client's tests; Node 20.19 or newer, and browsers

test-js-unit: $(PACKAGES)
	@$(NEED_NODE) $(call parts,'client: types' $(NPM) types,'client: build' $(NPM) build,\
	  'client: unit' $(NPM) unit,'client: size' $(NPM) size)

test-js-e2e: $(PACKAGES) $(NITRO)
	@$(NEED_NODE) $(call parts,'client: Node' $(NPM) e2e -- test/e2e/node --fileParallelism --maxWorkers=2,\
	  'client: browsers' $(NPM) e2e -- test/e2e/browser,'client: Nuxt application' $(NPM) nuxt)

generators: $(GENERATORS) ## generate clients in five languages, and use them; make test does all but openapi-generator (JDK, Maven)
	PATHSYNC_TEST_GENERATORS=all $(GO) test -count=1 -timeout 30m -v ./tests/generators

SOAK ?= 10m
soak-js: $(PACKAGES) ## many clients against every kind of fault for SOAK; make test does it for seconds
	cd js-client && PATHSYNC_SOAK=$(SOAK) npm run -s e2e test/e2e/node

bench-js: $(PACKAGES) ## the client's benchmarks
	cd js-client && npm run -s bench

bench-playground: $(PACKAGES) ## frames per second of the playground with many tasks, and the time of a key
	cd js-client && PATHSYNC_BENCH=1 npm run -s e2e test/e2e/browser/smooth.test.ts

# npm writes these files last, so they are newer than the packages.
HAVE_NODE = node -e 'process.exit(process.versions.node.localeCompare("20.19", "en", { numeric: true }) < 0 ? 1 : 0)' 2>/dev/null
NEED_NODE = ! $(HAVE_NODE) ||
$(PACKAGES): js-client/package-lock.json
	@! $(HAVE_NODE) || { cd js-client && npm ci --loglevel=error --no-audit --no-fund && touch ../$@; }

$(LINTERS): tests/lint/package-lock.json
	@! $(HAVE_NODE) || { cd tests/lint && npm ci --ignore-scripts --loglevel=error --no-audit --no-fund && touch node_modules/$(@F); }

$(NITRO): js-client/examples/nuxt/package-lock.json
	@! $(HAVE_NODE) || { cd $(@D)/.. && npm ci --ignore-scripts --loglevel=error --no-audit --no-fund && touch node_modules/$(@F); }

# Without its registry, a generator is skipped.
NO_REGISTRY = $(call skipped,generated clients: the packages of $< cannot be downloaded)
tests/generators/npm/node_modules/.package-lock.json: tests/generators/npm/package-lock.json
	@! $(HAVE_NODE) || (cd tests/generators/npm && npm ci --ignore-scripts --loglevel=error --no-audit --no-fund && touch ../../../$@) || $(NO_REGISTRY)

tests/generators/python/.venv/.requirements.txt: tests/generators/python/requirements.txt
	@! { $(HAVE_VENV); } || (cd $(<D) && rm -rf .venv && python3 -m venv .venv && .venv/bin/pip install --quiet -r $(<F) && cp $(<F) ../../../$@) || $(NO_REGISTRY)

tests/generators/go/.modules: tests/generators/go/go.sum
	@(cd $(<D) && GOWORK=off $(GO) mod download && touch ../../../$@) || $(NO_REGISTRY)

# Lists the missing programs of this machine, and the tests that are skipped without them.
HAVE_POSTGRES = [ -n "$$PATHSYNC_TEST_POSTGRES" ] || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
HAVE_CHROMIUM = [ -n "$$CHROMIUM_PATH" ] || command -v chromium chromium-browser google-chrome >/dev/null
HAVE_FIREFOX  = [ -n "$$FIREFOX_PATH" ] || command -v firefox-esr firefox >/dev/null
HAVE_WEBKIT   = { command -v WebKitWebDriver && command -v Xvfb; } >/dev/null
HAVE_VENV     = python3 -c 'import ensurepip, venv' 2>/dev/null
HAVE_NATS     = [ -n "$$PATHSYNC_TEST_NATS" ] || PATH="$$PATH:/usr/sbin" command -v nats-server >/dev/null
HAVE_IP       = PATH="$$PATH:/usr/sbin" command -v ip >/dev/null
PROXIES       = nginx haproxy apache2 varnish caddy
MISSING       = $$(PATH="$$PATH:/usr/sbin"; for name in $(PROXIES); do \
                  command -v $$name >/dev/null || command -v $${name}d >/dev/null || echo $$name; done)
skipped = { mkdir -p $(dir $(SUMMARY)); echo "SKIPPED $(1)" | tee -a $(SUMMARY); }
missing:
	@$(HAVE_NODE) || $(call skipped,all tests of the client: Node 20.19 or newer is not installed)
	@{ $(HAVE_POSTGRES); } || $(call skipped,tests with PostgreSQL: not installed; PATHSYNC_TEST_POSTGRES names a server)
	@[ -n "$$PATHSYNC_TEST_SQLSERVER" ] || $(call skipped,tests with SQL Server: PATHSYNC_TEST_SQLSERVER names no server; see make test-sqlserver)
	@[ -n "$$PATHSYNC_TEST_PEBBLE" ] || $(call skipped,the test with an ACME server: see make acme)
	@{ $(HAVE_CHROMIUM); } || $(call skipped,tests in Chromium: not installed; CHROMIUM_PATH names one)
	@{ $(HAVE_FIREFOX); } || $(call skipped,tests in Firefox: not installed; FIREFOX_PATH names one)
	@{ $(HAVE_WEBKIT); } || $(call skipped,tests in WebKit: WebKitWebDriver or Xvfb is not installed)
	@{ $(HAVE_NATS); } || $(call skipped,tests with an existing NATS of this machine: not installed; PATHSYNC_TEST_NATS names the program)
	@{ $(HAVE_VENV); } || $(call skipped,the generated client for Python: python3-venv is not installed)
	@$(call skipped,the generated clients for Java and C#: see make generators, with a JDK and Maven)
	@{ $(HAVE_IP); } || $(call skipped,cut links between servers: iproute2 is not installed)
	@missing=$(MISSING); [ -z "$$missing" ] || $(call skipped,tests behind proxies that are not installed: $$missing)

# Debian starts a service when it is installed, with ports open to the network, unless policy-rc.d forbids it. The PostgreSQL
# package creates a cluster unless createcluster.conf forbids it.
NO_SERVICES = /usr/sbin/policy-rc.d
deps: ## install the programs that the tests use (Debian; needs root)
	@[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo 'make deps needs root on Debian'; exit 1; }
	@packages=$(MISSING); \
	$(HAVE_NODE) || packages="$$packages nodejs npm"; \
	{ $(HAVE_POSTGRES); } || packages="$$packages postgresql"; \
	{ $(HAVE_NATS); } || packages="$$packages nats-server"; \
	{ $(HAVE_VENV); } || packages="$$packages python3-venv"; \
	{ $(HAVE_IP); } || packages="$$packages iproute2"; \
	{ $(HAVE_CHROMIUM); } || packages="$$packages chromium"; \
	{ $(HAVE_FIREFOX); } || packages="$$packages firefox-esr"; \
	{ $(HAVE_WEBKIT); } || packages="$$packages webkit2gtk-driver xvfb"; \
	[ -n "$$packages" ] || exit 0; \
	mkdir -p /etc/postgresql-common; \
	[ -e /etc/postgresql-common/createcluster.conf ] || \
	  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf; \
	[ -e $(NO_SERVICES) ] || { trap 'rm -f $(NO_SERVICES)' EXIT; printf '#!/bin/sh\nexit 101\n' >$(NO_SERVICES); chmod +x $(NO_SERVICES); }; \
	echo "installing" $$packages; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	  -o Dpkg::Options::=--force-confold $$packages >/dev/null

release: $(PACKAGES) ## all files of a release, in dist
	deploy/release.sh

proxies: $(PACKAGES) $(NITRO) ## try the server behind every proxy, and write the table in docs/run/proxies.md
	PATHSYNC_WRITE_DOCS=1 $(GO) test -count=1 -timeout 5m ./tests/proxies

reference: ## write the parts of docs/reference that are what the program says
	PATHSYNC_WRITE_DOCS=1 $(GO) test -count=1 -run 'Reference|ProtocolLimits' ./cmd/pathsync ./metrics ./tests/docs

# Microsoft's own server, in Docker, unless PATHSYNC_TEST_SQLSERVER names one. The password is the one in compose.yaml.
test-sqlserver: ## the tests that need SQL Server
	@[ -n "$$PATHSYNC_TEST_SQLSERVER" ] || docker compose up --detach --wait sqlserver
	PATHSYNC_TEST_SQLSERVER="$${PATHSYNC_TEST_SQLSERVER:-sqlserver://sa:Only-for-tests-1@127.0.0.1:14330?database=master&TrustServerCertificate=true}" \
	  sh -c '$(GO) test -race -count=1 -timeout 30m ./sqlstore/... ./tests/e2e && $(GO) test -count=1 -run "Delay|NoLonger" ./sqlstore'

lint: $(PACKAGES) $(LINTERS) ## golangci-lint for Go, Biome for TypeScript, Redocly and Spectral for openapi.yaml
	$(LINT) run $(GO_PACKAGES)
	@$(HAVE_NODE) || echo 'SKIPPED Biome, Redocly and Spectral: Node 20.19 or newer is not installed'
	@$(NEED_NODE) npm run -s --prefix js-client lint
	@$(NEED_NODE) npm run -s --prefix tests/lint lint

FUZZTIME ?= 1m
fuzz: ## each fuzz target for FUZZTIME
	@$(GO) list $(GO_PACKAGES) | while read -r pkg; do \
	  for target in $$($(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
	  done; \
	done

BATCHES ?= 1000000
SEED ?= 0
sim: ## simulate several servers with faults for BATCHES, from SEED on; make test does it for fewer
	PATHSYNC_SIM_BATCHES=$(BATCHES) PATHSYNC_SIM_SEED=$(SEED) $(GO) test -count=1 -timeout 240h -run TestServersWithFaults -v ./tests/sim

SECONDS ?= 600
cluster-test: ## real servers, database and balancer in network namespaces, with faults for SECONDS; make test does it for 12
	PATHSYNC_CLUSTER_SECONDS=$(SECONDS) $(GO) test -race -count=1 -timeout 240h -v ./tests/cluster

mutants: ## plant faults one at a time, and print which tests find them
	$(GO) run ./tests/mutants

CRASHES ?= 200
crash: ## kill the server CRASHES times under load, on every database at hand; make test does it a few times
	PATHSYNC_CRASHES=$(CRASHES) $(GO) test -race -count=1 -timeout 4h -run TestCrash -v ./tests/e2e

TERMINATIONS ?= 200
terminations: ## end the server TERMINATIONS times under load, on every database at hand; make test does it a few times
	PATHSYNC_TERMINATIONS=$(TERMINATIONS) $(GO) test -count=1 -timeout 60m -run SIGTERMUnderLoadWithCut -v ./tests/e2e

FORK ?= 10m
fork-test: ## two servers on one database that prune their log, for FORK; make test does it for seconds
	PATHSYNC_TEST_FORK=$(FORK) $(GO) test -race -count=1 -timeout 60m -run TestTwoServersNeverForkAPrunedLog -v ./sqlstore

STREAMS ?= 20000
soak: ## open and close STREAMS streams in every way; make test does it for fewer
	PATHSYNC_SOAK_STREAMS=$(STREAMS) $(GO) test -count=1 -timeout 30m -run ClosedStreamsReleaseTheirResources -v ./tests/e2e

# Pebble is the test server of Let's Encrypt. It runs on this machine, without requests to the network.
acme: ## a certificate from an ACME server that validates the name; needs the network once
	GOBIN=$(CURDIR)/bin $(GO) install github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1
	PATHSYNC_TEST_PEBBLE=$(CURDIR)/bin/pebble $(GO) test -race -count=1 -run ACME -v ./tests/e2e

RESTARTS ?= 20
restarts: ## replace the server RESTARTS times under 300 clients; make test does it for fewer
	PATHSYNC_RESTART_CLIENTS=300 PATHSYNC_RESTARTS=$(RESTARTS) $(GO) test -count=1 -timeout 30m -run ReplaceEachOther -v ./tests/e2e

# The server on core 0, and the attacking clients on core 1, as in `make load`.
attack: ## clients that use as much of the server's memory as they can, at full size; make test does it smaller
	PATHSYNC_ATTACK=long $$(command -v taskset >/dev/null && echo taskset -c 1) $(GO) test -count=1 -timeout 15m -v ./tests/attack

check-deps: ## known vulnerabilities of the dependencies; needs the network
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...
	cd js-client && npm audit --omit=dev

OUTAGE ?= 30s
outage: ## an outage of the database under load for OUTAGE; make test does it for a few seconds
	PATHSYNC_TEST_OUTAGE=$(OUTAGE) $(GO) test -race -count=1 -timeout 30m -run Outage -v ./sqlstore

SLOW ?= 1m
slow-database: ## large batches over slow links for SLOW each; make test does it once
	PATHSYNC_TEST_SLOW=$(SLOW) $(GO) test -count=1 -timeout 60m -run SlowLink -v ./sqlstore

bench-databases: ## a table of every database at hand
	$(GO) test -run '^$$' -bench '^BenchmarkDatabases$$' ./sqlstore

bench: ## the benchmarks in the tree
	$(GO) test -run '^$$' -bench . -benchmem $(GO_PACKAGES)

load: ## the figures in docs/about/performance.md: server on core 0, load on core 1
	$(GO) run ./tests/load all

load-cluster: ## the figures of several servers, on the empty PostgreSQL database that PATHSYNC_TEST_POSTGRES names
	$(GO) run ./tests/load -database "$$PATHSYNC_TEST_POSTGRES" cluster

clean:
	rm -rf bin dist
