# Everything runs in .venv, which is made on first use and again when pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install quickstart test lint bench clean

help:
	@echo "make quickstart  search a loss on a generated dataset, retrain with it, print the table"
	@echo "make test        run the tests"
	@echo "make lint        check style, format and types"
	@echo "make bench       time the losses, and what a search spends beside training"
	@echo "make install     make $(VENV) with everything the tests need"
	@echo "make clean       remove $(VENV) and the quickstart's folder"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "lossfit needs Python 3.11 or newer; say which: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/.installed

install: $(VENV)/.installed-test

quickstart: $(VENV)/.installed
	$(BIN)/lossfit quickstart --folder quickstart

test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.losses
	$(BIN)/python -m benchmarks.search_overhead

clean:
	rm -rf $(VENV) quickstart
