# Everything needs nothing but Python, make and a package index.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
SEEDS ?= 8

.PHONY: setup demo test bench check clean

setup: .venv/installed          ## make .venv and install the package in it

demo: setup                     ## the ladder with 8 seeds: the table, and the report's path
	$(BIN)/seqwright study ladder --seeds $(SEEDS)

test: .venv/testing             ## every test
	$(BIN)/python -m pytest -n auto --dist worksteal

bench: .venv/testing            ## the claims about speed and accuracy; see benchmarks/README.md
	$(BIN)/python benchmarks/ladder.py

check: .venv/checking           ## style, types, and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

.venv/made:
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed: .venv/made pyproject.toml constraints.txt
	$(INSTALL) -e .
	touch $@

.venv/testing: .venv/installed
	$(INSTALL) -e '.[test]'
	touch $@

.venv/checking: .venv/installed
	$(INSTALL) -e '.[test,check]'
	touch $@

clean:
	rm -rf .venv
