# Everything a person or a machine does with a checkout. `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help install run demo test check format bench clean

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SOURCES := core postroom tui
# Tests wait for servers now and then: one worker more than there are processors keeps these busy.
WORKERS ?= $(shell echo $$(($$(nproc 2>/dev/null || echo 2) + 1)))

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1|/' | column -t -s '|' 2>/dev/null \
		|| grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST)

install: .make/compiled ## .venv with Postroom and what it needs

run: .make/compiled ## open the console; without a terminal, the main job once on the demo world
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/postroom --offer-demo; else $(BIN)/python -m tui.demo --once; fi

demo: .make/compiled ## see it work, with mail servers and sample mail of its own; leaves nothing behind
	@$(BIN)/python -m tui.demo

test: .make/developing .make/compiled ## all tests, against real servers; installs what is missing
	.ci/install-servers
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: .make/developing ## format, lint, types, import contracts, migrations in step with the models
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m core.db.migrations.check

format: .make/developing ## put the code in order
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: .make/developing .make/compiled ## how fast it is, beside others
	.ci/install-servers
	benchmarks/install-peers
	$(BIN)/python -m benchmarks

clean: ## remove what was made here (.venv too)
	rm -rf $(VENV) .make build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make a second run fast: pip is asked again only when the dependencies may have changed.
# An environment knows its folder and its Python by their paths: where either moved, or it is half made, it is made anew.
USABLE := import pip, sys; sys.exit(sys.version_info < (3, 11))
STANDS := $(shell [ "$$(cat .make/place 2>/dev/null || echo "$(CURDIR)")" = "$(CURDIR)" ] && $(BIN)/python -c '$(USABLE)' 2>/dev/null && echo yes)
$(if $(STANDS),,$(shell rm -f .make/installed))

.make/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed." >&2; exit 69; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Use: make PYTHON=/path/to/python3.11" >&2; exit 69; }
	@test -n "$(STANDS)" || $(PYTHON) -m venv --clear $(VENV)
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@mkdir -p .make && echo '$(CURDIR)' > .make/place && touch $@

.make/developing: .make/installed
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

# A command starts in two thirds of the time; whoever runs it may not be allowed to write beside the sources.
.make/compiled: .make/installed $(shell find $(SOURCES) -name '*.py')
	@$(BIN)/python -m compileall -q $(SOURCES)
	@touch $@
