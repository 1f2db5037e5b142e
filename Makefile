# make            build bin/ecmpd
# make demo       the two-hub network, its problem and the cure (root; flags in ARGS)
# make test       everything: lint, unit, kernel and interoperation tests (root)
# make help       all targets

GO       ?= go
VERSION  ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),devel)
PREFIX   ?= /usr/local
FUZZTIME ?= 20s
BENCH    ?= .
CASES    ?=
ARGS     ?=

# Under sudo, Go is often installed and not in the PATH.
export PATH := $(PATH):/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin
export GO

.DEFAULT_GOAL := build
.PHONY: build demo test lint unit integration bench microbench fuzz install clean help

build: ## build bin/ecmpd, static
	CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ecmpd ./cmd/ecmpd

demo: ## build and run the demo; needs root (ARGS=--keep leaves it running)
	@scripts/deps demo
	@$(MAKE) --no-print-directory build
	bin/ecmpd demo $(ARGS)

test: ## everything; needs root, installs FRR, BIRD and tools when missing
	@scripts/deps test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory integration

lint: ## gofmt, go vet, staticcheck
	@bad=$$(gofmt -l .) && if [ -n "$$bad" ]; then echo "gofmt differs:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# Outside of integration/, every test has namespaces of its own.
unit: ## tests of all packages, with the race detector
	CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 10m $$($(GO) list ./... | grep -v '/integration')

# The packages one after the other, for these measure time and load; the scenarios
# of one wait for protocols most of the time.
integration: build ## scenarios with FRR and BIRD in network namespaces
	CGO_ENABLED=1 $(GO) test -race -count=1 -p 1 -parallel 4 -timeout 40m ./integration/...

bench: ## ecmpd, FRR and BIRD side by side; needs root (CASES=stub,externals; CASES=list)
	@scripts/deps bench
	@$(MAKE) --no-print-directory build
	@mkdir -p bin && $(GO) build -buildvcs=false -o bin/bench ./integration/bench
	@bin/bench -ecmpd bin/ecmpd -version '$(VERSION)' -docs docs -cases '$(CASES)' $(ARGS)

microbench: ## benchmarks of the parts; BENCH chooses by regular expression
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -p 1 -timeout 30m $$($(GO) list ./... | grep -v '/integration')

fuzz: ## every fuzz target for FUZZTIME
	scripts/fuzz $(FUZZTIME)

install: build ## into DESTDIR/PREFIX/sbin, with a systemd unit
	install -D -m 755 bin/ecmpd $(DESTDIR)$(PREFIX)/sbin/ecmpd
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@SBINDIR@|$(PREFIX)/sbin|' packaging/ecmpd.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/ecmpd.service

clean: ## remove what was built
	rm -rf bin

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14
