# The commands of the project. Everything is installed into .venv; nothing of the system's Python is touched.

PYTHON ?= python3
PORT ?= 8050
VENV := .venv
BIN := $(VENV)/bin
SETTINGS := pyproject.toml .ci/constraints.txt .ci/venv.sh

.DEFAULT_GOAL := help
.PHONY: help demo test lint firmware bench chaos fuzz clean

help:
	@echo "make demo           draw this machine's load, memory and temperature live, until Ctrl-C"
	@echo "make demo FOR=20    the same for 20 seconds, then count every reading"
	@echo "make demo PORT=8051 the same on another port"
	@echo "make test           lint, then all tests"
	@echo "make lint           style and types of the host's code and of the firmware"
	@echo "make firmware       build MicroPython for the emulated boards, once; make test does it by itself"
	@echo "make bench          measure agent and endpoint beside their peers into docs/benchmarks.md"
	@echo "make chaos          1,000 random faults, then an account of every reading (FAULTS=100, SEED=7, JSON=1)"
	@echo "make fuzz           make up new cases for what comes as a stream, a minute for each kind (SECONDS=3600, SEED=7)"
	@echo "make clean          remove .venv and everything else that make has built"

demo: $(VENV)/run.stamp
	@$(BIN)/plotpost demo --port $(PORT) $(if $(FOR),--for $(FOR) --json)

test: lint
	@.ci/browser.sh
	@.ci/nginx.sh
	@.ci/node.sh
	@.ci/test.sh

firmware: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.emulated.firmware

lint: $(VENV)/dev.stamp
	@.ci/lint.sh

bench: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.bench $(if $(JSON),--json)

chaos: $(VENV)/run.stamp
	@$(BIN)/python -m tests.faults.chaos $(if $(FAULTS),--faults $(FAULTS)) $(if $(SEED),--seed $(SEED)) $(if $(JSON),--json)

fuzz: $(VENV)/dev.stamp
	@.ci/fuzz.sh $(BIN)/python $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist tests/emulated/chip/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/run.stamp: $(SETTINGS)
	@.ci/venv.sh "$(PYTHON)" "$(VENV)" .
	@touch $@

$(VENV)/dev.stamp: $(SETTINGS)
	@.ci/venv.sh "$(PYTHON)" "$(VENV)" ".[dev]"
	@touch $@ $(VENV)/run.stamp
