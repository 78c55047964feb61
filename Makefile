# Every task of the project; CI runs targets of this file and nothing else.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The first interpreter of 3.11 or newer; override with PYTHON=…
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
BENCH := build/bench-venv
MIN := build/min-venv
CONFORMANCE := build/conformance-venv
CONFORMANCE_NODE := build/conformance-node
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install -c constraints.txt
# Published specifications to compare with, where they are at hand; nothing of them is part of the project.
UPSTREAM_DIR ?= ../shared/upstream
ARGS ?=

.PHONY: help setup demo example-fastapi example-django example-flask test test-min cov check fmt fmt-check lint types layers generate check-generated spec-diff check-spec \
	docs check-wheel conformance bench build clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(VENV)/.core: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it or say make PYTHON=/path/to/python"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) hatchling editables
	@$(PIP) --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core requirements-dev.txt
	@echo "Installing the development tools …"
	@$(PIP) -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.dev  ## Make the virtual environment with everything that development needs

demo: $(VENV)/.core  ## Show the main job on three fake Clerk instances, without an account
	@$(BIN)/python examples/demo.py

example-fastapi: $(VENV)/.dev  ## Run a little FastAPI application beside a fake Clerk
	@$(BIN)/python examples/fastapi_app/run.py

example-django: $(VENV)/.dev  ## Run a little Django project beside a fake Clerk
	@$(BIN)/python examples/django_project/run.py

example-flask: $(VENV)/.dev  ## Run a little Flask application beside a fake Clerk
	@$(BIN)/python examples/flask_app/run.py

test: $(VENV)/.dev  ## Run the tests; ARGS= passes arguments to pytest
	@$(BIN)/python -m pytest -n 2 $(ARGS)

# Frameworks and what we rest on at their oldest; what only runs or drives the tests at its newest.
$(MIN)/.done: pyproject.toml constraints.txt constraints-min.txt requirements-min.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it or say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv $(MIN)
	@$(MIN)/bin/python -m pip --disable-pip-version-check -q install -c constraints.txt hatchling editables
	@$(MIN)/bin/python -m pip --disable-pip-version-check -q install -c constraints-min.txt --no-build-isolation \
		-r requirements-min.txt -e .
	@touch $@

test-min: $(MIN)/.done  ## Run the tests of the frameworks' glue on the oldest releases that are supported
	@$(MIN)/bin/python -m pytest -n 2 tests/asgi tests/starlette tests/fastapi tests/django tests/flask \
		tests/conformance examples $(ARGS)

cov: $(VENV)/.dev  ## Run the tests and show which branches of clerk_ext they miss
	@$(BIN)/python -m pytest -p no:clerk -n 2 --cov --cov-report=term-missing:skip-covered $(ARGS)

check: fmt-check lint types layers check-generated check-spec docs check-wheel conformance test-min test  ## Everything that CI runs

fmt: $(VENV)/.dev  ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --select I .

fmt-check: $(VENV)/.dev
	@$(BIN)/ruff format --check --no-cache .

lint: $(VENV)/.dev  ## Run the linter
	@$(BIN)/ruff check --no-cache .

types: $(VENV)/.dev  ## Run both type checkers, strict, and require that every public name is typed
	@$(BIN)/mypy
	@$(BIN)/pyright --warnings
	@PATH="$(CURDIR)/$(BIN):$$PATH" pyright --verifytypes clerk_ext --ignoreexternal | tail -n 4

layers: $(VENV)/.dev  ## Check that imports point downwards only
	@$(BIN)/python -m pytest -q tests/test_layers.py

generate: $(VENV)/.dev  ## Make generated/ anew from openapi/ and generator_config.yaml
	@$(BIN)/python tools/generate.py

check-generated: $(VENV)/.dev  ## Check that generated/ is exactly what generating gives
	@$(BIN)/python tools/generate.py --check

spec-diff: $(VENV)/.dev  ## Compare our specification with a published one: UPSTREAM=path/to/bapi.yml
	@test -n "$(UPSTREAM)" || { echo "say which: make spec-diff UPSTREAM=path/to/bapi.yml"; exit 2; }
	@$(BIN)/python -m tools.spec_diff openapi/clerk-sessions.yaml "$(UPSTREAM)" --meant openapi/meant-differences.yaml

check-spec: $(VENV)/.dev
	@if [ -d "$(UPSTREAM_DIR)" ]; then \
		$(MAKE) --no-print-directory -s spec-diff UPSTREAM="$(UPSTREAM_DIR)/bapi-2026-05-12.yml"; \
	else \
		echo "No published specification in $(UPSTREAM_DIR): nothing to compare with."; \
	fi

docs: $(VENV)/.dev  ## Check the documentation: code in it runs, links lead somewhere, tables are complete
	@$(BIN)/python -m pytest -q tests/test_docs.py

check-wheel: $(VENV)/.dev  ## Install the wheel into an empty environment and run the README's lines there
	@$(BIN)/python tools/check_wheel.py

$(CONFORMANCE)/.done: pyproject.toml constraints.txt conformance/requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it or say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv $(CONFORMANCE)
	@$(CONFORMANCE)/bin/python -m pip --disable-pip-version-check -q install -c constraints.txt hatchling editables
	@$(CONFORMANCE)/bin/python -m pip --disable-pip-version-check -q install -c constraints.txt --no-build-isolation \
		-r conformance/requirements.txt -e .
	@touch $@

# No lock file: it would record download addresses. Without Node or npm nothing is made, and its cases are skipped.
$(CONFORMANCE_NODE)/.done: conformance/node/package.json
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
		rm -rf $(CONFORMANCE_NODE) && mkdir -p $(CONFORMANCE_NODE) && cp $< $(CONFORMANCE_NODE)/ && \
		(cd $(CONFORMANCE_NODE) && npm install --silent --no-package-lock --no-audit --no-fund --ignore-scripts) && \
		touch $@; \
	fi

conformance: $(CONFORMANCE)/.done $(CONFORMANCE_NODE)/.done  ## Run clients that we did not write against the fake instance
	@$(CONFORMANCE)/bin/python -m pytest -c conformance/pytest.ini conformance $(ARGS)

$(BENCH)/.done: pyproject.toml constraints.txt benchmarks/requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it or say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip --disable-pip-version-check -q install -c constraints.txt hatchling editables
	@$(BENCH)/bin/python -m pip --disable-pip-version-check -q install -c constraints.txt --no-build-isolation \
		-r benchmarks/requirements.txt -e .
	@touch $@

bench: $(BENCH)/.done  ## Measure speed beside the floor and the peers; ARGS=--quick or --write
	@$(BENCH)/bin/python -m benchmarks $(ARGS)

build: $(VENV)/.dev  ## Build the wheel and the source distribution into dist/
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation

clean:  ## Remove everything that was made
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .ruff_cache .coverage
