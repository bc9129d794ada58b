# Two commands matter: `make run` and `make test`. Both set up what they need, from a bare Python.

# The function's own runtime where it is installed, else any Python.
PYTHON ?= $(or $(shell deploy/find-python 3.10),python3)
VENV ?= .venv
PORT ?= 8000
GATEWAY ?= v1
RUNTIME ?= python3.10
EVENT ?= events/http_trigger_get.json
# The runtimes of Function Compute; those installed run the tests too, besides PYTHON.
RUNTIMES ?= 3.10 3.12

BIN := $(VENV)/bin
# What npm installs, each for the tests beside it or of it.
MODULES := $(addsuffix /node_modules,tests/node tests/lint examples/typescript examples/react examples/vue)
VERSION = $(shell $(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
PACKAGED = dist/test/$(VERSION)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run invoke test check tests untimed contract timed web screenshots packaged tests-on-runtimes package doctor deploy verify remove reliability faults deadlines soak model fuzz bench clean

run: $(VENV)/.run
	@$(BIN)/python -m local --runtime $(RUNTIME) serve --port $(PORT) --gateway $(GATEWAY)

invoke: $(VENV)/.run
	@$(BIN)/python -m local --runtime $(RUNTIME) invoke $(EVENT)

test: check untimed timed web packaged tests-on-runtimes

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(BIN)/python -m bench.footprint

# All without a package, for a change under way.
tests: untimed contract timed web

untimed: $(VENV)/.dev $(MODULES)
	$(BIN)/python -m pytest -m "not timed and not browser" --ignore tests/package --ignore tests/contract $(PYTEST)

contract: $(VENV)/.test
	$(BIN)/python -m pytest -m "not timed" tests/contract $(PYTEST)

# What the clock decides runs apart, so that no other test holds it up.
timed: $(VENV)/.dev
	$(BIN)/python -m pytest -m timed -n 4 --dist loadgroup $(PYTEST)

web: $(VENV)/.dev $(MODULES)
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing chromium ..." && \
	  { apt-get install -y -qq chromium || { apt-get update -qq && apt-get install -y -qq chromium; }; } >/dev/null 2>&1; } || \
	  echo "chromium is not installed: the tests in a browser are not run. Install it, then: make web"
	@! command -v chromium >/dev/null || $(BIN)/python -m pytest -m browser -n 2 tests/web tests/examples $(PYTEST)

# New pictures of the page for the README.
screenshots: $(VENV)/.dev
	@mkdir -p docs/screenshots
	SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest -m browser -n 2 tests/web

# The contract, with the package unpacked into a read-only folder instead of src.
packaged: $(VENV)/.test
	@case $(VERSION) in 3.10|3.12) ;; *) \
	  echo "Python $(VERSION) is no runtime of Function Compute: the contract is tested without a package."; \
	  exec $(MAKE) --no-print-directory contract;; esac; \
	set -e; chmod -R u+w $(PACKAGED) 2>/dev/null || true; rm -rf $(PACKAGED); \
	PYTHONPATH=src $(BIN)/python -m deploy.package --runtime python$(VERSION) --out $(PACKAGED)/function.zip; \
	$(BIN)/python -m zipfile -e $(PACKAGED)/function.zip $(PACKAGED)/code; chmod -R a-w $(PACKAGED)/code; \
	PACKAGE=$(PACKAGED)/function.zip $(BIN)/python -m pytest -m "not timed" -o "pythonpath=$(PACKAGED)/code ." \
	  $(or $(PACKAGE_TESTS),tests/contract tests/package) $(PYTEST)

# Each further runtime has a virtual environment of its own.
tests-on-runtimes:
	@for version in $(RUNTIMES); do \
	  python=$$(deploy/find-python $$version); \
	  if [ -z "$$python" ]; then echo "Python $$version is not installed: tests not run on it."; \
	  elif [ $(VERSION) != $$version ]; then \
	    echo "On Python $$version:"; \
	    $(MAKE) --no-print-directory packaged PACKAGE_TESTS=tests/contract PYTHON="$$python" VENV=$(VENV)-$$version || exit 1; \
	  fi; \
	done

# dist/function.zip, for RUNTIME.
package: $(VENV)/.dev
	@PYTHONPATH=src $(BIN)/python -m deploy.package --runtime $(RUNTIME)

# BUCKET is needed, for deploy STACK too; PARAMETERS is a JSON file, PACKAGE a name in the bucket to go back to, NUMBER
# one of the account's phone numbers. DOCTOR=off and VERIFY=off leave out what deploy begins and ends with.
TO_DEPLOY = --bucket $(or $(BUCKET),$(error BUCKET is missing)) $(if $(REGION),--region $(REGION)) \
  $(if $(filter file,$(origin RUNTIME)),,--runtime $(RUNTIME)) \
  $(if $(PARAMETERS),--parameters $(PARAMETERS)) $(if $(NUMBER),--number $(NUMBER))

doctor: $(VENV)/.dev
	@PYTHONPATH=src $(BIN)/python -m deploy doctor $(TO_DEPLOY) $(if $(STACK),--stack $(STACK))

deploy: $(VENV)/.dev
	@PYTHONPATH=src $(BIN)/python -m deploy deploy --stack $(or $(STACK),$(error STACK is missing)) $(TO_DEPLOY) \
	  $(if $(PACKAGE),--package $(PACKAGE)) $(if $(TOKEN),--token $(TOKEN)) $(if $(SPACE),--space $(SPACE)) \
	  $(if $(filter off,$(DOCTOR)),--no-doctor) $(if $(filter off,$(VERIFY)),--no-verify)

# TOKEN is a JSON Web Token, for HttpAuth jwt, or a consumer's of the gateway; SPACE a custSpaceId to ask for, else the first that is allowed.
verify: $(VENV)/.dev
	@PYTHONPATH=src $(BIN)/python -m deploy verify --stack $(or $(STACK),$(error STACK is missing)) \
	  $(if $(REGION),--region $(REGION)) $(if $(NUMBER),--number $(NUMBER)) $(if $(TOKEN),--token $(TOKEN)) \
	  $(if $(SPACE),--space $(SPACE))

remove: $(VENV)/.dev
	@PYTHONPATH=src $(BIN)/python -m deploy remove --stack $(or $(STACK),$(error STACK is missing)) \
	  $(if $(REGION),--region $(REGION))

# After a change of the HTTP contract; a test compares.
docs/openapi.json: $(VENV)/.run $(wildcard src/cams_qr/*.py src/cams_qr/events/*.py)
	PYTHONPATH=src $(BIN)/python -c 'import json; from cams_qr.openapi import document; print(json.dumps(document(), indent=2))' > $@

web/cams-qr/schemas.d.ts: docs/openapi.json examples/typescript/node_modules
	$(BIN)/python -m tests.web.schemas > $@

# Long runs that try to break the function; docs/reliability.md has their figures.
reliability: faults deadlines soak model fuzz

faults: $(VENV)/.dev
	@PYTHONPATH=src $(BIN)/python -m reliability.faults $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))

deadlines: $(VENV)/.dev
	@PYTHONPATH=src $(BIN)/python -m reliability.deadlines

soak: $(VENV)/.dev
	@PYTHONPATH=src $(BIN)/python -m reliability.soak $(if $(COUNT),--count $(COUNT))

# Random schedules against the line of the account, in virtual time.
model: $(VENV)/.dev
	@PYTHONPATH=src $(BIN)/python -m tests.permits.long $(if $(STEPS),--steps $(STEPS)) $(if $(SEED),--seed $(SEED))

# What the tests do with random events, but for long; and guided by the code that is reached.
fuzz: $(VENV)/.dev
	FUZZ_EXAMPLES=$(or $(EXAMPLES),5000) $(BIN)/python -m pytest tests/test_fuzz.py
	$(PIP) -r requirements-fuzz.txt
	@mkdir -p dist/corpus
	PYTHONPATH=src $(BIN)/python -m reliability.fuzz -runs=$(or $(RUNS),1000000) -max_len=4096 -print_final_stats=1 -artifact_prefix=dist/ dist/corpus reliability/corpus

# Prints tables; JSON names a file for the first one's figures.
bench: $(VENV)/.dev
	@PYTHONPATH=src $(BIN)/python -m bench $(if $(JSON),--json $(JSON))
	@$(BIN)/python -m bench.fleet
	@$(BIN)/python -m bench.designs
	@PYTHONPATH=src $(BIN)/python -m bench.hits
	@PYTHONPATH=src $(BIN)/python -m bench.simulation
	@PYTHONPATH=src $(BIN)/python -m bench.hostile

clean:
	chmod -R u+w dist 2>/dev/null || true
	rm -rf dist $(VENV) $(VENV)-* $(MODULES) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements.txt
	@echo "Installing what the function needs into $(VENV) ..."
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements-test.txt
	@echo "Installing what the contract tests need into $(VENV) ..."
	$(PIP) -r requirements-test.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.test requirements-dev.txt requirements-ros.txt
	@echo "Installing what the other tests need into $(VENV) ..."
	$(PIP) -r requirements-dev.txt
	$(PIP) --no-deps -r requirements-ros.txt
	@touch $@

# The official Node client, the linters and the examples take part in tests where Node is installed.
$(MODULES): %/node_modules: %/package-lock.json
	@if command -v npm >/dev/null; then npm ci --prefix $* --no-audit --no-fund --loglevel=error && touch $@; \
	else echo "npm is not installed: the tests of $* are skipped. Install Node.js, then: make test"; fi
