# make run · unit · unit-on-runtime · integration · test · check · faults · simulate · contract · browser · deployment · e2e · bench · build · validate · quota · deploy · rollback · form · pictures · lock · clean
# Everything sets itself up from a clean clone: Python ≥ 3.11 and make are all it takes (build and deploy say what more).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SAM := .venvs/sam/bin/sam
BENCH := .venvs/bench
BROWSER := .venvs/browser
MINISTACK := .venvs/ministack
CHECKOV := .venvs/checkov/bin/checkov
STACK ?= clevertap-sms
ENV ?= default
export SAM_CLI_TELEMETRY := 0
# Two workers for each core, as tests wait for a third of their time.
WORKERS = $(shell $(PYTHON) -c 'import os; print(2 * os.cpu_count())')
# A file's tests stay together: what starts servers starts them once. In their own order: the slow files come first.
ON_ALL_CORES = -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: run unit unit-on-runtime integration test check faults simulate contract browser deployment e2e bench build runtime quota deploy rollback validate form pictures lock clean

run: $(READY) ## the bridge on this machine: endpoint, AWS, Message Central and CleverTap's callback
	@$(BIN)/python -m local

unit: $(READY) ## what needs no process beside the tests, in a minute or two
	$(BIN)/python -m pytest $(ON_ALL_CORES) tests/unit tests/properties

unit-on-runtime: ## the same on the functions' Python: its JSON parser, for one, goes deeper (needs python3.13)
	@$(MAKE) --no-print-directory unit PYTHON=python3.13 VENV=.venvs/runtime

integration: $(READY) ## what starts processes and opens sockets on this machine
	$(BIN)/python -m pytest tests/integration

test: $(READY) ## all that needs no containers: unit, integration
	$(BIN)/python -m pytest $(ON_ALL_CORES)

check: $(READY) ## format, lint, types, which way imports point, template, workflows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=functions $(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/cfn-lint --append-rules cfn_lint_serverless.rules -- template.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml

faults: $(READY) ## killed workers, dead neighbours, a real nginx between: processes and sockets (SEED=n repeats a run)
	$(BIN)/python -m pytest $(ON_ALL_CORES) tests/faults tests/nginx

# Sets of texts are in the same order in each run, so that a seed is the same run everywhere.
simulate: $(READY) ## days in virtual time: outages, crashes, rates (SEED=n HOURS=h MESSAGES=m plays one, SEEDS=1-99 many)
	PYTHONHASHSEED=0 $(BIN)/python -m $(if $(SEED)$(SEEDS),tests.simulation $(if $(SEED),--seed $(SEED)) \
	  $(if $(SEEDS),--seeds $(SEEDS)) $(if $(HOURS),--hours $(HOURS)) $(if $(MESSAGES),--messages $(MESSAGES)),\
	  pytest -n auto --dist load tests/simulation)

browser: $(READY) $(BROWSER)/.ready ## the operators' page in a real browser (needs Chromium: apt-get install chromium)
	PYTHONPATH=$(BROWSER) $(BIN)/python -m pytest tests/browser

deployment: $(READY) runtime .venvs/sam/.ready $(MINISTACK)/.ready ## sam deploy onto an emulator of AWS that runs the functions (needs python3.13)
	SAM=$(abspath $(SAM)) MINISTACK=$(abspath $(MINISTACK))/bin/python $(BIN)/python -m pytest tests/deployment

contract: $(READY) .venvs/contract/.ready ## openapi.yaml against the running bridge, and 100,000 hostile requests (COUNT=n)
	SCHEMATHESIS=$(abspath .venvs/contract/bin/schemathesis) $(BIN)/python -m pytest -s tests/contract

bench: $(READY) $(BENCH)/.ready ## the figures of docs/performance.md, in six minutes, and written there (PART=dispatch: that part alone)
	@$(BENCH)/bin/python -m tests.bench $(PART)

build: runtime .venvs/sam/.ready ## what is deployed, with bytecode (needs python3.13, the functions' runtime)
	$(SAM) build

# Before SAM empties the last build.
runtime:
	@$(MAKE) --no-print-directory -s -C functions runtime

deploy: quota build ## to AWS; guided the first time, and ends with what is left to do (ENV=staging, SHOW_KEY=1)
	@$(BIN)/python -m scripts.deploy --sam $(SAM) --env $(ENV) $(if $(SHOW_KEY),--show-key)

rollback: $(READY) .venvs/sam/.ready ## to what was deployed before the last make deploy from here (ENV=staging)
	@$(BIN)/python -m scripts.roll_back --sam $(SAM) --env $(ENV)

quota: $(READY) ## whether the region is set and the account's concurrency quota is enough (FORCE=1: go on anyway)
	@$(BIN)/python scripts/check_quota.py --env $(ENV) $(if $(FORCE),--force)

form: $(READY) ## CleverTap's form, filled in for an account of a deployed stack (STACK=…, ACCOUNT=…, SHOW_KEY=1)
	@scripts/bridge --stack $(STACK) $(if $(ACCOUNT),--account $(ACCOUNT)) form $(if $(SHOW_KEY),--show-key)

pictures: $(READY) $(BROWSER)/.ready ## those of the documents (needs Chromium)
	$(BIN)/python -m scripts.picture_of_make_run docs/pictures/make_run.svg
	PICTURES=docs/pictures PYTHONPATH=$(BROWSER) $(BIN)/python -m pytest -q tests/browser/test_pictures.py

validate: .venvs/sam/.ready .venvs/checkov/.ready ## the template, by SAM and checkov
	$(SAM) validate --lint --region us-east-1
	$(CHECKOV) -f template.yaml --config-file tests/e2e/checkov.yaml

e2e: $(READY) validate ## the functions as Lambda runs them, in containers (needs Docker and python3.13)
	SAM=$(abspath $(SAM)) $(BIN)/python -m pytest tests/e2e

$(READY): requirements-dev.txt functions/requirements.txt functions/compiled.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# On the functions' runtime where it is there: its figures are those that hold.
$(BENCH)/.ready: tests/bench/requirements.txt
	$$(python3.13 -c 'import sys; print(sys.executable)' 2>/dev/null || command -v $(PYTHON)) -m venv --clear $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Beside the environment of all others, which has what the tests need but the browser.
$(BROWSER)/.ready: tests/browser/requirements.txt $(READY)
	rm -rf $(BROWSER)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --target $(BROWSER) -r $<
	@touch $@

# On the functions' runtime: ministack runs them by its own Python.
$(MINISTACK)/.ready: tests/deployment/ministack.txt
	python3.13 -m venv --clear $(MINISTACK)
	$(MINISTACK)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

.venvs/contract/.ready: tests/contract/requirements.txt
	$(PYTHON) -m venv --clear .venvs/contract
	.venvs/contract/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venvs/%/.ready: tests/e2e/%.txt
	$(PYTHON) -m venv --clear .venvs/$*
	.venvs/$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

lock: ## pin the newest versions of all dependencies (needs uv)
	cd functions && uv pip compile requirements.in --upgrade --universal --python-version 3.11 \
	  --no-header --no-annotate --generate-hashes -q -o requirements.txt
	cd functions && uv pip compile compiled.in --upgrade --universal --python-version 3.11 \
	  --no-header --no-annotate --generate-hashes -q -o compiled.txt
	uv pip compile requirements-dev.in --upgrade --universal --python-version 3.11 \
	  --no-header --no-annotate --generate-hashes -q -o requirements-dev.txt
	uv pip compile tests/bench/requirements.in --upgrade --universal --python-version 3.11 \
	  --no-header --no-annotate --generate-hashes -q -o tests/bench/requirements.txt
	cd tests/bench/bare && uv pip compile requirements.in --universal --python-version 3.11 \
	  --no-header --no-annotate --generate-hashes -q -o requirements.txt
	cd tests/browser && uv pip compile requirements.in --upgrade --universal --python-version 3.11 \
	  --no-header --no-annotate --generate-hashes -q -o requirements.txt
	cd tests/deployment && uv pip compile ministack.in --upgrade --universal --python-version 3.11 \
	  --no-header --no-annotate --generate-hashes -q -o ministack.txt
	uv pip compile tests/contract/requirements.in --upgrade --universal --python-version 3.11 \
	  --no-header --no-annotate --generate-hashes -q -o tests/contract/requirements.txt
	cd tests/e2e && for tool in sam checkov; do uv pip compile $$tool.in --upgrade --universal --python-version 3.11 \
	  --no-header --no-annotate --generate-hashes -q -o $$tool.txt; done

clean: ## remove what was made here
	rm -rf $(VENV) .venvs .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis bench.json
