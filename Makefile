# Every verb sets up what it needs first; `make` alone prints them.
PYTHON ?= python3
export UV_PYTHON_DOWNLOADS = never
export PYTHONUTF8 = 1
VENV := .venv
BIN := $(VENV)/bin
CATALOGUES := $(wildcard services/translations/*/LC_MESSAGES/*.po webapp/translations/*/LC_MESSAGES/*.po)

.DEFAULT_GOAL := help
.PHONY: help run serve test lint bench clean set-up catalogues

help: ## Print these verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

set-up: $(VENV)/installed catalogues ## Make .venv from requirements.lock and compile the catalogues

run: set-up ## Bring the sample mall to life and carry it through one business month
	@$(BIN)/python -m cli.main run

serve: set-up ## Keep the staff site and Dagster up until Ctrl-C
	@$(BIN)/python -m cli.main serve

test: set-up ## Run all tests, two files at a time; ARGS="-n 0 -k bill" for some, one by one
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: set-up ## Check style, types, unsafe constructs, imports, SQL, definitions and migrations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/bandit -q -r -c pyproject.toml domain storage services expectations pipelines webapp cli sample_mall
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models
	@DAGSTER_HOME= $(BIN)/dagster definitions validate -w workspace.yaml
	@$(BIN)/python -m pytest -q tests/integration/test_schema.py

bench: set-up ## Measure; ONLY=name for one
	@$(BIN)/python -m bench $(ONLY)

clean: ## Remove what set-up and tests made; var/ (your data) stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dbt_project/target dbt_project/logs

catalogues: $(VENV)/installed $(CATALOGUES:.po=.mo)

%.mo: %.po $(VENV)/installed
	@$(BIN)/pybabel -q compile -i "$<" -o "$@"

# The stamp is written last: an interrupted set-up is done again. Debian's Python has no ensurepip
# without another package, so its own pip fills the environment.
$(VENV)/installed: requirements.lock requirements.installer.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Atrium needs Python 3.11, 3.12 or 3.13; $(PYTHON) is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12")'
	@rm -f $@
	@$(PYTHON) -m venv --without-pip --clear $(VENV)
	@$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --require-hashes -r requirements.installer.lock
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv pip install --quiet --no-build-isolation --require-hashes -r requirements.lock
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
