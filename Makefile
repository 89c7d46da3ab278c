# The one entry point for people and for CI. `make help` lists what there is.
# Needs only Rust (https://rustup.rs) and, for the first run, apt: everything else is installed by
# deploy/local/install.sh, started privately under .switchboard/ and stopped again.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

.NOTPARALLEL:

# Tools we installed ourselves, then cargo: rustup puts it here, and a shell that was open before
# does not know it yet.
export PATH := $(CURDIR)/.switchboard/tools/bin:$(HOME)/.cargo/bin:$(PATH)
# Queries are checked against the committed descriptions in crates/db/.sqlx, never against a
# database that happens to run.
export SQLX_OFFLINE := true

TARGET_DIR := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
SWITCHBOARD := "$(TARGET_DIR)/debug/switchboard"
INSTALL := deploy/local/install.sh
# Handed to the command behind run, bench and test, e.g. make test ARGS='-E "package(sb-db)"'.
ARGS ?=

.PHONY: help
help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

.PHONY: run
run: ## Builds and starts everything here, with a simulated WhatsApp; prints where to click
	@$(INSTALL)
	cargo build --workspace
	@$(SWITCHBOARD) dev $(ARGS)

# Builds with clippy in the place of the compiler: it compiles as well as it lints, so that a test run goes over
# the code once. `cargo clippy` hands clippy its arguments in the same two variables.
LINTING := RUSTC_WORKSPACE_WRAPPER="$$(rustc --print sysroot)/bin/clippy-driver" \
	CLIPPY_ARGS='-Dwarnings__CLIPPY_HACKERY__'

.PHONY: test
test: check-formatting deny-if-installed ## Formatting, lints, build and all tests, on servers private to the run
	@$(INSTALL)
	$(LINTING) cargo build --workspace --all-targets
	@$(LINTING) $(SWITCHBOARD) servers -- $(MAKE) --no-print-directory run-tests

# Inside `switchboard servers`, which exports where PostgreSQL and NATS are.
.PHONY: run-tests
run-tests:
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --workspace $(ARGS); \
	else \
		echo 'cargo-nextest is not installed: using cargo test'; \
		cargo test --workspace --all-targets $(ARGS); \
	fi

.PHONY: build
build: ## Builds all services, tools and tests (one profile, so nothing is compiled twice)
	@$(INSTALL)
	cargo build --workspace --all-targets

.PHONY: fmt
fmt: ## Formats the code
	cargo fmt --all

.PHONY: lint
lint: check-formatting deny-if-installed ## Checks formatting and lints, without building
	@$(INSTALL)
	cargo clippy --workspace --all-targets -- -D warnings

.PHONY: check-formatting
check-formatting:
	cargo fmt --all --check

.PHONY: deny-if-installed
deny-if-installed:
	@! cargo deny --version >/dev/null 2>&1 || $(DENY)

# The bans alone are also checked by a guard test, from Cargo.lock.
DENY := cargo deny --log-level error check bans licenses sources
.PHONY: deny
deny: ## Checks licences, sources and banned crates; installs cargo-deny first (two minutes)
	@cargo deny --version >/dev/null 2>&1 || \
		cargo install cargo-deny@0.20.2 --locked --root .switchboard/tools
	$(DENY)

.PHONY: bench
bench: ## Measures what this machine does: webhooks/s, messages/s end to end, messages/s sent
	@$(INSTALL)
	cargo build --workspace
	$(SWITCHBOARD) bench ingest $(ARGS)
	$(SWITCHBOARD) bench pipeline $(ARGS)
	$(SWITCHBOARD) bench dispatch $(ARGS)

# What is derived from the code and committed all the same, so that it is reviewed.
GENERATED := crates/db/.sqlx crates/config/SETTINGS.md services/gateway/openapi.json
.PHONY: generate
generate: ## Writes again what is generated and committed: query descriptions, OpenAPI, settings table
	@$(INSTALL)
	cargo build --workspace --example with_postgres
	"$(TARGET_DIR)/debug/examples/with_postgres" deploy/local/describe-queries.sh
	cargo build --workspace --bins
	"$(TARGET_DIR)/debug/gateway" print-openapi > .switchboard/openapi.json
	mv .switchboard/openapi.json services/gateway/openapi.json
	printf '%s\n' "$$($(SWITCHBOARD) settings)" > .switchboard/SETTINGS.md
	mv .switchboard/SETTINGS.md crates/config/SETTINGS.md

.PHONY: check-generated
check-generated: generate ## Fails if what is committed is not what would be generated
	@changed=$$(git status --porcelain -- $(GENERATED)); \
		[ -z "$$changed" ] || { echo "not committed as generated:"; echo "$$changed"; exit 1; } >&2

.PHONY: doc
doc: ## Builds the documentation of our crates into target/doc; a broken link fails
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps

.PHONY: image
image: ## Builds the container image of one service: make image SERVICE=gateway
	@test -n '$(SERVICE)' || { echo 'which one? make image SERVICE=<folder of services/>' >&2; exit 2; }
	docker build --file deploy/Dockerfile --build-arg SERVICE='$(SERVICE)' --tag 'switchboard/$(SERVICE):dev' .

.PHONY: chart
chart: ## Renders the Helm chart and checks the result against the Kubernetes schemas
	k8s/validate.sh

.PHONY: clean-local
clean-local: ## Removes the data of make run; keeps what install.sh fetched
	@for lock in .switchboard/*/lock .switchboard/*/*/lock; do \
		[ ! -e "$$lock" ] || flock --nonblock "$$lock" true || \
			{ echo "$${lock%/lock} is in use: end make run first" >&2; exit 1; }; \
	done
	@[ ! -d .switchboard ] || \
		find .switchboard -mindepth 1 -maxdepth 1 ! -name bin ! -name tools -exec rm -rf {} +
