# `make` lists the targets. Two matter: `make run` and `make test`; both set up what they need, from a bare Python.
.DEFAULT_GOAL := help

# Where it is set, each of the tests' many processes would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

# What is given, as in `make deploy BUCKET=…` or by the environment, is text, and never code of make or of a shell. Make
# itself reads it with $(value …) only, and recipes read it from the environment ("$$BUCKET"), into which make would
# otherwise put the command line's expanded.
is_given = $(filter command,$(firstword $(origin $1)))
ifneq ($(call is_given,TOKEN),)
$(error Everybody on this machine can read a command line, so give a secret by the environment: TOKEN=… make …)
endif
$(foreach name,$(.VARIABLES),$(if $(call is_given,$(name)),$(eval override export $(name) := $$(value $(name)))))

# Names of rules begin with it, so it has no space, and no sign that means something to make or to a shell.
override VENV := $(or $(value VENV),.venv)
ifneq ($(word 2,x$(VENV)x)$(strip $(foreach sign,; & | < > ( ) { } [ ] ' " ` ! ? * = : % ~ @ \ $$,$(findstring $(sign),$(VENV)))),)
$(error VENV must be a plain path)
endif
override BIN := $(VENV)/bin
# What npm installs, for the tests in or of each folder.
override MODULES := $(addsuffix /node_modules,tests/node tests/lint examples/typescript examples/react examples/vue)
override VERSION = $(shell $(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
override PACKAGED = dist/test/$(VERSION)
override PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# pytest itself splits the options in PYTEST into words.
override TESTS := PYTEST_ADDOPTS="$$PYTEST_ADDOPTS $$PYTEST" $(BIN)/python -m pytest

# Which of the cases; `test` leaves some out.
CASES :=
# The runtimes of Function Compute. Tests also run on those that are installed, besides PYTHON.
RUNTIMES ?= 3.10 3.12
export CASES SHORT_TESTS RUNTIMES

.PHONY: help run invoke test thorough check tests untimed contract timed fleets web screenshots packaged plain tests-on-runtimes package doctor deploy verify remove reliability faults deadlines soak model fuzz bench clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' Makefile

run: $(VENV)/.run ## serve the function behind a local gateway, with a sandbox CAMS (PORT, GATEWAY, RUNTIME)
	@$(BIN)/python -m local --runtime="$${RUNTIME:-python3.10}" serve --port="$${PORT:-8000}" --gateway="$${GATEWAY:-v1}"

invoke: $(VENV)/.run ## run one event from a file, without a server (EVENT, RUNTIME)
	@$(BIN)/python -m local --runtime="$${RUNTIME:-python3.10}" invoke -- "$${EVENT:-events/http_trigger_get.json}"

# Leaves out further cases of tests that have many, slow tests, whole fleets, and the plain package; on the other
# runtime, most of the contract.
test: CASES = and not thorough
test: SHORT_TESTS = $(addprefix tests/contract/test_,samples.py http.py start.py credentials.py)
test: check untimed timed web packaged tests-on-runtimes ## run the checks and tests, on every installed runtime (8 minutes)

thorough: check untimed timed fleets web packaged plain tests-on-runtimes ## the same, with all cases (half an hour)

check: $(VENV)/.dev ## check format, lint and types, and print the footprint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(BIN)/python -m testing.footprint

tests: untimed contract timed fleets web ## run all tests against src instead of a package, for work in progress

untimed: $(VENV)/.dev $(MODULES) ## run the tests that need no package, clock or browser (PYTEST)
	$(TESTS) -m "not timed and not browser $$CASES" --ignore tests/package --ignore tests/contract

contract: $(VENV)/.test ## run the contract tests against src (PYTEST)
	$(TESTS) -m "not timed $$CASES" tests/contract

# These run separately, so that no other test slows them down.
timed: $(VENV)/.dev ## run the tests that depend on the clock (PYTEST)
	$(TESTS) -m "timed $$CASES" -n 5 tests/contract tests/permits --ignore tests/contract/test_pressure.py

# Many processes each, so one after another.
fleets: $(VENV)/.dev ## run short forms of the fleets that make bench measures (PYTEST)
	$(TESTS) -n 0 tests/contract/test_pressure.py

web: $(VENV)/.dev $(MODULES) ## run the tests that need a browser (PYTEST)
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing chromium ..." && \
	  { apt-get install -y -qq chromium || { apt-get update -qq && apt-get install -y -qq chromium; }; } >/dev/null 2>&1; } || \
	  echo "chromium is not installed: skipping the browser tests. Install it, then run: make web"
	@! command -v chromium >/dev/null || $(TESTS) -m "browser $$CASES" -n 3 tests/web tests/examples

screenshots: $(VENV)/.dev ## take new pictures of the web page into docs/screenshots
	@mkdir -p docs/screenshots
	SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest -m browser -n 2 tests/web

# The package is unpacked into a read-only folder, as on Function Compute.
packaged: $(VENV)/.test ## run the contract tests against the package (PLAIN, PACKAGE_TESTS, PYTEST)
	@case $(VERSION) in 3.10|3.12) ;; *) \
	  echo "Python $(VERSION) is not a runtime of Function Compute: testing the contract without a package."; \
	  exec $(MAKE) --no-print-directory contract CASES="$$CASES";; esac; \
	set -e; chmod -R u+w $(PACKAGED) 2>/dev/null || true; rm -rf $(PACKAGED); \
	PYTHONPATH=src $(BIN)/python -m deploy.package --runtime python$(VERSION) $(if $(value PLAIN),--plain) --out $(PACKAGED)/function.zip; \
	$(BIN)/python -m zipfile -e $(PACKAGED)/function.zip $(PACKAGED)/code; chmod -R a-w $(PACKAGED)/code; \
	PACKAGE=$(PACKAGED)/function.zip $(TESTS) -m "not timed $$CASES" -o "pythonpath=$(PACKAGED)/code ." \
	  $${PACKAGE_TESTS:-tests/contract tests/package}

# The package without the step that makes it start faster.
plain: $(VENV)/.test ## run the contract tests against the plain package (PYTEST)
	@$(MAKE) --no-print-directory packaged PLAIN=1 PACKAGE_TESTS="$${SHORT_TESTS:-tests/contract}" CASES="$$CASES"

# Each of them has its own virtual environment.
tests-on-runtimes: ## run the packaged contract tests on the other installed runtimes (RUNTIMES)
	@for version in $$RUNTIMES; do \
	  python=$$(deploy/find-python "$$version"); \
	  if [ -z "$$python" ]; then echo "Python $$version is not installed: skipping its tests."; \
	  elif [ $(VERSION) = "$$version" ]; then echo "$(VENV) has Python $$version: skipping it here; run make packaged."; \
	  else \
	    echo "On Python $$version:"; \
	    $(MAKE) --no-print-directory packaged PACKAGE_TESTS="$${SHORT_TESTS:-tests/contract}" CASES="$$CASES" PYTHON="$$python" VENV="$(VENV)-$$version" || exit 1; \
	  fi; \
	done

# PLAIN=1 leaves out what makes the function start faster (docs/coldstart.md).
package: $(VENV)/.dev ## build dist/cams-qr-VERSION-RUNTIME.zip (RUNTIME, PLAIN)
	@PYTHONPATH=src $(BIN)/python -m deploy.package --runtime="$${RUNTIME:-python3.10}" $(if $(value PLAIN),--plain)

# BUCKET is required, and STACK for deploy. PARAMETERS is a JSON file, PACKAGE the name in the bucket of a package to roll
# back to, NUMBER one of the account's phone numbers. DOCTOR=off and VERIFY=off skip the checks before and after.
override STACKED := --stack="$${STACK:?is missing}" $${REGION:+--region="$$REGION"}
override ASKED := $${NUMBER:+--number="$$NUMBER"}
override TO_DEPLOY := --bucket="$${BUCKET:?is missing}" $${RUNTIME:+--runtime="$$RUNTIME"} \
  $${PARAMETERS:+--parameters="$$PARAMETERS"} $(ASKED)

doctor: $(VENV)/.dev ## check the account for what a deployment needs (BUCKET, STACK, REGION, ...)
	@PYTHONPATH=src $(BIN)/python -m deploy doctor $(TO_DEPLOY) $${REGION:+--region="$$REGION"} $${STACK:+--stack="$$STACK"}

deploy: $(VENV)/.dev ## deploy, between doctor and verify (STACK, BUCKET, PARAMETERS, PACKAGE, REGION, ...)
	@PYTHONPATH=src $(BIN)/python -m deploy deploy $(STACKED) $(TO_DEPLOY) \
	  $${PACKAGE:+--package="$$PACKAGE"} $${SPACE:+--space="$$SPACE"} \
	  $(if $(filter off,$(value DOCTOR)),--no-doctor) $(if $(filter off,$(value VERIFY)),--no-verify)

# TOKEN, in the environment, is a JSON Web Token, for HttpAuth jwt, or one of a gateway's consumers. SPACE is the
# custSpaceId to query; the default is the first allowed one.
verify: $(VENV)/.dev ## test what was deployed (STACK, NUMBER, TOKEN, SPACE, REGION)
	@PYTHONPATH=src $(BIN)/python -m deploy verify $(STACKED) $(ASKED) $${SPACE:+--space="$$SPACE"}

# It asks first; YES=on does not.
remove: $(VENV)/.dev ## delete the stack and its logs (STACK, REGION, YES)
	@PYTHONPATH=src $(BIN)/python -m deploy remove $(STACKED) $(if $(filter on,$(value YES)),--yes)

# Regenerate both after a change of the HTTP contract; tests compare them.
docs/openapi.json: $(VENV)/.run $(wildcard src/cams_qr/*.py src/cams_qr/events/http/*.py)
	PYTHONPATH=src $(BIN)/python -m tools.openapi > $@

web/cams-qr/schemas.d.ts: docs/openapi.json examples/typescript/node_modules
	$(BIN)/python -m tools.schemas > $@

# docs/reliability.md has the results of these.
reliability: faults deadlines soak model fuzz ## run every long test, about three quarters of an hour

faults: $(VENV)/.dev ## combine faults, triggers, Redis and endpoints (SEED, COUNT)
	@PYTHONPATH=src $(BIN)/python -m reliability.faults $${SEED:+--seed="$$SEED"} $${COUNT:+--count="$$COUNT"}

deadlines: $(VENV)/.dev ## measure how much time is left before each timeout
	@PYTHONPATH=src $(BIN)/python -m reliability.deadlines

soak: $(VENV)/.dev ## look for leaks over many invocations and freezes (COUNT)
	@PYTHONPATH=src $(BIN)/python -m reliability.soak $${COUNT:+--count="$$COUNT"}

model: $(VENV)/.dev ## run random schedules of permits in virtual time (STEPS, SEED)
	@PYTHONPATH=src $(BIN)/python -m reliability.model $${STEPS:+--steps="$$STEPS"} $${SEED:+--seed="$$SEED"}

# First the tests' random events, but more of them; then events guided by the code that they reach.
fuzz: $(VENV)/.dev ## fuzz the events (EXAMPLES, RUNS)
	FUZZ_EXAMPLES="$${EXAMPLES:-5000}" $(BIN)/python -m pytest tests/test_fuzz.py
	$(PIP) -r requirements-fuzz.txt
	@mkdir -p dist/corpus
	PYTHONPATH=src $(BIN)/python -m reliability.fuzz -runs="$${RUNS:-1000000}" -max_len=8192 -print_final_stats=1 -artifact_prefix=dist/ dist/corpus reliability/corpus events

bench: $(VENV)/.dev ## run the benchmarks (JSON: a file for the figures of the first)
	@PYTHONPATH=src $(BIN)/python -m bench $${JSON:+--json="$$JSON"}
	@$(BIN)/python -m bench.fleet
	@PYTHONPATH=src $(BIN)/python -m bench.hostile

clean: ## delete everything that make has created
	chmod -R u+w dist 2>/dev/null || true
	rm -rf dist $(VENV) $(VENV)-* $(MODULES) .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The function's own runtime if it is installed, else any Python.
$(VENV)/bin/python:
	@python="$${PYTHON:-$$(deploy/find-python 3.10)}"; python="$${python:-python3}"; \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=...")' && \
	"$$python" -m venv $(VENV)

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

# Tests of the official Node client, the linters and the examples need Node.
$(MODULES): %/node_modules: %/package-lock.json
	@if command -v npm >/dev/null; then npm ci --prefix $* --no-audit --no-fund --loglevel=error && touch $@; \
	else echo "npm is not installed: skipping the tests of $*. Install Node.js, then run: make test"; fi
