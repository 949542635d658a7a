# make run                sets up, then runs the pipeline
# make test               sets up, then runs every check
# make cross-validation   sets up, then tests every patient once; resumes if it was interrupted
PYTHON ?= python3
VENV := .venv
SYNCED := $(VENV)/synced
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
unexport PYTHONPATH PYTHONHOME

.PHONY: run cross-validation test setup lint lock

run: setup
	brainseg check
	dvc repro

cross-validation: setup
	brainseg check
	dvc repro index
	dvc --cd cv repro --keep-going

test: setup lint
	pytest --numprocesses 2 --dist loadfile --cov --cov-report=term

setup: $(SYNCED)

lint: setup
	ruff check .
	ruff format --check .
	mypy

# uv is one of the locked packages, so the sync does not remove it.
$(SYNCED): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is %d.%d: make PYTHON=python3.12 $(MAKECMDGOALS)" % v)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip --quiet --disable-pip-version-check install uv
	VIRTUAL_ENV='$(CURDIR)/$(VENV)' uv pip sync --quiet --require-hashes --compile-bytecode requirements.txt
	VIRTUAL_ENV='$(CURDIR)/$(VENV)' uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# The lock contains hashes but no address of a package index.
lock: setup
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --no-header --group dev pyproject.toml --output-file requirements.txt
	! grep -nE 'https?://|file://' requirements.txt

