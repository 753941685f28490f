# `make demo` and `make test` do everything on a fresh machine: set-up and the job.
SHELL := bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3.11
BIN := .venv/bin
# Its name when pip begins with a package, and what took how long: set-up is minutes, most of them torch's.
PIP = time $(BIN)/pip install --progress-bar off -c constraints.txt
SHOW = | sed -un 's/^Collecting \([A-Za-z0-9_.-]*\).*/  \1/p; s/^Installing collected.*/  installing .../p; s/^Successfully installed.*/  done/p'

.PHONY: demo test coverage install lint types docs format rom clean

demo: .venv/installed    ## fine-tune the shipped fighter and print win rates before and after
	$(BIN)/mk-lightning fit -c configs/dojo/finetune.yaml -c configs/dojo/recommended.yaml -c configs/dojo/short.yaml --run_dir runs/demo

test: install            ## run every test
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

install: .venv/dev       ## make .venv with the exact versions of constraints.txt

.venv/installed: pyproject.toml constraints.txt
	@echo "set-up: a virtual environment in .venv, some two minutes"
	@$(PYTHON) -m venv .venv
	@$(PIP) -e . $(SHOW)
	@touch $@

.venv/dev: .venv/installed
	@$(PIP) -e '.[dev]' $(SHOW)
	@touch $@

coverage: install        ## run every test and tell which lines none of them runs (takes almost twice as long)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --cov=mk_lightning --cov-report=term-missing:skip-covered

lint: install            ## style, and which way imports point
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

docs: install            ## build the documentation's site, links checked, into site/
	@$(PIP) -e '.[docs]' $(SHOW)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Two runs: the tests import benchmarks._whole_run, the scripts beside it _whole_run, and a file has one name a run.
types: install           ## static types
	$(BIN)/mypy
	$(BIN)/mypy benchmarks dojo

format: install          ## apply the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

rom: install             ## build the dojo's ROM and its states (needs the m68k toolchain, see dojo/README.md)
	$(MAKE) -C dojo states PYTHON=$(CURDIR)/$(BIN)/python

clean:                   ## remove .venv and build leftovers; runs/ stays
	rm -rf .venv build *.egg-info
