# Every target sets up what it needs in .venv, once, and again when pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than there are cores: many tests wait for processes of their own.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
PARALLEL := --numprocesses $(WORKERS) --dist loadfile
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test faults check format bench screenshot terminal-picture storybook storybook-generator storybook-check storybook-samples clean
.DEFAULT_GOAL := run

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "t2itui needs Python 3.11 or newer: make PYTHON=python3.12 run")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(BIN)/python
	@echo "Setting up .venv (PyTorch and friends: some minutes, once) ..."
	$(PIP) --upgrade "pip>=25.1"
	$(PIP) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) --group test
	@touch $@

$(VENV)/.check: $(VENV)/.test
	$(PIP) --group check
	@touch $@

$(VENV)/.bench: $(VENV)/.run
	$(PIP) --group bench
	@touch $@

run: $(VENV)/.run
	@$(BIN)/t2itui $(ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

# All faults, also what takes minutes: under 40 in all. Who is done takes from the others.
faults: $(VENV)/.test
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --timeout 1200 -m "slow or not slow" tests/e2e/faults tests/engine/cluster $(ARGS)

check: $(VENV)/.check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(PARALLEL)

format: $(VENV)/.check
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.bench
	@for module in tests/bench/bench_*.py; do \
	  echo "== $$module"; $(BIN)/python -m "tests.bench.$$(basename $$module .py)" || exit 1; \
	done

WHERE := "a dog and a horse with a ball, a barn and a car"

# The heatmap's Chinese needs a font that has it: apt-get install fonts-wqy-zenhei
screenshot: $(VENV)/.test
	$(BIN)/python -m t2itui.screenshot docs/search.svg
	$(BIN)/python -m t2itui.screenshot docs/compare.svg --keys f3,n
	$(BIN)/python -m t2itui.screenshot docs/where-app.svg --size 100x32 --query $(WHERE) --keys enter,w,w,w
	home=$$(mktemp -d) && $(BIN)/t2itui --home $$home compare --from docs/compare.json --export docs/compare.png; rm -rf $$home

# In a real xterm: apt-get install xterm xvfb xdotool imagemagick fonts-dejavu
terminal-picture: $(VENV)/.test
	$(BIN)/python -m tools.terminal_picture docs/where-xterm.webp --size 100x34 --query $(WHERE) \
	  --warm storybook/0031.webp --keys Return,w,w,w

storybook: $(VENV)/.run
	$(BIN)/python -m tools.storybook $(ARGS)

storybook-generator: $(VENV)/.run
	$(BIN)/python -m tools.storybook.generator $(ARGS)

storybook-check: $(VENV)/.run
	$(BIN)/python -m tools.storybook.check $(ARGS)
	$(BIN)/python -m tools.storybook.generator.check $(ARGS)
	$(BIN)/python -m tools.storybook.generator.variations

storybook-samples: $(VENV)/.run
	$(BIN)/python -m tools.storybook.generator.samples sheet docs/painter.png

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
