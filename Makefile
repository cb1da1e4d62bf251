# make demo and make test do all set-up by themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header

.PHONY: demo test test-slow check audit fuzz bench docs lock clean

demo: $(STAMP)
	@rm -rf demo
	@$(BIN)/holdfast simulate demo --customers 3000 --seed 7 --offers 2
	@$(BIN)/holdfast run -c demo/holdfast.toml

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m slow -n auto --dist loadfile --no-loadscope-reorder

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/*.Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

# What the images hold (build/sbom) and whether a pin is known to be vulnerable.
audit: $(STAMP)
	$(BIN)/python .ci/audit

# For the night: strange requests to each operation of the API, other ones every time.
fuzz: $(STAMP)
	HOLDFAST_FUZZ_EXAMPLES=$${HOLDFAST_FUZZ_EXAMPLES:-10000} $(BIN)/python -m pytest -m slow tests/api/test_openapi.py

bench: $(STAMP)
	$(BIN)/python -m bench.house
	$(BIN)/python -m bench.original
	$(BIN)/python -m bench.snapshots
	$(BIN)/python -m bench.logs
	$(BIN)/python -m bench.trust
	$(BIN)/python -m bench.drift
	$(BIN)/python -m bench.faults
	$(BIN)/python -m bench.features
	$(BIN)/python -m bench.warehouse
	$(BIN)/python -m bench.dashboard
	$(BIN)/python -m bench.size
	$(BIN)/python -m bench.bank
	$(BIN)/python -m bench.science
	$(BIN)/python -m bench.api
	$(BIN)/python -m bench.stream

docs: $(STAMP)
	$(BIN)/python docs/build.py
	$(BIN)/python docs/notebooks.py
	PATH="$(BIN):$$PATH" $(BIN)/python -m typer holdfast.cli.main utils docs --name holdfast --output docs/reference/cli.md
	$(BIN)/zensical build --strict

lock: $(STAMP)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile $(LOCK) pyproject.toml -o requirements/core.txt
	$(BIN)/uv pip compile $(LOCK) --extra dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile $(LOCK) --extra api --extra stream pyproject.toml -o requirements/api.txt
	$(BIN)/uv pip compile $(LOCK) --extra dashboard --extra postgres --extra databases --extra excel --extra schedule --extra stream pyproject.toml -o requirements/app.txt
	$(BIN)/uv pip compile $(LOCK) --group build -o requirements/build.txt

clean:
	rm -rf $(VENV) demo build dist

$(STAMP): requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Holdfast needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)
