# Two commands do everything: `make demo` sets up and runs the main job, `make test` sets up and passes the tests.
# Everything is installed into .venv from hashed locks; nothing outside this folder is touched.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= configs/quickstart.yaml
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check verdicts bench bench-peers soak e2e-aws format lint types floors lock clean

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.run ## set up, then fan a run out over local processes against the embedded model server
	@code=0; $(BIN)/benchctl launch $(CONFIG) --provider local --yes || code=$$?; \
	case $$code in 0|3) exit 0;; *) exit $$code;; esac

test: $(VENV)/.dev ## set up, then run the tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.dev ## format, lint, types, import floors, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(PYTEST_ARGS)

verdicts: $(VENV)/.dev ## plant trouble in a hundred real runs and count the right verdicts (20 minutes; docs/trust.md)
	$(BIN)/python benchmarks/verdicts.py --write

e2e-aws: $(VENV)/.dev ## everything that is proven against an emulated AWS: real Terraform, real package, real runtime
	BENCHCTL_E2E_AWS=all $(BIN)/python -m pytest tests/e2e/aws tests/emulators/aws tests/orchestrator/package $(PYTEST_ARGS)

bench: $(VENV)/.dev ## measure every bar of docs/performance.md on this machine (15 minutes; needs a C compiler)
	$(BIN)/python benchmarks/bench.py --write

bench-peers: $(VENV)/.dev ## the same load on inference-perf, guidellm, aiperf and vllm bench (15 minutes, 7 GB at first)
	$(BIN)/python benchmarks/peers.py --write

soak: $(VENV)/.dev ## ten minutes at half of capacity: does a worker grow, leak or tire?
	$(BIN)/python benchmarks/soak.py --minutes 10 --write

format: $(VENV)/.dev ## rewrite the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## resolve requirements/*.txt again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q \
		pyproject.toml requirements/build.in -o requirements/run.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q \
		pyproject.toml requirements/build.in requirements/dev.in -o requirements/dev.txt
	uv pip compile --python-version 3.13 --python-platform x86_64-manylinux_2_34 --only-binary :all: \
		--generate-hashes --no-emit-index-url --no-header --no-annotate -q \
		-c requirements/run.txt requirements/function.in -o orchestrator/package/aws.txt
	uv pip compile --python-version 3.13 --python-platform x86_64-manylinux_2_34 --only-binary :all: \
		--generate-hashes --no-emit-index-url --no-header --no-annotate -q \
		requirements/awslambdaric.in -o requirements/awslambdaric.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q \
		requirements/ministack.in -o requirements/ministack.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q \
		requirements/checkov.in -o requirements/checkov.txt

clean: ## remove what make made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Debian and Ubuntu ship python3 without ensurepip: say which package is missing instead of failing half way.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "benchctl needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Set PYTHON=python3.12, say." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "$(PYTHON) cannot make virtual environments here. Install the package python$$version-venv" \
			"(Debian, Ubuntu: apt-get install python$$version-venv), then run make again." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements/run.txt pyproject.toml
	@echo "setting up $(VENV) (once, about a minute) ..."
	@test -f $(VENV)/.dev || $(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements/dev.txt pyproject.toml
	@echo "setting up $(VENV) (once, about a minute) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run
