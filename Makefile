# `make demo` needs Python 3.11, git and make; `make test` also installs a browser where none is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_WORKERS ?= 2

.PHONY: demo test check fmt bench browser lock clean

demo: $(VENV)/.installed
	@$(BIN)/dueport demo

test: $(VENV)/.dev-installed browser check
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --cov --cov-report=term tests/core
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy -p dueport_core -p dueport_ports -p dueport_apps
	$(BIN)/mypy -p dueport_erp_generic -p dueport_erp_spruce -p dueport_pay_stripe -p dueport_pay_ach_plaid -p dueport_email_smtp -p dueport_invite_link -p dueport_invite_credentials
	$(BIN)/lint-imports

fmt: $(VENV)/.dev-installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev-installed
	$(BIN)/python -m bench

browser: $(VENV)/.dev-installed
	@$(BIN)/python -m tools.ensure_browser

lock: $(VENV)/.dev-installed
	$(BIN)/python -m tools.lock

$(VENV)/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Dueport needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name one: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev-installed: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
