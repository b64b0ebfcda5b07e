# make serve   the site on http://localhost:8000 (kb.toml; PORT, ARTICLES, DATA may be set)
# make test    everything that must hold
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# kb.toml has the settings, of the sample shop here. PORT, ARTICLES and DATA go before it.
export KB_PORT := $(or $(PORT),$(KB_PORT))
export KB_ARTICLES := $(or $(ARTICLES),$(KB_ARTICLES))
export KB_DATA := $(or $(DATA),$(KB_DATA))
unexport $(foreach name,KB_PORT KB_ARTICLES KB_DATA,$(if $($(name)),,$(name)))
DATA ?= var
# Other articles have no use for the sample shop's name: their settings are in a kb.toml of their own.
ifneq ($(or $(ARTICLES),articles),articles)
export KB_CONFIG ?= /dev/null
endif

.DEFAULT_GOAL := help
.PHONY: help demo serve cluster test test-unit lint bench lock sbom licences browser accessibility clean

help:
	@sed -n '1,2s/^# //p' Makefile

serve: $(VENV)/.installed
	@exec $(BIN)/kb serve

# The reports full: ninety days of simulated visits, in a database of their own.
demo: $(VENV)/.installed
	$(BIN)/python -m bench.demo --articles "$(or $(KB_ARTICLES),articles)" --data "$(DATA)/demo"
	@KB_DATA="$(DATA)/demo" exec $(BIN)/kb serve

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Every file that is installed is the one whose hash is kept here. torch comes first, from its own index: the CPU build.
TORCH_INDEX ?= --extra-index-url https://download.pytorch.org/whl/cpu
INSTALL := $(BIN)/python -m pip install --quiet --no-deps --require-hashes

$(VENV)/.installed: locks/torch.txt locks/serve.txt pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --retries 2 $(TORCH_INDEX) -r locks/torch.txt
	$(INSTALL) -r locks/serve.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: locks/dev.txt $(VENV)/.installed
	$(INSTALL) -r locks/dev.txt
	@touch $@

# The lock files after a change of requirements*.txt; UPGRADE=--upgrade takes the newest of what those do not pin.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
  --excludes locks/not-needed.txt --no-emit-package torch --custom-compile-command "make lock" $(UPGRADE)
lock: $(VENV)/.installed-dev
	$(LOCK) requirements.txt locks/build.in --output-file locks/serve.txt
	$(LOCK) requirements-cluster.txt --output-file locks/cluster.txt
	$(LOCK) requirements-dev.txt --constraint locks/serve.txt --output-file locks/dev.txt

# The software bill of materials of what the site runs on (CycloneDX), for a scanner such as Dependency-Track.
sbom: $(VENV)/.installed-dev
	@mkdir -p "$(DATA)"
	@cat locks/torch.txt locks/serve.txt | $(BIN)/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible \
	  --output-file "$(DATA)/sbom.json" - && echo "$(DATA)/sbom.json"

# docs/licences.md: the licence of each distribution the site runs on. pyrage states its own in a file only.
licences: $(VENV)/.installed-dev
	@{ printf '# Licences\n\nWhat `make serve` installs, as each distribution states its licence. `make licences` writes this file.\n\n'; \
	  $(BIN)/pip-licenses --from=mixed --with-urls --with-system --format=markdown \
	    --packages $$(sed -nE 's/^([A-Za-z0-9._-]+)==.*/\1/p' locks/torch.txt locks/serve.txt) \
	  | sed -E '/^\| pyrage /s/UNKNOWN/MIT License/; s/ +\|/ |/g; s/-{3,}/---/g'; } > docs/licences.md

# Patroni, for a Python that the server's user may run: root's own may be in a private folder.
$(VENV)/patroni: locks/cluster.txt $(VENV)/.installed-dev
	$(BIN)/uv pip install --quiet --python "$$([ "$$(id -u)" = 0 ] && echo /usr/bin/python3 || echo $(BIN)/python)" \
	  --no-deps --require-hashes --target $@ -r locks/cluster.txt
	@touch $@

# Three PostgreSQL servers under Patroni, three nodes and HAProxy, on this machine until Ctrl-C.
cluster: $(VENV)/patroni browser
	@exec $(BIN)/python -m bench.cluster --articles "$(or $(KB_ARTICLES),articles)" --data "$(DATA)" --port $(or $(PORT),8000)

# Chromium, Japanese fonts, ip, etcd and HAProxy, from Debian where that may be done; elsewhere the tests say what is missing.
browser:
	@if ! command -v chromium >/dev/null || ! command -v ip >/dev/null || ! command -v etcd >/dev/null || ! PATH="$$PATH:/usr/sbin" command -v haproxy >/dev/null || ! fc-list 2>/dev/null | grep -qi 'noto.*cjk'; then \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk fontconfig iproute2 etcd-server haproxy >/dev/null; \
	  else echo "Some tests need: sudo apt-get install chromium fonts-noto-cjk iproute2 etcd-server haproxy"; fi; fi

test: $(VENV)/.installed-dev $(VENV)/patroni browser lint
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --ignore tests/cluster --cov --cov-report=term:skip-covered
	@$(BIN)/python -m coverage report --format=total >/dev/null
	$(BIN)/python -m pytest tests/cluster

test-unit: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/unit

# The table of criteria on the page /<language>/accessibility.
accessibility: $(VENV)/.installed-dev browser
	$(BIN)/python -m pytest -n auto tests/e2e/test_accessibility.py --accessibility-table=kb_app/web/data/accessibility.json

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md docs search indexer kb_app bench templates

bench: $(VENV)/.installed-dev
	@test -n "$(EVAL)" || { echo "make bench EVAL=DIR, a folder of collections in BEIR layout"; exit 2; }
	$(BIN)/python -m bench.retrieval --data "$(EVAL)" --model-dir "$(DATA)/model"

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
