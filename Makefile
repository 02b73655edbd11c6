# The same commands for a person and for CI. They need git, make and Python 3.10 or newer; all else goes into .venv.
#
#   make demo     convert the digits example for RISC-V, verify it in emulation, print the report
#   make test     check, then every test; what needs QEMU, gcc, torch or ../shared is skipped and says so at the end
#   make check    linters, types, formatting, import direction, registries: no compiler needed
#   make bench    measure the MLPerf Tiny models and every kernel anew, in executed instructions, under limits on the arena,
#                 and in cycles (of RISC-V cores where verilator is installed); needs ../shared
#   make format   rewrite Python and C to the house's format
#   make docs     rewrite the tables of README.md and docs/ from the registries
#   make clean    remove what these made
#
# Variables: PYTHON (interpreter that makes .venv), EXTRAS (more pip requirements, such as "torch==2.13.0 onnxscript"),
# TESTS (pytest arguments, such as tests/ops or "-k conv2d").

PYTHON ?= python3
VENV ?= .venv
EXTRAS ?=
TESTS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DIGITS := examples/digits/digits
C_FILES := find runtime -name '*.[ch]' -o -name '*.cpp'

# One stamp per set of packages: the second call installs nothing. The name carries EXTRAS, so another EXTRAS is another set.
MADE := $(VENV)/made
DEMO := $(VENV)/installed-demo
EMPTY :=
DEV := $(VENV)/installed-dev$(subst $(EMPTY) ,,$(subst =,-,$(addprefix -,$(EXTRAS))))

.PHONY: demo test check bench format docs clean venv

demo: build/digits
	$(BIN)/edgeq verify build/digits --on emulator --inputs $(DIGITS)_test.npz
	cat build/digits/digits_report.txt

test: check
	$(BIN)/pytest -n auto $(TESTS)

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(C_FILES) | xargs $(BIN)/clang-format --dry-run -Werror
	$(BIN)/pytest -q -m "not tools" tests/meta

bench: $(DEV)
	$(BIN)/python -m benchmarks.mlperf_tiny
	$(BIN)/python -m benchmarks.kernels
	$(BIN)/python -m benchmarks.patches
	@command -v verilator >/dev/null || echo "verilator is not installed: cycles of RISC-V cores keep their figures"
	$(BIN)/python -m benchmarks.cycles $$(command -v verilator >/dev/null || echo cortex)

format: $(DEV)
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .
	$(C_FILES) | xargs $(BIN)/clang-format -i

docs: $(DEV)
	$(BIN)/python -m edgeq.report.tables README.md docs/*.md

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .edgeq-cache

venv: $(DEV)

.PHONY: build/digits
build/digits: $(DEMO)
	$(BIN)/edgeq convert $(DIGITS).onnx --board riscv --calibrate $(DIGITS)_calibration.npz -o $@

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "edgeq needs Python 3.10 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) --upgrade "pip>=25.1"
	@touch $@

$(DEMO): pyproject.toml $(MADE)
	$(PIP) --editable ".[emulate]"
	@touch $@

$(DEV): pyproject.toml $(MADE)
	$(PIP) --editable ".[emulate,reference,rtl,device,flash,tune,cluster]" --group dev $(EXTRAS)
	@touch $@ $(DEMO)
