# What people use; `make` alone lists it. Everything runs in the project's own virtual environment, made on first use.

PYTHON ?= python3
VENV ?= .venv
SPEC ?= sweeps/specs/digits.yaml
SERVICES ?= services
CLUSTER ?= local
NODES ?= 1
READY := $(VENV)/.ready
PARALLEL ?= -n auto --dist loadfile
RUN := OMP_NUM_THREADS=1 $(VENV)/bin/
LOCAL = $(if $(filter local,$(CLUSTER)),,$(error CLUSTER=$(CLUSTER): started by what `python -m cluster render` writes; \
	local is allowed here))$(RUN)python -m cluster

.DEFAULT_GOAL := help
.PHONY: help setup sweep ui test test-all test-services fuzz check format bench overhead scale gallery clean services-up services-status services-down cluster-up cluster-status cluster-down submit test-cluster

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## make the environment (the other targets do it by themselves)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

sweep: $(READY)  ## run a sweep: the quick-start, or SPEC=path/to/spec.yaml; goes on where it was stopped
	@$(RUN)sweeps run $(SPEC) --or-resume

ui: $(READY)  ## open MLflow on 127.0.0.1 over ./runs
	@$(RUN)sweeps ui

cluster-up: $(READY)  ## a Ray cluster of NODES=3 nodes on this machine; other places: python -m cluster render
	@$(LOCAL) up --nodes $(NODES)

cluster-status: $(READY)  ## what runs of it
	@$(LOCAL) status

submit: $(READY)  ## hand SPEC=path/to/spec.yaml to the cluster on this machine, or to ADDRESS=http://host:8265
	@$(if $(ADDRESS),$(RUN)sweeps submit $(SPEC) --address $(ADDRESS),eval "$$($(LOCAL) env)" && \
		$(RUN)sweeps submit $(SPEC) --set storage=$(CURDIR)/runs)

cluster-down: $(READY)  ## end it; nothing is left
	@$(LOCAL) down

services-up: $(READY)  ## PostgreSQL and an MLflow server for a team, in SERVICES=folder; HOST=address to be reached
	@$(RUN)python -m cluster services-up --folder $(SERVICES) $(if $(HOST),--host $(HOST))

services-status: $(READY)  ## whether they run, and where
	@$(RUN)python -m cluster services-status --folder $(SERVICES)

services-down: $(READY)  ## end them; their data stay
	@$(RUN)python -m cluster services-down --folder $(SERVICES)

test: $(READY)  ## run the tests that take minutes
	@$(RUN)python -m pytest -m 'not slow' $(PARALLEL)

test-all: $(READY)  ## run all tests, the long kill tests too
	@$(RUN)python -m pytest $(PARALLEL)

test-services: $(READY)  ## the tests of S3 and PostgreSQL; as root, installs PostgreSQL first where it is missing
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || [ "$$(id -u)" != 0 ] || \
		(apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends postgresql)
	@$(RUN)python -m pytest -rs tests/test_s3.py tests/test_database.py

test-cluster: $(READY)  ## the tests of clusters, those with machines in network namespaces too: minutes, as root
	@$(RUN)python -m pytest -rs tests/cluster

.PHONY: test-browser chromium screenshots
test-browser: $(READY) chromium  ## the report and MLflow's pages in a real browser; as root, installs Chromium first
	@$(RUN)python -m pytest -rs tests/browser

chromium:
	@command -v chromium >/dev/null || [ "$$(id -u)" != 0 ] || \
		(apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends chromium fonts-dejavu-core)

.PHONY: test-slurm slurm
test-slurm: $(READY) slurm  ## a sweep as a job of a real Slurm on this machine (minutes); as root, installs Slurm where it is missing
	@$(RUN)python -m pytest -rs tests/cluster/test_slurm.py tests/cluster/slurm

slurm:
	@(command -v slurmctld && command -v munged && command -v shellcheck) >/dev/null || [ "$$(id -u)" != 0 ] || \
		(apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends slurm-wlm munge shellcheck)

screenshots: $(READY) chromium  ## the README's pictures and its table, from a run of the quick-start (minutes)
	@PYTHONPATH=tests $(RUN)python tests/browser/screenshots.py sweeps/specs/digits.yaml

fuzz: $(READY)  ## try twenty thousand mutated specs
	@$(RUN)python -m pytest tests/test_spec_fuzz.py -m slow $(PARALLEL)

check: $(READY)  ## lint, formatting, types, import directions
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(RUN)python -m pytest tests/test_imports.py

format: $(READY)  ## format the code
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

bench: $(READY)  ## members·steps per second against the ordinary training loop
	@$(RUN)python -m bench.engine

overhead: $(READY)  ## what the service costs beside bare Ray Tune (half an hour, on an idle machine)
	@$(RUN)python -m bench.overhead

scale: $(READY)  ## what one driver sustains: TRIALS=2000 queued, RUNNING=64 at once (300 MB each)
	@$(RUN)python -m bench.scale --trials $(or $(TRIALS),2000) --running $(or $(RUNNING),64)

faults: $(READY)  ## what faults do to a sweep, beside plain Ray Tune: docs/faults.md; half an hour, as root
	@$(RUN)python -m bench.faults

gallery: $(READY)  ## draw every figure of docs/gallery
	@$(RUN)python -m gallery

clean:  ## remove the environment and caches; runs stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
