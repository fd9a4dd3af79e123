# Oreloop: `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
OUT    ?= out/iridium
CHECKED := src tests bench tools
# Two processes share the cores; threads of the linear algebra below them would only wait for each other.
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.PHONY: help demo test coverage check soak format lint types architecture docs reference locks clean

help:
	@echo "make demo    install into $(VENV) and run the main job on the iridium case"
	@echo "make test    install what is missing and run every test"
	@echo "make check   format, lint, types, architecture, then the tests, docs among them (what each commit must pass)"
	@echo "make coverage  the tests once more, with the lines and branches that they miss"
	@echo "make soak    the long counts"
	@echo "make docs    build the documentation site into site/"
	@echo "make locks   resolve the three requirement locks again"

$(VENV)/run.stamp: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Oreloop needs Python 3.11 or newer; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --require-hashes --requirement requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.lock requirements-peers.lock
	$(PIP) install --quiet --require-hashes --requirement requirements-dev.lock
	$(PIP) install --quiet --require-hashes --no-deps --ignore-requires-python --requirement requirements-peers.lock
	@touch $@

demo: $(VENV)/run.stamp
	$(BIN)/oreloop demo --out $(OUT)

test: $(VENV)/dev.stamp
	$(PYTEST)

coverage: $(VENV)/dev.stamp
	rm -f .coverage .coverage.*
	$(PYTEST) --cov --cov-report=term

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

soak: $(VENV)/dev.stamp
	ORELOOP_SOAK=1 $(PYTEST) -m slow

format: $(VENV)/dev.stamp
	$(BIN)/ruff format $(CHECKED)
	$(BIN)/ruff check --fix $(CHECKED)

docs: $(VENV)/dev.stamp
	$(BIN)/python -m tools.reference
	$(BIN)/mkdocs build --strict

reference: $(VENV)/dev.stamp
	$(BIN)/python -m tools.reference

# Needs `uv` (pip install uv). Only names, versions and hashes are written: no registry address.
locks:
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements.lock
	uv pip compile pyproject.toml --extra pandas --extra postgres --extra s3 --group build --group dev -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements-dev.lock
	uv pip compile pyproject.toml --group bench -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements-bench.lock

clean:
	rm -rf $(VENV) out site .coverage*
