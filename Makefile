# Two commands matter: `make run` and `make test`. Everything lives in .venv; a second call installs nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile --constraint constraints.txt
# On all processors what pip would compile on one, but for libraries' tests, the hundreds of architectures of
# transformers, and what nobody here imports. Some are templates that no Python compiles. Ours too: where Python may
# write no bytecode, a command's imports take 1.0 s of processor time in place of 1.4 s.
UNUSED := pip|setuptools|mypyc?|networkx|tensorboard|torchgen|_inductor|ao|experimental|lexers|physics|testing|tests?|lm_eval/tasks
COMPILE := $(BIN)/python -m compileall -qq -j 0 -x '/($(UNUSED)|transformers/models/[^/]+)/' $(VENV)/lib bench || true
# One more than there are processors, 8 at most: a third of the tests' time is waiting for processes.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$(( (n < 7 ? n : 7) + 1 )))
PYTEST := -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
SUITE ?= suites/lima_vs_alpaca.toml

.PHONY: run test test-browser test-clusters fuzz lint types layers check coverage floors example example-real docs picture clean help
.DEFAULT_GOAL := help

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

run: $(VENV)/.run ## install what the program needs, then run the flagship suite
	$(BIN)/bench run $(SUITE)

test: $(VENV)/.dev ## install what the tests need, then run them
	$(BIN)/python $(PYTEST)

test-browser: $(VENV)/.browser ## the report's page in a real browser; needs chromium
	$(BIN)/python -m pytest tests/browser

test-clusters: $(VENV)/.dev ## sharded trainings; executors on a real Slurm (Debian's slurmctld, slurmd, slurm-client, munge; root) and a real Ray, where installed
	BENCH_TEST_SHARDED=1 BENCH_TEST_SLURM=1 $(BIN)/python -m pytest tests/run/executors tests/train/test_sharded_processes.py

fuzz: $(VENV)/.dev ## the tests that draw their inputs, with new and many more of them than `make test`
	HYPOTHESIS_PROFILE=search $(BIN)/python $(PYTEST) -m hypothesis --timeout 3000

lint: $(VENV)/.dev ## style, the prose (docs/writing.md), one meaning for each type's name
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python .ci/writing.py
	$(BIN)/python .ci/type_names.py

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

layers: $(VENV)/.dev ## imports point down, the parent stays light
	$(BIN)/lint-imports

check: lint types layers test ## all of it

coverage: $(VENV)/.dev ## the share of each room's lines that the tests run, against its floor
	$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage json --quiet -o - | $(BIN)/python .ci/floors.py

floors: ## raise the floors to what `make coverage` measured, less a point; never lower
	$(BIN)/coverage json --quiet -o - | $(BIN)/python .ci/floors.py --raise

example-real: $(VENV)/.run ## the flagship on a real base; keep its report, without texts, in reports/example-real and README (REAL="--set …": data by path)
	$(BIN)/bench models fetch smollm2-135m-instruct
	$(BIN)/bench run lima_vs_alpaca --profile real-small $(REAL)
	rm -rf reports/example-real
	$(BIN)/bench report latest --share reports/example-real
	rm reports/example-real/report.html
	$(BIN)/python .ci/readme.py

example: $(VENV)/.run ## run the flagship and keep its report in reports/example and README
	$(BIN)/bench run suites/lima_vs_alpaca.toml
	rm -rf reports/example && mkdir -p reports/example
	cp -r reports/lima_vs_alpaca/latest/report.md reports/lima_vs_alpaca/latest/plots reports/example/
	$(BIN)/python .ci/readme.py

docs: $(VENV)/docs/.built ## the documentation as a site, in site/; needs nothing else of this program
	NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build

picture: ## draw README's picture from the latest run of the flagship; needs chromium
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1120,920 --force-device-scale-factor=1.5 \
	  --screenshot=$(CURDIR)/docs/report.png file://$(CURDIR)/reports/lima_vs_alpaca/latest/report.html
	$(BIN)/python -c "from PIL import Image; p = 'docs/report.png'; Image.open(p).convert('RGB').quantize(48).save(p, optimize=True)"

clean: ## remove what runs and tests left behind; keeps .venv
	rm -rf site .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks .coverage*

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'error: Python 3.11 or newer is needed; hint: make PYTHON=/path/to/python3.11'; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	@$(COMPILE)
	@touch $@

$(VENV)/docs/.built: constraints.txt
	$(PYTHON) -m venv $(VENV)/docs
	$(VENV)/docs/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt mkdocs-material
	@touch $@

$(VENV)/.browser: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[dev,browser]'
	@$(COMPILE)
	@touch $@ $(VENV)/.dev $(VENV)/.run

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	@$(COMPILE)
	@touch $@ $(VENV)/.run
