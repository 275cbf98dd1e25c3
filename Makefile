# The two commands a newcomer needs are `make run` and `make test`; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BUNDLE := .cache/bundle

.DEFAULT_GOAL := help
.PHONY: help run test lint mypy pyright types unit integration cluster kube test-images test-node bench bench-scorer bench-library bench-candidates \
        bench-faults bench-cluster bench-pacing proto docs lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# Two stamps, one environment: `run` needs only what ships, `test` adds the dev group on top.
$(VENV)/.run: requirements/all.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Weir needs Python 3.11 or newer; set PYTHON=python3.11"; exit 1; }
	@echo "Installing Weir and its locked packages into $(VENV): about a minute, once."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/all.txt
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "Installing the development tools into $(VENV): about a minute, once."
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

run: $(VENV)/.run $(BUNDLE)/bundle.json ## Start Weir on the quickstart and show its decisions (ARGS="--listen HOST:PORT")
	$(BIN)/weir demo --bundle $(BUNDLE) $(ARGS)

$(BUNDLE)/bundle.json: $(VENV)/.run $(wildcard scorer/weir_scorer/build/heads/default/*)
	$(BIN)/weir bundle build --out $(BUNDLE)

# `make -j2 --output-sync=target test` runs its parts side by side, which is what .ci/run does.
test: lint types unit integration cluster ## Linters, types, import contracts and every test

lint: $(VENV)/.dev ## Ruff and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: mypy pyright ## mypy and pyright, both strict

mypy: $(VENV)/.dev
	$(BIN)/mypy

pyright: $(VENV)/.dev
	$(BIN)/pyright

unit: $(VENV)/.dev $(BUNDLE)/bundle.json ## Tests of one process: units, contracts, the architecture
	$(BIN)/pytest tests/unit tests/contract tests/architecture

integration: $(VENV)/.dev $(BUNDLE)/bundle.json ## Tests over real sockets, programs and clients
	$(BIN)/pytest tests/integration tests/e2e

cluster: $(VENV)/.dev $(BUNDLE)/bundle.json ## Tests on a real Kubernetes API server
	$(BIN)/pytest tests/cluster tests/node

kube: $(VENV)/.dev ## Build (once, minutes) the Kubernetes programs that the cluster tests start
	PYTHONPATH=tests $(BIN)/python -m support.cluster.binaries

test-images: $(VENV)/.dev ## Root, Debian 12: build the images with buildah and try them
	WEIR_NODE=1 $(BIN)/pytest tests/node/test_images.py

test-node: $(VENV)/.dev ## Root, Debian 12: a whole Kubernetes node, our images and charts, load beside every change
	WEIR_NODE=1 $(BIN)/pytest -rP tests/node

bench: $(VENV)/.dev $(BUNDLE)/bundle.json ## Weir beside a bare proxy, one run, a table and bench/out/*.json
	$(BIN)/python -m bench.gateway
	$(BIN)/python -m bench.streaming

bench-scorer: $(VENV)/.dev $(BUNDLE)/bundle.json ## The scorer alone, over gRPC
	$(BIN)/python -m bench.scorer

bench-library: $(VENV)/.dev $(BUNDLE)/bundle.json ## weir.decide beside its bundle's scoring alone
	$(BIN)/python -m bench.library

bench-candidates: $(VENV)/.dev ## A decision among ten candidates beside one between two
	$(BIN)/python -m bench.candidates

bench-faults: $(VENV)/.dev ## What clients feel when half of a provider's calls fail
	$(BIN)/python -m bench.faults

bench-pacing: $(VENV)/.dev $(BUNDLE)/bundle.json ## A budget's spending beside its plan, on recorded prompts (WEIR_DATA_DIR)
	PYTHONPATH=tests $(BIN)/python -m bench.pacing $${WEIR_DATA_DIR:-../shared/data} $(BUNDLE) docs/budget.svg

bench-cluster: $(VENV)/.dev ## Operator and five gateways on a real API server: a change's way, 1,000 policies
	PYTHONPATH=tests $(BIN)/python -m bench.cluster

proto: $(VENV)/.dev ## Regenerate the protobuf stubs
	$(BIN)/python proto/generate.py

docs: $(VENV)/.dev ## Regenerate docs/configuration.md, docs/wires.md and docs/glossary.md
	$(BIN)/python docs/generate_configuration.py
	$(BIN)/python docs/generate_wires.py
	$(BIN)/python docs/generate_glossary.py

lock: $(VENV)/.dev ## Resolve pyproject.toml into the hash-locked requirements
	$(BIN)/python requirements/lock.py

clean: ## Remove the environment and what was built
	rm -rf $(VENV) .cache
