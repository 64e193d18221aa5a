# Everything runs from a virtual environment that the first target makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test torture bench screenshots pictures keys format clean

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("sagaz needs Python 3.11 or later: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(READY)
	$(BIN)/sagaz demo

test: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	# Meanwhile the other core compiles the tests, or each of their processes would do so.
	$(BIN)/pytest -n 0 --collect-only -q >/dev/null & $(BIN)/mypy && wait
	$(BIN)/pytest -n auto --dist worksteal

torture: $(READY)
	$(BIN)/pytest -m torture
	$(BIN)/pytest -m hypothesis --hypothesis-profile long

bench: $(READY)
	$(BIN)/python benchmarks/capture.py
	$(BIN)/python benchmarks/batch.py
	$(BIN)/python benchmarks/screen.py --folder build/benchmarks
	$(BIN)/python benchmarks/scale.py --folder build/benchmarks
	$(BIN)/python benchmarks/long_saga.py --folder build/benchmarks

screenshots: $(READY)
	$(BIN)/python screenshots/make.py

# Takes the pictures anew that the tests compare each screen with; look at the diff.
pictures: $(READY)
	$(BIN)/pytest -q -n auto tests/screen/pictures --rewrite-pictures

# Writes the table of keys into the README, from the one place that defines them.
keys: $(READY)
	$(BIN)/python -m sagaz_tui.keys.readme README.md

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
