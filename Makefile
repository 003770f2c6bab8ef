# Python 3.10-3.13 to build .venv with; the first one found when empty.
PYTHON ?=
export PYTHON

BIN := .venv/bin
SETUP := @tools/setup_env.sh

# Test processes. Each gets one thread: more threads than cores are ten times slower.
JOBS ?= 2
# If one dies, the others stop and name its test; pytest-xdist can wait forever for a new one.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --max-worker-restart 0

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast install install-detection lint docs clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 20

demo: install ## train and compare on real digits, from nothing in minutes
	$(BIN)/python benchmarks/digits_lt.py

test: ## lint, type check and tests, with detection
	$(SETUP) tests
	@$(MAKE) --no-print-directory lint
	$(PYTEST)

test-fast: ## lint, type check and the unit tests, in two minutes
	$(SETUP) tests
	@$(MAKE) --no-print-directory lint
	$(PYTEST) -m 'not slow'

lint: ## ruff, mypy and import-linter (after `make test` has installed them)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: ## the documentation site, docs/_build/html; reads without a network
	$(SETUP) docs
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build/html
	@echo docs/_build/html/index.html

install: ## .venv with the classification half; no compiler needed
	$(SETUP) classification

install-detection: ## .venv with classification and detection; compiles mmcv
	$(SETUP) detection

clean: ## remove .venv, caches and build products; keeps data/ and work_dirs/
	rm -rf .venv build dist docs/_build *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './data/*' -prune -exec rm -rf {} +
