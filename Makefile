# wxauth. Needs Python 3.10 or newer, make and a package index; everything else goes into .venv.

PYTHON ?= python3
UV     ?= uv
HOST   ?= 127.0.0.1
PORT   ?= 8000

python := .venv/bin/python
lock   := $(UV) pip compile --quiet --universal --python-version 3.10 --no-python-downloads \
          --generate-hashes --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help setup run test test-all mutants versions lint style types imports bench lock

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile

setup: .venv/run.stamp ## Make .venv and install what the server needs

run: setup ## Start the server and the simulated WeChat (HOST and PORT choose the address)
	$(python) manage.py migrate --verbosity 0
	$(python) manage.py dev --host $(HOST) --port $(PORT)

# Without compiled files, every worker compiles every test anew, in every run.
test: export PYTHONDONTWRITEBYTECODE =
test: .venv/dev.stamp ## Run the tests on SQLite that wait for nothing; of many cases some, others each time
	$(python) -m pytest -n auto --dist loadfile --durations=10 --some

test-all: .venv/dev.stamp .venv/databases.stamp .venv/browser.stamp ## Run all tests, on SQLite, PostgreSQL, MariaDB and MySQL
	$(python) tests/databases.py

mutants: .venv/dev.stamp ## Break lines that matter, one at a time, and see which test notices
	$(python) tests/mutants.py

versions: .venv/versions.stamp ## Run the tests on every pair of Python and Django that is supported and found
	.venv/bin/nox

lint: style types imports ## Check style, types, and who imports whom

style: .venv/dev.stamp
	$(python) -m ruff check
	$(python) -m ruff format --check

types: .venv/dev.stamp
	$(python) -m mypy

imports: .venv/dev.stamp
	.venv/bin/lint-imports

bench: bench/.venv/bench.stamp ## Measure wxauth beside other logins, in ten minutes (QUICK=1: two; PROFILE=1: where the CPU goes; GROWTH="10000 1000000": with so many logins)
	bench/.venv/bin/python -m $(if $(GROWTH),bench.growth $(GROWTH),bench)

bench/.venv/bench.stamp: requirements/bench.txt
	@echo "Installing $< into bench/.venv ..."
	@$(PYTHON) -m venv bench/.venv
	@bench/.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

lock: ## Resolve the newest versions for every Python at once (needs uv)
	$(lock) --upgrade pyproject.toml --group dev --output-file requirements/dev.txt
	$(lock) --upgrade pyproject.toml --group run --constraints requirements/dev.txt --output-file requirements/run.txt
	$(lock) --upgrade --group databases --constraints requirements/dev.txt --output-file requirements/databases.txt
	$(lock) --upgrade --group browser --constraints requirements/dev.txt --output-file requirements/browser.txt
	$(lock) --upgrade --group versions --constraints requirements/dev.txt --output-file requirements/versions.txt
	$(lock) --upgrade --group bench --constraints requirements/dev.txt --constraints requirements/databases.txt --output-file requirements/bench.txt
	$(lock) --upgrade --group security --constraints requirements/dev.txt --output-file requirements/security.txt

# A stamp is newer than the list that it stands for, so that a second call has nothing to do.
.venv/%.stamp: requirements/%.txt | .venv/bin/python
	@echo "Installing $< into .venv ..."
	@$(python) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
