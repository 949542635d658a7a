# make run                sets up, then runs the pipeline
# make test               sets up, then runs every check
# make cross-validation   sets up, then tests every patient once; resumes if it was interrupted
#                         JOBS=2: two folds side by side, faster with train.threads: 1
# make coverage           sets up, then runs the tests and lists the lines of brainseg/ that none of them runs
# make docs               sets up, then builds the documentation site: site/index.html
# make viewer             sets up, then builds the page of brainseg view; needs Node 20 or newer
PYTHON ?= python3
JOBS ?= 1
VENV := .venv
SYNCED := $(VENV)/synced
# A file stays in one process, which shares its fixtures; files run in the order of tests/conftest.py.
PYTEST := pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
unexport PYTHONPATH PYTHONHOME

.PHONY: run cross-validation test coverage viewer docs setup lint lock

run: setup
	brainseg check
	dvc repro

cross-validation: setup
	brainseg check
	dvc repro index
	test $(JOBS) = 1 || dvc --cd cv stage list --name-only | grep '^evaluate@' | \
		xargs -P $(JOBS) -n 1 dvc --cd cv --wait-for-lock repro || true
	dvc --cd cv repro --keep-going

test: setup lint
	$(PYTEST)

# Apart from `test`, because it takes longer: tests/metrics 17.7 s of processor time instead of 10.9 s.
coverage: setup
	$(PYTEST) --cov --cov-report=term-missing:skip-covered

# REPOSITORY: address of the files that the pages link to, such as https://github.com/me/it/blob/main
docs: setup
	python -m docs.make_site $(if $(REPOSITORY),--repository $(REPOSITORY))

# The network and the example are made by Python; the network of an installed page is that of brainseg/released.
viewer: setup
	cd viewer && npm ci
	python -m viewer.make_public
	cd viewer && npm run check && npm run build
	rm -rf brainseg/view/page
	cp -R viewer/dist brainseg/view/page
	rm -rf brainseg/view/page/model

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

