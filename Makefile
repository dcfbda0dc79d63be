# One environment in .venv, made by conf/setup/setup.sh whenever the lock or the script changes.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
READY := .venv/.ready
DEMO_ROOT ?= ./data/demo
EQUITIES_ROOT ?= ./data/demo-equities
DEMO_SESSIONS ?= 60
DEMO_START ?= 2025-10-01

##@ Start here
.PHONY: help
help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-zA-Z_-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## virtual environment, locked packages, Java, Delta JARs

$(READY): conf/requirements.lock pyproject.toml $(wildcard conf/setup/*)
	bash conf/setup/setup.sh .venv
	touch $(READY)

.PHONY: demo
demo: $(READY) ## simulate 60 light sessions and build the whole lake from them in ./data/demo
	$(PYTHON) -m spymaster_lake.cli demo --instrument es --pipeline-version 4.5.0 --data-root $(DEMO_ROOT) --start $(DEMO_START) --sessions $(DEMO_SESSIONS)

.PHONY: demo-equities
demo-equities: $(READY) ## the same for a share with options, from trades and quotes, in ./data/demo-equities
	$(PYTHON) -m spymaster_lake.cli demo --instrument tsla --pipeline-version 1.0.0 --data-root $(EQUITIES_ROOT) --start $(DEMO_START) --sessions $(DEMO_SESSIONS)

##@ Check
.PHONY: test
test: $(READY) ## everything that CI runs: linters, types, layers, all tests
	$(MAKE) --no-print-directory lint
	$(PYTHON) -m pytest -q

.PHONY: test-fast
test-fast: $(READY) ## tests that need no Spark
	$(PYTHON) -m pytest -q -m "not spark and not cluster"

.PHONY: lint
lint: $(READY) ## ruff, mypy, import-linter, deptry
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/deptry spymaster_lake

.PHONY: bench
bench: $(READY) ## measure speed and memory; prints a table, writes build/bench.json
	$(PYTHON) -m tests.bench

##@ Maintain
.PHONY: dictionary
dictionary: $(READY) ## write docs/data_dictionary.md from the contracts
	$(PYTHON) -m spymaster_lake.contracts.dictionary > docs/data_dictionary.md

.PHONY: lock
lock: $(READY) ## pin all packages with hashes in conf/requirements.lock
	.venv/bin/python -m pip install -q uv
	.venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --extra local --extra sequence --extra dev \
	  --generate-hashes --no-header --no-annotate -q -o conf/requirements.lock

.PHONY: clean
clean: ## remove the demo lake and build products, keep the environment
	rm -rf data/demo data/demo-equities build
