# Every target sets up .venv by itself, from the exact versions in requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
READY := .venv/.ready

.PHONY: help run test test-all check bench figures docs wheels licenses clean

help:
	@echo "make run      run examples/retrieval.toml: dataset and figure in results/"
	@echo "make test     the tests, in some minutes"
	@echo "make test-all the slow ones as well"
	@echo "make check    style, types, import contracts"
	@echo "make docs     the documentation, in docs/_build/html"
	@echo "make figures  every example and paper at full size, an hour; pictures, gallery and claims of docs"
	@echo "make bench    speed beside other software, a quarter of an hour; PART=NAME for one part"
	@echo "make wheels   wheel and source distribution in dist/, tried in an empty environment"
	@echo "make licenses LICENSES-THIRD-PARTY.md, from what is installed"

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@touch $@

run: $(READY)
	$(BIN)/opendicke run examples/retrieval.toml

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "slow or not slow"

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python benchmarks/run.py $(PART)

figures: $(READY)
	$(BIN)/opendicke run examples/retrieval.toml --overwrite
	$(BIN)/opendicke run examples/relaxation.toml --overwrite
	$(BIN)/opendicke run examples/cooling.toml --overwrite
	$(BIN)/opendicke run examples/memory.toml --overwrite
	for name in $$($(BIN)/python -c 'from opendicke.papers import known_papers as k; print(*k())'); do \
		$(BIN)/opendicke paper $$name --workers $(WORKERS) || exit; done
	$(BIN)/python -m opendicke.papers.gallery results docs retrieval cooling memory

docs: $(READY)
	$(BIN)/sphinx-build --quiet --fail-on-warning --builder html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

wheels: $(READY)
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/python -m pytest tests/packaging/test_wheel.py -m "slow or not slow"

licenses: $(READY)
	$(BIN)/python scripts/licenses.py

clean:
	rm -rf .venv results docs/_build build dist
