# Two commands matter: `make repro` runs the pipeline, `make test` runs the tests. Both install what they need into .venv.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
INSTALLED := .venv/.installed

.PHONY: repro test check lint bench bench-scale pareto mutants faults install chromium clean

repro: install  ## run the pipeline, then show the scores
	@dvc repro
	@crosshash stored
	@crosshash scores

test: install chromium  ## the whole test suite
	@pytest -n 2 --dist loadfile --no-loadscope-reorder

chromium:  # tests open pages in it; without it they are skipped and the summary says so
	@for name in $$CROSSHASH_CHROMIUM chromium chromium-browser google-chrome google-chrome-stable; do \
	command -v $$name > /dev/null && exit 0; done; \
	test "$$(id -u)" = 0 && apt-get -qq update > /dev/null && \
	DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium > /dev/null || \
	echo "Chromium is missing and could not be installed: pages will not be tested."

check: lint test  ## lint, format, types, import directions, tests

lint: install
	ruff check .
	ruff format --check .
	mypy
	lint-imports

BENCHMARKS := scoring conversion pair_table mirflickr inference methods rerank search
bench: install  ## speed, printed as ratios measured in one run; status 1 at the end where one is beyond what is wanted
	@status=0; for name in $(BENCHMARKS); do python -m benchmarks.$$name || status=1; done; \
	dvc repro --quiet && python -m benchmarks.service || status=1; exit $$status

SIZES ?= 100000 1000000
METHODS ?= twdh cca ridge dcmht
bench-scale: install  ## what each stage costs at SIZES pairs of vectors, by METHODS: docs/growth.md
	@python -m benchmarks.scale --sizes $(SIZES) --methods $(METHODS)

pareto: install  ## which method, how many bytes: table and plot in pareto/; FEATURES=/data/vectors for your own
	@python -m benchmarks.pareto $(FEATURES)

SHARE ?= 1
mutants: install  ## small changes of the code that no test sees, by folder; hours: make mutants FOLDER=codes SHARE=0.2
	@pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[mutants]'
	@for folder in $(or $(FOLDER),codes centers index retrieval methods training); do nice -n 15 python -m tests.mutation $$folder --share $(SHARE) || exit 1; done

faults: install  ## kills, damage, limits, races, random files, the service under fire: an hour; FOLDER=where it works
	@python -m faults $(FOLDER)

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4))' || { echo "crosshash needs Python 3.11.4 or newer; found: $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (about 2 minutes, 2.5 GB, the first time)"
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:  ## remove the environment and every output that DVC can restore
	rm -rf .venv .mutants plan data artifacts report dvclive
