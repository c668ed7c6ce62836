SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Test processes; the suite is at home on two cores.
WORKERS ?= 2
# Where a wheel or a lock is stale is told by content, not by time: a fresh clone has no meaningful times.
STAMP := .venv/.installed-$(shell cat pyproject.toml requirements-dev.lock | cksum | tr -d ' ')
BIN := .venv/bin
OURS := idp federation keys admin_ui migrations tests examples bench

export PYTHON

.PHONY: help venv demo demo-reset test check lint format types bench docker messages lock clean

help:  ## this list
	@echo "Một Cửa. Everything sets itself up; nothing needs to be installed first but Python 3.11 and make."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP)  ## build .venv from the lock file

$(STAMP):
	@.ci/environment

demo: $(STAMP)  ## the provider and three portals on localhost, with an invented population
	@exec $(BIN)/python examples/demo.py

demo-reset: $(STAMP)  ## throw the demo's data away, so that the next `make demo` starts over
	@$(BIN)/python examples/demo.py reset

test: $(STAMP)  ## all tests, with browsers and both databases
	@.ci/system-packages
	@.ci/node-modules
	@# In the order of the folders: those with browsers and servers, whose files take longest, come first.
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(STAMP) lint types  ## lint, types, house tests and fast unit tests: under two minutes
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m "not slow and not browser and not postgres and not hsm" \
		tests/house tests/unit

lint: $(STAMP)  ## ruff: rules and format
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Run 'make format' and look at the result." >&2; exit 1; }

format: $(STAMP)  ## ruff: repair what can be repaired
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

types: $(STAMP)  ## mypy, strict
	@$(BIN)/mypy $(wildcard $(OURS))

bench: $(STAMP)  ## load the server and print our table beside the peers' figures
	@.ci/system-packages
	@$(BIN)/python bench/run.py

docker:  ## build the container image motcua
	@command -v docker >/dev/null || { echo "Docker is not installed: 'make docker' needs its command line." >&2; exit 1; }
	@docker build --tag motcua .

messages: $(STAMP)  ## bring the Vietnamese catalogue up to date with the pages' texts, compile it
	@$(BIN)/python -m idp.pages.catalogue

# Newest versions that have stood a week in public, with the digests of every platform's files and no address.
LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --exclude-newer "7 days" \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml

lock:  ## renew the lock files
	@[[ -x $(BIN)/uv ]] || .ci/environment
	@$(LOCK) --output-file requirements.lock
	@$(LOCK) --group dev --constraint requirements.lock --output-file requirements-dev.lock
	@sed -i.old '1i # Exact versions of everything the service runs on, with the digests of the published files. Written by `make lock`.' requirements.lock
	@sed -i.old '1i # requirements.lock and the tools of the tests, with the digests of the published files. Written by `make lock`.' requirements-dev.lock
	@rm -f requirements.lock.old requirements-dev.lock.old

clean:  ## remove everything that can be built again; the data in var/ stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
