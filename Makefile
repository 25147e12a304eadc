# Everything here needs Go and nothing else. `make test` is what every change must pass.

GO     ?= go
LINT   ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: run build test lint fuzz crash bench load clean

run: ## the server, on http://127.0.0.1:8080
	$(GO) run ./cmd/pathsync

build: ## one static binary, bin/pathsync
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/pathsync ./cmd/pathsync

test: ## every test, with the race detector
	$(GO) vet ./...
	$(GO) test -race -timeout 10m ./...

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

bench: ## the benchmarks in the tree
	$(GO) test -run '^$$' -bench . -benchmem ./...

load: ## the figures in README.md: server on core 0, load on core 1
	$(GO) run ./tests/load all

clean:
	rm -rf bin
