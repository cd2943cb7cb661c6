# Everything a target needs it installs into this folder; nothing is left in HOME but the caches of Go, npm and Maven.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GOLANGCI_LINT := v2.15.0
# The benchmark's peers are a module of their own, so that what they bring never enters ours.
PEERS := test/bench/peers
# Packages without jsii, whose Close the race detector trips over.
RACE := ./tierspec/... ./internal/... ./worker/... ./stacks/config/... ./constructs/scaling/... ./test/localec2/... ./test/chaos/oracle/...

# A package takes a minute on two quiet processors, and go test's own ten minutes are too few where others use them. Many packages wait
# more than they compute: one more than there are processors runs at once.
TESTING := -timeout 60m -p $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export JSII_DEPRECATED := quiet
export NODE_NO_WARNINGS := 1

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: tools ## Deploy the whole tier on a local AWS and show that jobs survive (KEEP=1 leaves it running, PORT=4566, INSTANCES=machines)
	@go run ./test/demo

.PHONY: demo-stop
demo-stop: ## Stop what `make demo KEEP=1` left running
	@go run ./test/demo stop

.PHONY: test
test: tools test/bench/node_modules/installed ## Run the unit, synth and local-AWS tests
	go vet -C $(PEERS) ./...
	go test -C $(PEERS) ./...
	go vet ./...
	go test $(TESTING) ./...

.PHONY: test-repeat
test-repeat: tools test/bench/node_modules/installed ## Run the same tests again and again, none of them from the cache, up to the first run that fails (TIMES=10)
	@mkdir -p .build
	@for run in $$(seq $(or $(TIMES),10)); do \
		start=$$SECONDS; \
		go test $(TESTING) -count=1 ./... >.build/test-repeat.log 2>&1 || { cat .build/test-repeat.log; echo "test-repeat: run $$run of $(or $(TIMES),10) failed after $$((SECONDS - start)) s" >&2; exit 1; }; \
		echo "test-repeat: run $$run of $(or $(TIMES),10) passed in $$((SECONDS - start)) s"; \
	done

# The program is run directly: what stands between it and a signal could end without it.
.PHONY: test-aws
test-aws: tools ## Show on AWS what only AWS can show, in your own sandbox account (ACCOUNT=, REGION=, MAX_DOLLARS=5, CHEF_PACKAGE_URL= and CHEF_PACKAGE_SHA256=, or AMI=)
	@go build -o .build/test-aws/sandbox ./test/sandbox
	@exec .build/test-aws/sandbox

.PHONY: test-aws-clean
test-aws-clean: go-there ## Remove what a run of test-aws left that was killed (ACCOUNT=, REGION=)
	@go build -o .build/test-aws/sandbox ./test/sandbox
	@exec .build/test-aws/sandbox clean

.PHONY: test-aws-local
test-aws-local: tools ## Take the steps of test-aws on a local AWS, as far as they go there
	@go build -o .build/test-aws/sandbox ./test/sandbox
	@exec .build/test-aws/sandbox -local

.PHONY: test-endpoints
test-endpoints: tools .tools/endpoints/installed ## Run the cases of store and queue on DynamoDB Local and ElasticMQ, too (needs Linux, Java, Maven)
	@command -v java >/dev/null || { echo "java is not on the PATH: install a Java runtime, 17 or later, then run this again" >&2; exit 1; }
	@test/endpoints/alone.sh true || { echo "no network namespace: this needs Linux with unshare (util-linux), ip (iproute2) and the right to make user namespaces" >&2; exit 1; }
	ENDPOINTS_JARS=$(CURDIR)/.tools/endpoints go test -count=1 -tags endpoints -exec $(CURDIR)/test/endpoints/alone.sh ./worker/internal/store ./worker/internal/queue

.PHONY: test-readers
test-readers: tools .tools/bin/promtool ## Have promtool, NRPE, negate and the monitoring plugins' Perl library read what a worker shows (needs Debian, root)
	@test/packages.sh readers
	@[ "$$(id -u)" = 0 ] || { echo "NRPE runs as a user of its own: run this as root" >&2; exit 1; }
	go test -count=1 -tags readers -run '^TestReader' ./test/worker ./worker/internal/nagios

.PHONY: packages
packages: ## Install the Debian packages that machines and the Chef client need (as root), or say which
	@test/packages.sh machines

# While the base image is built and boots, which is mostly waiting, the gems are compiled and the scripts tried. The machines of the last
# step are measured: they have the processors to themselves.
.PHONY: bootstrap-test
bootstrap-test: packages tools ## Boot real machines that run user-data and Chef to serving jobs, end them, make boots fail; the scripts by themselves, and Chef on a Chef server (needs Linux, root)
	@$(MAKE) -j2 --output-sync=target test-scripts test-machines
	@go build -o .build/bin/machines ./test/machines
	@exec .build/bin/machines

.PHONY: test-scripts
test-scripts: .tools/chef/installed
	CHEF_TOOLS=$(CURDIR)/.tools/chef go test -count=1 -tags bootstraptest ./bootstrap/...

.PHONY: test-machines
test-machines:
	go test -count=1 -tags bootstraptest -run 'Machine|PowerCut|Reboot' ./test/localec2

.PHONY: cookbook-test
cookbook-test: .tools/chef/installed ## Check the cookbook: ChefSpec, cookstyle, its units by systemd-analyze (needs Linux, systemd, Ruby, a C compiler)
	@command -v systemd-analyze >/dev/null || { echo "systemd-analyze is not on the PATH: this needs Linux with systemd 250 or later" >&2; exit 1; }
	cd bootstrap/cookbooks && $(CHEF)/bin/cookstyle .
	cd bootstrap/cookbooks && $(CHEF)/bin/rspec spec
	go run ./test/licences -gems $(CHEF)

.PHONY: cgroup-test
cgroup-test: go-there ## Run the tests of slots in delegated cgroups, under a kernel of their own (needs Linux, user-mode-linux)
	test/cgroup/run.sh ./worker/internal/slot ./worker/internal/supervisor

.PHONY: race
race: tools ## Run the tests of everything without jsii under the race detector (needs a C compiler)
	go test -race $(RACE)

.PHONY: sim
sim: go-there ## Simulate the runtime under faults, seed by seed (SEEDS=2000, FROM=1 or random)
	go run ./worker/internal/sim/cmd -seeds $(or $(SEEDS),2000) -first $(or $(FROM),1)

.PHONY: sim-random
sim-random: ## Simulate seeds that no run has played before (SEEDS=1000)
	@$(MAKE) sim SEEDS=$(or $(SEEDS),1000) FROM=random

.PHONY: releases
releases: tools ## Run this release and the one before side by side on one table and queue (needs the git history)
	go test -count=1 -tags releases -v ./test/releases

.PHONY: fuzz
fuzz: go-there ## Fuzz every target for a while, one after the other (FUZZTIME=10s)
	go run ./test/fuzz -time $(or $(FUZZTIME),10s)

.PHONY: trials
trials: tools ## Try on real workers what once did harm: sick instances, hostile senders, stuck logs, wrong clocks (ONLY=text, JSON=1)
	@go run ./test/trials -only "$(ONLY)" $(if $(JSON),-json)

.PHONY: live
live: tools ## Take a deployed tier through the changes of its life while jobs run: what each rolls, and what the diff had said (ONLY=zones,network, JSON=1)
	@go run ./test/live -only "$(ONLY)" $(if $(JSON),-json)

.PHONY: chaos
chaos: tools ## Kill, freeze and drain real workers, disturb their traffic, restart the endpoint (KILLS=30, SEED=, JSON=1)
	@go run ./test/chaos -kills $(or $(KILLS),30) -seed $(or $(SEED),0) $(if $(JSON),-json)

.PHONY: policy
policy: tools .tools/policy/installed ## Hold all templates against cdk-nag, cfn-lint, checkov and parliament, and run a worker under its deployed role where IAM is enforced
	@go run ./test/policy

.PHONY: stable
stable: tools ## Synthesise every environment in two folders and compare all bytes; add a content type
	@go run ./test/stable

.PHONY: lint
lint: .tools/bin/golangci-lint-$(GOLANGCI_LINT) .venv/installed .tools/policy/installed ## Run the linters, and refuse licences that are not accepted
	go run ./test/licences
	$< run ./...
	cd $(PEERS) && $(CURDIR)/$< run ./...

.PHONY: check
check: lint race sim sim-random cookbook-test test-endpoints test-readers releases policy stable test-aws-local demo trials live chaos bootstrap-test test ## Run what CI runs

.PHONY: synth
synth: tools ## Write the templates of an environment to cdk.out (ENV=local)
	node_modules/.bin/cdk synth --quiet --context env=$(or $(ENV),local)

.PHONY: bench-synth
bench-synth: tools test/bench/node_modules/installed ## Time synth against the same resources in plain JavaScript CDK, side by side
	go run ./test/bench/synth

.PHONY: bench
bench: tools ## Measure the worker beside gocloud.dev/pubsub and machinery on a local AWS (ONLY=short,long)
	@mkdir -p .build/bench
	go build -o .build/bench/ ./test/bench/worker
	go build -C $(PEERS) -o $(CURDIR)/.build/bench/ ./bench ./gocloud ./machinery
	@.build/bench/bench -only "$(ONLY)"

.PHONY: update
update: tools ## Rewrite the golden templates, the JSON Schema of the config, the tables of docs/scaling.md and the bundle's notices; review the diff
	go test ./stacks ./stacks/config ./constructs/scaling ./test/licences -update

.PHONY: tools
tools: go-there .venv/installed node_modules/installed ## Install the CDK CLI and the local AWS into the project

.PHONY: go-there
go-there:
	@command -v go >/dev/null || { echo "Go is not on the PATH: install Go 1.26 or later, then run this again" >&2; exit 1; }

.venv/installed: requirements.txt
.tools/policy/installed: test/policy/requirements.txt
.venv/installed .tools/policy/installed:
	@command -v python3 >/dev/null || { echo "python3 is not on the PATH: install Python 3.11 or later, then run this again" >&2; exit 1; }
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

node_modules/installed: package-lock.json
	@command -v npm >/dev/null || { echo "Node.js is not on the PATH: install Node.js 20 or later (with npm), then run this again" >&2; exit 1; }
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

test/bench/node_modules/installed: test/bench/package-lock.json | node_modules/installed
	npm ci --prefix test/bench --no-audit --no-fund --loglevel=error
	@touch $@

.tools/bin/golangci-lint-$(GOLANGCI_LINT): | go-there
	GOBIN=$(CURDIR)/.tools/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	@mv .tools/bin/golangci-lint $@

# The gems come from the folder that CHEF_GEMS names, if it is set.
cookbook-test: export GEM_HOME = $(CHEF)
cookbook-test: export GEM_PATH = $(CHEF)
CHEF := $(CURDIR)/.tools/chef

.tools/chef/installed: bootstrap/image/gems.txt bootstrap/image/install-gems.sh
	rm -rf $(@D)
	bootstrap/image/install-gems.sh $(@D)
	@touch $@

.tools/endpoints/installed: test/endpoints/pom.xml
	@command -v mvn >/dev/null || { echo "mvn is not on the PATH: install Maven 3.8 or later (with a Java runtime), then run this again" >&2; exit 1; }
	rm -rf $(@D)
	mvn --quiet --batch-mode --file $< dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/$(@D)
	@touch $@

# Out of Debian's package, without the service that installing it would start.
.tools/bin/promtool:
	@mkdir -p .tools/bin .tools/prometheus
	@cd .tools/prometheus && { apt-get download --quiet=2 prometheus || { apt-get update --quiet=2 && apt-get download --quiet=2 prometheus; }; } && \
		dpkg-deb --extract prometheus_*.deb . || { echo "promtool cannot be downloaded: put Prometheus' promtool at $@, then run this again" >&2; exit 1; }
	@mv .tools/prometheus/usr/bin/promtool $@ && rm -rf .tools/prometheus

.PHONY: clean
clean: ## Remove what the targets installed and wrote
	rm -rf .build .tools .venv node_modules cdk.out test/bench/node_modules
