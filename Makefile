# Everything here needs Go and nothing else; `make test` also runs against a PostgreSQL server, if there is one to be had.
# It is what every change must pass.

GO     ?= go
LINT   = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: run build test postgres test-sqlserver lint fuzz crash outage bench bench-databases load clean

run: ## the server, on http://127.0.0.1:8080
	$(GO) run ./cmd/pathsync

build: ## one static binary, bin/pathsync
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/pathsync ./cmd/pathsync

test: postgres ## every test, with the race detector
	$(GO) vet ./...
	@[ -n "$$PATHSYNC_TEST_POSTGRES" ] || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
	  echo 'SKIPPED: the PostgreSQL tests, for want of a server (PATHSYNC_TEST_POSTGRES names one)'
	@[ -n "$$PATHSYNC_TEST_SQLSERVER" ] || \
	  echo 'SKIPPED: the SQL Server tests, for want of a server (PATHSYNC_TEST_SQLSERVER names one; make test-sqlserver starts one)'
	$(GO) test -race -timeout 10m ./...

# The tests start a PostgreSQL server of their own from Debian's package, which is installed here where that may be done.
# Without one they say that they are skipped.
postgres:
	@if [ -z "$$PATHSYNC_TEST_POSTGRES" ] && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 \
	  && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  mkdir -p /etc/postgresql-common; \
	  [ -e /etc/postgresql-common/createcluster.conf ] || \
	    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	    -o Dpkg::Options::=--force-confold postgresql; } >/dev/null 2>&1 \
	  || echo 'PostgreSQL could not be installed'; \
	fi

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
crash: ## kill the server CRASHES times under load (make test does it 20 times)
	PATHSYNC_CRASHES=$(CRASHES) $(GO) test -race -count=1 -timeout 60m -run TestCrash -v ./tests/e2e

OUTAGE ?= 30s
outage: postgres ## take the database away under load for OUTAGE; make test does it for a few seconds
	PATHSYNC_TEST_OUTAGE=$(OUTAGE) $(GO) test -race -count=1 -timeout 30m -run Outage -v ./sqlstore

bench-databases: postgres ## a table of every database at hand
	$(GO) test -run '^$$' -bench '^BenchmarkDatabases$$' ./sqlstore

bench: ## the benchmarks in the tree
	$(GO) test -run '^$$' -bench . -benchmem ./...

load: ## the figures in README.md: server on core 0, load on core 1
	$(GO) run ./tests/load all

clean:
	rm -rf bin
