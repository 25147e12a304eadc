# `make test` is what every change must pass: the server's tests, which need Go and nothing else, and the client's, which
# need Node as well. What cannot be had here, such as a PostgreSQL server or a browser, is skipped, and that is said.

GO     ?= go
LINT   = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
PACKAGES = js-client/node_modules/.package-lock.json
NITRO    = js-client/examples/nuxt/node_modules/.package-lock.json

.PHONY: run build test test-go test-js postgres node chromium firefox webkit proxy-programs proxies test-sqlserver soak-js bench-js \
  lint fuzz crash terminations fork-test outage slow-database soak attack acme restarts check-deps bench bench-databases load clean

run: ## the server, on http://127.0.0.1:8080
	$(GO) run ./cmd/pathsync

build: ## one static binary, bin/pathsync
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/pathsync ./cmd/pathsync

test: ## every test of the server and of the client
	@$(MAKE) --no-print-directory $(PACKAGES) $(NITRO)
	@$(MAKE) --no-print-directory test-go
	@$(MAKE) --no-print-directory test-js

test-go: postgres proxy-programs ## the server's tests, with the race detector
	$(GO) vet ./...
	@[ -n "$$PATHSYNC_TEST_POSTGRES" ] || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
	  echo 'SKIPPED: the PostgreSQL tests, for want of a server (PATHSYNC_TEST_POSTGRES names one)'
	@[ -n "$$PATHSYNC_TEST_SQLSERVER" ] || \
	  echo 'SKIPPED: the SQL Server tests, for want of a server (PATHSYNC_TEST_SQLSERVER names one; make test-sqlserver starts one)'
	@[ -n "$$PATHSYNC_TEST_PEBBLE" ] || echo 'SKIPPED: the test with an ACME server (make acme gets one)'
	@[ -e $(PACKAGES) ] && [ -e $(NITRO) ] || \
	  echo 'SKIPPED: the tests behind Vite and Nitro, for want of their packages (make test installs them, where there is Node)'
	$(GO) test -race -timeout 20m $$($(GO) list ./... | grep -v /tests/proxies)
	@# By themselves: what has to come within a quarter of a second is late beside the others.
	$(GO) test -race -timeout 20m ./tests/proxies

test-js: $(PACKAGES) chromium firefox webkit ## the client's tests: types, units, size, many clients in Node, browsers, a Nuxt application
	@if $(HAVE_NODE); then cd js-client && npm run -s types && npm run -s build && npm run -s unit && npm run -s size \
	  && npm run -s e2e && npm run -s nuxt; \
	else echo 'SKIPPED: the tests of the client, for want of Node 20.19 or newer'; fi

SOAK ?= 10m
soak-js: $(PACKAGES) ## many clients against every kind of fault for SOAK; make test does it for seconds
	cd js-client && PATHSYNC_SOAK=$(SOAK) npm run -s e2e test/e2e/node

bench-js: $(PACKAGES) ## the client's benchmarks
	cd js-client && npm run -s bench

# npm writes this file last: it is as old as what is installed.
$(PACKAGES): js-client/package-lock.json | node
	@! $(HAVE_NODE) || { cd js-client && npm ci --loglevel=error --no-audit --no-fund && touch ../$@; }

$(NITRO): js-client/examples/nuxt/package-lock.json | node
	@! $(HAVE_NODE) || { cd $(@D)/.. && npm ci --ignore-scripts --loglevel=error --no-audit --no-fund && touch node_modules/$(@F); }

# The browser and Node come from Debian's packages as PostgreSQL does, where that may be done and there is none.
HAVE_NODE = node -e 'process.exit(process.versions.node.localeCompare("20.19", "en", { numeric: true }) < 0 ? 1 : 0)' 2>/dev/null
node:
	@command -v node >/dev/null || $(call install,nodejs npm)

HAVE_CHROMIUM = { [ -n "$$CHROMIUM_PATH" ] || command -v chromium chromium-browser google-chrome >/dev/null; }
chromium:
	@$(HAVE_CHROMIUM) || $(call install,chromium)
	@$(HAVE_CHROMIUM) || echo 'SKIPPED: the tests in a browser, for want of Chromium (CHROMIUM_PATH names one)'

HAVE_FIREFOX = { [ -n "$$FIREFOX_PATH" ] || command -v firefox-esr firefox >/dev/null; }
firefox:
	@$(HAVE_FIREFOX) || $(call install,firefox-esr)
	@$(HAVE_FIREFOX) || echo 'SKIPPED: the tests in Firefox: not installed (FIREFOX_PATH names one)'

# WebKit has no window of its own to hide: Xvfb is its screen.
HAVE_WEBKIT = { command -v WebKitWebDriver && command -v Xvfb; } >/dev/null
webkit:
	@$(HAVE_WEBKIT) || $(call install,webkit2gtk-driver xvfb)
	@$(HAVE_WEBKIT) || echo 'SKIPPED: the tests in WebKit: WebKitWebDriver or Xvfb is not installed'

# The tests start a PostgreSQL server of their own from Debian's package, which is installed here where that may be done.
# Without one they say that they are skipped.
postgres:
	@if [ -z "$$PATHSYNC_TEST_POSTGRES" ] && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 \
	  && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  mkdir -p /etc/postgresql-common; \
	  [ -e /etc/postgresql-common/createcluster.conf ] || \
	    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf; \
	  $(call install,postgresql); \
	fi

# The proxies that the tests put before the server, likewise. Debian starts a service as soon as it is installed, with ports
# that are open to the network, unless a file says that none may be started.
PROXIES = nginx haproxy apache2 varnish caddy
NO_SERVICES = /usr/sbin/policy-rc.d
MISSING = missing=$$(PATH="$$PATH:/usr/sbin"; for name in $(PROXIES); do \
  command -v $$name >/dev/null || command -v $${name}d >/dev/null || echo $$name; done); [ -z "$$missing" ]
proxy-programs:
	@$(MISSING) || [ "$$(id -u)" != 0 ] || { \
	  [ -e $(NO_SERVICES) ] || { trap 'rm -f $(NO_SERVICES)' EXIT; \
	    printf '#!/bin/sh\nexit 101\n' >$(NO_SERVICES); chmod +x $(NO_SERVICES); }; \
	  $(call install,$$missing); }
	@$(MISSING) || echo "SKIPPED: the tests behind these proxies, for want of the programs:" $$missing

proxies: proxy-programs $(PACKAGES) $(NITRO) ## try the server behind every proxy, and write the table in docs/proxies.md
	PATHSYNC_WRITE_DOCS=1 $(GO) test -count=1 -timeout 5m ./tests/proxies

# install puts Debian packages on this machine, where that may be done, and says so when it fails.
install = { [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { apt-get update -qq && \
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold $(1); \
  } >/dev/null 2>&1 || echo "$(1) could not be installed"; }

# Microsoft's own server, in Docker, unless PATHSYNC_TEST_SQLSERVER names one. The password is the one in compose.yaml.
test-sqlserver: ## the tests that need SQL Server
	@[ -n "$$PATHSYNC_TEST_SQLSERVER" ] || docker compose up --detach --wait sqlserver
	PATHSYNC_TEST_SQLSERVER="$${PATHSYNC_TEST_SQLSERVER:-sqlserver://sa:Only-for-tests-1@127.0.0.1:14330?database=master&TrustServerCertificate=true}" \
	  $(GO) test -race -count=1 -timeout 30m ./sqlstore/... ./tests/e2e

lint: ## golangci-lint, with the configuration in .golangci.yml
	$(LINT) run ./...

FUZZTIME ?= 1m
fuzz: ## each fuzz target for FUZZTIME
	@$(GO) list ./... | while read -r pkg; do \
	  for target in $$($(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
	  done; \
	done

CRASHES ?= 200
crash: postgres ## kill the server CRASHES times under load, on every database at hand; make test does it a few times
	PATHSYNC_CRASHES=$(CRASHES) $(GO) test -race -count=1 -timeout 4h -run TestCrash -v ./tests/e2e

TERMINATIONS ?= 200
terminations: ## end the server TERMINATIONS times under load, on every database at hand; make test does it a few times
	PATHSYNC_TERMINATIONS=$(TERMINATIONS) $(GO) test -count=1 -timeout 60m -run SIGTERMUnderLoadWithCut -v ./tests/e2e

FORK ?= 10m
fork-test: postgres ## two servers on one database that prune their log, for FORK; make test does it for seconds
	PATHSYNC_TEST_FORK=$(FORK) $(GO) test -race -count=1 -timeout 60m -run TestTwoServersNeverForkAPrunedLog -v ./sqlstore

STREAMS ?= 20000
soak: ## open and close STREAMS streams in every way; make test does it for fewer
	PATHSYNC_SOAK_STREAMS=$(STREAMS) $(GO) test -count=1 -timeout 30m -run LeaveNothingBehind -v ./tests/e2e

# Pebble is Let's Encrypt's own server for tests. It runs on this machine, and asks nobody.
acme: ## a certificate from an ACME server that really looks at the name; needs the network once
	GOBIN=$(CURDIR)/bin $(GO) install github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1
	PATHSYNC_TEST_PEBBLE=$(CURDIR)/bin/pebble $(GO) test -race -count=1 -run ACME -v ./tests/e2e

RESTARTS ?= 20
restarts: ## replace the server RESTARTS times under 300 clients; make test does it for fewer
	PATHSYNC_RESTART_CLIENTS=300 PATHSYNC_RESTARTS=$(RESTARTS) $(GO) test -count=1 -timeout 30m -run ReplaceEachOther -v ./tests/e2e

# The server on core 0, and those who attack it on core 1, as in `make load`.
attack: ## take as much of the server's memory as its clients can, at full size; make test does it smaller
	PATHSYNC_ATTACK=long $$(command -v taskset >/dev/null && echo taskset -c 1) $(GO) test -count=1 -timeout 15m -v ./tests/attack

check-deps: ## known vulnerabilities in what is used; needs the network
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...
	cd js-client && npm audit --omit=dev

OUTAGE ?= 30s
outage: postgres ## take the database away under load for OUTAGE; make test does it for a few seconds
	PATHSYNC_TEST_OUTAGE=$(OUTAGE) $(GO) test -race -count=1 -timeout 30m -run Outage -v ./sqlstore

SLOW ?= 1m
slow-database: postgres ## large batches over slow links for SLOW each; make test does it once
	PATHSYNC_TEST_SLOW=$(SLOW) $(GO) test -count=1 -timeout 60m -run SlowLink -v ./sqlstore

bench-databases: postgres ## a table of every database at hand
	$(GO) test -run '^$$' -bench '^BenchmarkDatabases$$' ./sqlstore

bench: ## the benchmarks in the tree
	$(GO) test -run '^$$' -bench . -benchmem ./...

load: ## the figures in README.md: server on core 0, load on core 1
	$(GO) run ./tests/load all

clean:
	rm -rf bin
