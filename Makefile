# Everything runs in .venv, which is made on first use; no activated environment is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Peers bring some gigabytes, so they have an environment of their own.
BENCH_VENV := .venv-bench
BENCH_BIN := $(BENCH_VENV)/bin
# Offers torch without CUDA; where it cannot be reached, pip takes what it finds elsewhere.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: demo test test-slow lint ci study-cartpole study-degradation study-tasks study-codes study-evolution \
	study-coverage study-fault-speed study-resilience bench \
	bench-scaling clean clean-cache help

help:
	@echo "make demo        set up .venv, evolve CartPole, check the result in Gymnasium and Brian2"
	@echo "make test        set up .venv, run every test"
	@echo "make test-slow   the tests of Brian2's compiled targets"
	@echo "make lint        ruff, mypy and the import contract"
	@echo "make ci          lint and test"
	@echo "make study-cartpole     ten seeds of the default CartPole run"
	@echo "make study-degradation  the best of them under three fault models"
	@echo "make study-tasks        five seeds of every task's default run"
	@echo "make study-evolution    evaluations to solve, fronts and scores beside baselines"
	@echo "make study-resilience   size and resilience of networks evolved with and without it"
	@echo "make study-coverage     how often intervals of fault campaigns cover the truth"
	@echo "make study-fault-speed  speed of fault campaigns"
	@echo "make study-codes        pictures of what encoders and readouts do"
	@echo "make bench              set up .venv-bench with peers, time them and this project"
	@echo "make bench-scaling      time by neurons, lanes, firing and workers"
	@echo "make clean-cache        remove Numba's compiled kernels"
	@echo "make clean              remove the environment and all caches"

# Reinstalled whenever the dependencies change.
$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; try make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(VENV)/installed
	$(BIN)/python -m experiments.demo

test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 -m "not slow"
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -n 2 -m "not slow" tests/core

test-slow: $(VENV)/installed
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

ci: lint test

study-cartpole study-degradation study-tasks study-codes study-evolution study-coverage study-resilience: study-%: $(VENV)/installed
	$(BIN)/python -m experiments.studies.$*

study-fault-speed: $(VENV)/installed
	$(BIN)/python -m experiments.studies.fault_speed

$(BENCH_VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_BIN)/python -m pip install --quiet --disable-pip-version-check --extra-index-url $(TORCH_INDEX) --editable '.[bench]'
	touch $@

bench: $(BENCH_VENV)/installed
	$(BENCH_BIN)/tardigrade bench --out docs/results/bench.csv

bench-scaling: $(VENV)/installed
	$(BIN)/tardigrade bench --scaling docs/results
	$(BIN)/python -m benchmarks.limits --out docs/results/limits.csv

clean-cache:
	find . -path ./$(VENV) -prune -o \( -name '*.nbi' -o -name '*.nbc' \) -print | xargs rm -f

clean: clean-cache
	rm -rf $(VENV) $(BENCH_VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
