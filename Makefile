# Two commands are all that a newcomer needs: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
SOURCES := src tests tools demo dags benchmarks plugins docs/examples

.PHONY: help demo test mutate up down check bench format docs lock release clean
.DEFAULT_GOAL := help

help:  ## show the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(VENV)/.dependencies: requirements/bootstrap.txt requirements/all.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else "airflow-mlops needs Python 3.11, 3.12 or 3.13, and `$(PYTHON)` is %d.%d: try `make PYTHON=python3.12 ...`" % v)'
	@echo "Setting up $(VENV) (pinned and hashed; once) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-build-isolation -r requirements/all.txt
	@touch $@

$(STAMP): $(VENV)/.dependencies pyproject.toml
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)  ## run the full life cycle of a model on real data, in a few minutes
	@$(BIN)/python -m demo run

test: $(STAMP)  ## run all tests, including the system test
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

mutate: $(STAMP)  ## run mutation tests on the pure rooms and list the surviving mutants (ROOM=rollout for one room)
	@$(BIN)/python -m tests.mutation $(ROOM)

up: $(STAMP)  ## start Airflow, MLflow, the model server and traffic; print the log-in
	@$(BIN)/python -m demo up

down: $(STAMP)  ## stop what `make up` started
	@$(BIN)/python -m demo down

check: $(STAMP)  ## check format, lint, types, import contracts and declared dependencies
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry src

bench: $(STAMP)  ## run all benchmarks and print their figures
	@for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

format: $(STAMP)  ## format the sources and fix what ruff can fix
	@$(BIN)/ruff check --fix --quiet $(SOURCES) || true
	@$(BIN)/ruff format $(SOURCES)

docs: $(STAMP)  ## generate the reference pages and the JSON Schema from the code
	@$(BIN)/python -m tools.docs

lock: $(STAMP)  ## pin new dependencies, with hashes; UPGRADE=--upgrade takes the newest of all
	@$(BIN)/python requirements/lock.py $(UPGRADE)

release: $(STAMP)  ## build and check a release: VERSION=0.2.0, and WRITE=yes to keep it
	@$(BIN)/python -m tools.release $(or $(VERSION),$(error set the version: make release VERSION=0.2.0)) $(if $(WRITE),--write)

clean: down  ## stop everything and remove .venv, .demo and .up
	@rm -rf .demo .up $(VENV)
