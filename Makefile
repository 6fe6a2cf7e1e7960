# make run · test · check · faults · e2e · bench · build · deploy · lock
# Everything sets itself up from a clean clone: Python ≥ 3.11 and make are all it takes (build and deploy say what more).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test check faults clean lock

run: $(READY) ## the bridge on this machine: endpoint, AWS, Message Central and CleverTap's callback
	@$(BIN)/python -m local

test: $(READY) ## unit and integration tests
	$(BIN)/python -m pytest

check: $(READY) ## format, lint, types, template
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/cfn-lint --append-rules cfn_lint_serverless.rules -- template.yaml

faults: $(READY) ## killed workers, dead neighbours, lost answers: real processes and sockets (SEED=n repeats a run)
	$(BIN)/python -m pytest tests/faults

$(READY): requirements-dev.txt functions/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

lock: ## pin the newest versions of all dependencies (needs uv)
	cd functions && uv pip compile requirements.in --upgrade --universal --python-version 3.11 \
	  --no-header --no-annotate -q -o requirements.txt
	uv pip compile requirements-dev.in --upgrade --universal --python-version 3.11 \
	  --no-header --no-annotate --generate-hashes -q -o requirements-dev.txt

clean: ## remove what was made here
	rm -rf $(VENV) .venvs .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis bench.json
