# make lap: the whole journey on the sample session. make test: what CI runs.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: help install dev lap test bench docs up lock clean
help:           ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/'

$(VENV)/.installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	@echo "installing what requirements.lock names: about 2 GB, a few minutes once"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable .
	@$(BIN)/python -c "import pathlib; pathlib.Path('$@').touch()"

$(VENV)/.%: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[$*]'
	@$(BIN)/python -c "import pathlib; pathlib.Path('$@').touch()"

install: $(VENV)/.installed  ## .venv from the lock file
dev: $(VENV)/.dev            ## .venv with the tools of the developers

lap: $(VENV)/.installed      ## cars learn to drive: a few minutes, a plot, a picture
	$(BIN)/pitwall lap

test: $(VENV)/.dev           ## ruff, mypy strict, pytest on two cores
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.bench        ## speed and memory, beside their peers
	$(BIN)/python -m benchmarks

docs: $(VENV)/.installed       ## the reference, from the code
	$(BIN)/python -m docs.make_reference

up: $(VENV)/.installed       ## server, worker and deployments, until Ctrl-C
	$(BIN)/pitwall up

lock: $(VENV)/.dev $(VENV)/.bench           ## renew requirements.lock (the local part of a version, +cpu, is left out)
	$(BIN)/pip-compile --quiet --all-extras --strip-extras --no-annotate --no-header \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o requirements.lock pyproject.toml requirements.in
	$(BIN)/python -c "import pathlib, re; p = pathlib.Path('requirements.lock'); p.write_text(re.sub(r'\+\w+$$', '', p.read_text(), flags=re.M))"

clean:                       ## everything that can be made again
	$(PYTHON) -c "import shutil; [shutil.rmtree(p, ignore_errors=True) for p in ('$(VENV)', '.mypy_cache', '.ruff_cache', '.pytest_cache')]"
