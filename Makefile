# The project's commands. Everything is installed into .venv; `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_SYSTEM_CERTS ?= true

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/run.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@echo "installing the bridge into $(VENV) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . 
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	@echo "installing the tools of the tests into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: demo
demo: $(VENV)/run.stamp ## run payments and orders through the bridge, all on this machine
	@$(BIN)/fullstory-bridge demo

.PHONY: test
test: $(VENV)/dev.stamp ## run the tests, also on a real Kafka and registry (5 minutes)
	@$(BIN)/python -m pytest -m "not long and not faults"

.PHONY: test-long
test-long: $(VENV)/dev.stamp ## run longer tests: more stories, more examples (15 minutes)
	@$(BIN)/python -m pytest -m "long and not faults"

.PHONY: test-all
test-all: test test-long ## run all tests except the longest stories

.PHONY: faults
faults: $(VENV)/dev.stamp ## run the longest stories: failing brokers, rights and members (30 minutes)
	@$(BIN)/python -m pytest -m faults

SEED ?= 1
MINUTES ?= 60
RATE ?= 320
.PHONY: soak
soak: $(VENV)/dev.stamp ## inject faults for an hour: make soak SEED=1 MINUTES=60 RATE=320
	@$(BIN)/python -m tests.soak mixed-faults --seed $(SEED) --minutes $(MINUTES) --rate $(RATE)

.PHONY: churn
churn: $(VENV)/dev.stamp ## add and remove a fourth bridge every ten seconds, for five minutes
	@$(BIN)/python -m tests.soak churn --minutes 5 --rate 340

.PHONY: outages
outages: $(VENV)/dev.stamp ## ten minutes of 429, 503, black hole and 401, with a million records waiting
	@$(BIN)/python -m tests.soak outages --minutes 10

ROUNDS ?= 3
.PHONY: bench
bench: $(VENV)/dev.stamp ## measure the speed; compare with an older build: make bench BASE=fdee8c0
	@$(BIN)/python -m tests.bench --rounds $(ROUNDS) $(if $(BASE),--base $(BASE)) $(if $(ROWS),--rows $(ROWS))

.PHONY: check
check: $(VENV)/dev.stamp ## check lint, format, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/dev.stamp ## let ruff fix lint and format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: lock
lock: $(VENV)/dev.stamp ## update requirements.lock and requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 pyproject.toml --group build -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 pyproject.toml --group build --group dev -o requirements-dev.lock

.PHONY: clean
clean: ## remove .venv and all caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis .import_linter_cache
