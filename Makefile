# `make demo` and `make test` do everything on a fresh machine: set-up and the job.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: demo test install lint types docs format rom clean

demo: .venv/installed    ## fine-tune the shipped fighter and print win rates before and after
	$(BIN)/mk-lightning fit -c configs/dojo/finetune.yaml -c configs/dojo/recommended.yaml -c configs/dojo/short.yaml --run_dir runs/demo

test: install            ## run every test
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

install: .venv/dev       ## make .venv with the exact versions of constraints.txt

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --progress-bar off -c constraints.txt -e .
	touch $@

.venv/dev: .venv/installed
	$(BIN)/pip install --quiet --progress-bar off -c constraints.txt -e '.[dev]'
	touch $@

lint: install            ## style, and which way imports point
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

docs: install            ## build the documentation's site, links checked, into site/
	$(BIN)/pip install --quiet --progress-bar off -c constraints.txt -e '.[docs]'
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
