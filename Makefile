# The commands a stranger needs: git, make, Python 3.11 or newer and a package index, nothing else.
# Set PYTHON to pick an interpreter, PIP_ARGS for options of pip (another index, say), ARGS for options of the command.

PYTHON ?= python3
PIP_ARGS ?=
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
# Caches of the checkers live outside the tree, so that `make check` writes nothing into it.
CACHE := $(or $(TMPDIR),/tmp)/brandwarden-check-$(shell id -u)

.DEFAULT_GOAL := help
.PHONY: help install demo test serve check bench bench-speed bench-detection

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv with everything in it (only when pyproject.toml changed)

demo: $(STAMP) ## start the service, send it listings, write demo/report.html
	$(BIN)/brandwarden demo $(ARGS)

test: $(STAMP) ## run every test
	$(BIN)/python -m pytest $(ARGS)

serve: $(STAMP) ## pages and API on http://127.0.0.1:8000
	$(BIN)/brandwarden serve --host 127.0.0.1 --port 8000 --data-dir data $(ARGS)

check: export PYTHONDONTWRITEBYTECODE = 1
check: $(STAMP) ## ruff, mypy strict and the import fences; writes nothing
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check --no-cache .
	$(BIN)/mypy --cache-dir "$(CACHE)/mypy"
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_architecture.py

bench: $(STAMP) ## measure recall, speed and memory; prints the machine's name
	$(BIN)/python -m benchmarks $(ARGS)

bench-speed: $(STAMP) ## load the service for minutes, beside its peers: benchmarks/results
	$(BIN)/python -m benchmarks speed $(ARGS)

bench-detection: $(STAMP) ## measure detection beside its peers: build/evaluation
	$(BIN)/brandwarden-train evaluate --peers all --workers 2 $(ARGS)

# A checkout has one environment; `touch` last, so that a broken install is tried again.
$(STAMP): pyproject.toml
	@command -v "$(PYTHON)" >/dev/null || { echo "make: '$(PYTHON)' was not found; install Python 3.11 or newer, or say: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make: Python 3.11 or newer is needed, '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1); say: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "make: '$(PYTHON)' has no venv module (on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "Installing into $(VENV): a few minutes, most of it torch."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --editable '.[dev]'
	@touch $(STAMP)
