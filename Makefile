# From a fresh clone to a running service. Needs Python 3.11 or newer, git and make; everything else goes into .venv.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

PY := .venv/bin/python
BOOT := .venv/.made
RUN := .venv/.run-installed
DEV := .venv/.dev-installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Processes that share the tests.
WORKERS ?= 2

# HOST and PORT are short forms of RLS_CDS_HOST and RLS_CDS_PORT. On the command line of make they always count. From
# the environment RLS_CDS_… goes before them, and HOST counts only where it is an address or "localhost": some shells
# and compiler set-ups export HOST as the name or type of the machine.
ifeq ($(origin HOST),command line)
  export RLS_CDS_HOST := $(HOST)
else ifeq ($(origin HOST)/$(origin RLS_CDS_HOST),environment/undefined)
  ifeq ($(shell case "$$HOST" in (localhost|*:*) echo yes;; (*[!0-9.]*) ;; (*.*.*.*) echo yes;; esac),yes)
    export RLS_CDS_HOST := $(HOST)
  endif
endif
ifeq ($(origin PORT),command line)
  export RLS_CDS_PORT := $(PORT)
else ifeq ($(origin PORT)/$(origin RLS_CDS_PORT),environment/undefined)
  export RLS_CDS_PORT := $(PORT)
endif

# Says that a verb has no tool yet, and fails.
not_there = { echo "make $@: $(1) is not there yet. Nothing was done." >&2; exit 1; }
# The environment for development, where the tool of a verb is there at all.
dev_if = $(if $(wildcard $(1)),$(DEV))

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(RUN) ## Serve on http://127.0.0.1:8000 (HOST=…, PORT=…)
	@exec $(PY) -m service serve

.PHONY: install
install: $(RUN) ## The environment of the service in .venv, and nothing else

.PHONY: test
test: $(DEV) ## The whole suite with branch coverage of cards/; ONLY=tests/cards for a part, without coverage
	@$(PY) -m pytest $(if $(ONLY),$(ONLY),-n $(WORKERS) --cov=cards --cov-branch --cov-report=term-missing)

.PHONY: check format-check lint types contracts knowledge generated dockerfile
check: format-check lint types contracts knowledge generated dockerfile ## Everything that is checked without running the service

format-check: $(DEV)
	$(PY) -m ruff format --check .
lint: $(DEV)
	$(PY) -m ruff check .
types: $(DEV)
	$(PY) -m mypy
contracts: $(DEV)
	.venv/bin/lint-imports
knowledge: $(DEV)
	$(PY) -m cards check
generated: $(DEV)
	$(PY) -m cards render --check
	$(PY) -m service settings-page --check
	$(PY) -m tests.docs.generated --check
dockerfile: $(DEV)
	.venv/bin/hadolint Dockerfile

.PHONY: bench
bench: $(call dev_if,bench/throughput.py) ## Our service beside a bare one: throughput, latency, memory, cold start
	@test -f bench/throughput.py || $(call not_there,bench/throughput.py)
	$(PY) -m bench.throughput $(ARGS)

.PHONY: bench-workers
bench-workers: $(DEV) ## Two workers beside one
	$(PY) -m bench.workers $(ARGS)

.PHONY: profile
profile: $(call dev_if,bench/profile.py) ## Where the time of one call goes (ARGS='"view 300, no RLS"' for another body)
	@test -f bench/profile.py || $(call not_there,bench/profile.py)
	$(PY) -m bench.profile $(ARGS)

.PHONY: bench-fhir
bench-fhir: $(call dev_if,bench/fhir.py) ## FHIR calls made and their latency, against a server of 50 ms
	@test -f bench/fhir.py || $(call not_there,bench/fhir.py)
	$(PY) -m bench.fhir $(ARGS)

.PHONY: bench-names
bench-names: $(call dev_if,bench/names.py) ## How many drug names are recognised (NAMES=path of a names file)
	@test -f bench/names.py || $(call not_there,bench/names.py)
	@test -n "$(NAMES)" || { echo "make $@: name a file of drug names, as in: make $@ NAMES=names.csv" >&2; exit 1; }
	$(PY) -m bench.names "$(NAMES)" $(ARGS)

.PHONY: bench-store
bench-store: $(DEV) ## How the store bears ten million events (ARGS="--events 100000" for fewer)
	$(PY) -m bench.store $(ARGS)

.PHONY: fuzz
fuzz: $(DEV) ## 120,000 made-up and mutated requests, ever new ones (CASES=…, SEED=… to repeat a run)
	FUZZ_CASES=$(or $(CASES),120000) FUZZ_SEED=$(or $(SEED),$$(date +%s)) $(PY) -m pytest tests/fuzz -n $(WORKERS) $(ARGS)

.PHONY: conformance
conformance: $(DEV) ## Every statement of CDS Hooks checked; writes docs/conformance.md (ARGS=--check: only compares)
	$(PY) -m tests.conformance.matrix $(or $(ARGS),--write)

# --strict, or it would pass when the source of advisories cannot be reached.
AUDIT_SOURCE ?= pypi
.PHONY: audit
audit: $(DEV) ## Known weaknesses of the pinned packages (AUDIT_SOURCE=osv for another source of advisories)
	@for list in run tracing dev bootstrap sbom; do \
	  echo "pip-audit of requirements/$$list.txt"; \
	  $(PY) -m pip_audit --strict --vulnerability-service $(AUDIT_SOURCE) --require-hashes --disable-pip \
	    --progress-spinner off -r requirements/$$list.txt \
	    || { echo "make $@: NO PASS. Weaknesses were found, or the source of advisories did not answer: see above." >&2; exit 1; }; \
	done

.PHONY: docs
docs: $(DEV) ## The documentation as a site (site/index.html), with strict links and nothing from other hosts
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

.PHONY: guides
guides: $(DEV) ## Write the generated parts of the guides anew: templates, codes, links, options
	$(PY) -m tests.docs.generated

.PHONY: screenshots
screenshots: $(call dev_if,tests/screenshots.py) ## Pictures of the main pages
	@test -f tests/screenshots.py || $(call not_there,tests/screenshots.py)
	$(PY) -m tests.screenshots $(ARGS)

.PHONY: image
image: $(DEV) ## The container image rls-cds (docker or podman)
	@.venv/bin/hadolint Dockerfile && echo "Dockerfile: nothing to complain of (hadolint)"
	@if docker info >/dev/null 2>&1; then docker build --tag rls-cds .; \
	elif podman info >/dev/null 2>&1; then podman build --format docker --tag rls-cds .; \
	else \
	  echo "make $@: NO IMAGE WAS BUILT. No container engine answers (tried docker, podman); the Dockerfile was only linted." >&2; \
	  exit 1; \
	fi

.PHONY: image-check
image-check: $(DEV) ## The steps of the Dockerfile in a clean root, and the service started there (root, debootstrap)
	@$(PY) -m tests.image.check $(ARGS)

.PHONY: release
release: $(DEV) ## Wheel, image context, software bill of materials, checksums into dist/ (ARGS=--help)
	$(PY) release.py $(ARGS)

# UPGRADE=1 takes the newest versions; otherwise what is pinned stays. No index is named: a lock file fits any mirror.
.PHONY: lock
lock: $(DEV) ## Pin requirements/*.in with hashes (UPGRADE=1 for newer versions)
	@cd requirements && for list in bootstrap run dev tracing sbom; do \
	  ../$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    $(if $(UPGRADE),--upgrade) $$(test $$list = run || echo --constraint run.txt) $$(case $$list in (sbom|tracing) echo --constraint dev.txt;; esac) $$list.in --output-file $$list.txt \
	  || exit 1; \
	done

.PHONY: clean
clean: ## Remove the environment, caches and builds; the store (var/) stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist site *.egg-info
	rm -f .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment ---------------------------------------------------------------------------------------------------

# The first interpreter that is new enough and can make environments; PYTHON=… names another. A name alone proves
# nothing: version managers leave commands that only print an error.
$(BOOT): requirements/bootstrap.txt
	@if ! $(PY) -m pip --version >/dev/null 2>&1; then \
	  for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python) ""; do \
	    test -z "$$python" && { \
	      echo "Python 3.11 or newer with venv is needed, and none was found (tried: $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python))." >&2; \
	      echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name one: make PYTHON=/path/to/python3.12 …" >&2; \
	      exit 1; }; \
	    "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && break; \
	  done; \
	  echo "Making .venv with $$("$$python" --version) ($$python)"; \
	  "$$python" -m venv --clear .venv; \
	fi
	@$(PY) -m pip install --quiet --require-hashes -r requirements/bootstrap.txt \
	  || echo "uv could not be installed; pip will do all the work, more slowly."
	@touch $@

# uv takes 6 s where pip takes 33 s, but does not read pip's configuration: where that names a mirror, pip helps out.
define install
@echo "Installing $(1) into .venv (once)"
@$(PY) -m uv pip install --quiet --python $(PY) --require-hashes --compile-bytecode -r $(1) \
  || { echo "uv could not install $(1); trying pip"; $(PY) -m pip install --quiet --require-hashes -r $(1); }
endef

$(RUN): $(BOOT) requirements/run.txt
	$(call install,requirements/run.txt)
	@touch $@

# dev.txt holds all of run.txt.
$(DEV): $(BOOT) requirements/run.txt requirements/dev.txt
	$(call install,requirements/dev.txt)
	@touch $(RUN) $@
