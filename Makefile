# `make demo` and `make test` set up all they need in .venv; nothing but Python >= 3.11, git and make is assumed.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-quick test-browser test-vllm docs lint wheel clean

demo: .venv/.demo  ## search a few real ARC-AGI-1 tasks with the embedded model
	$(BIN)/python experiments/demo.py

test: .venv/.test  ## run all tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4

test-quick: .venv/.test  ## run all tests but the slow ones
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 -m "not slow"

test-browser: .venv/.test  ## open reports and the site in a real browser; screenshots in build/screenshots
	bash .ci/browser
	SOAR_BROWSER=required SOAR_SCREENSHOTS=$(CURDIR)/build/screenshots $(BIN)/python -m pytest tests/report/test_browser.py \
		tests/docs/test_site_browser.py

test-vllm: .venv/.test .venv-vllm/.done  ## run the tests against a real vLLM (3.5 GB more, CPU)
	SOAR_VLLM=$(CURDIR)/.venv-vllm $(BIN)/python -m pytest tests/models/test_vllm_model.py

docs: .venv/.docs  ## build the documentation as a site in build/site; a dead link ends it
	$(BIN)/zensical build --strict --clean
	@echo "look at it: $(BIN)/python -m http.server --directory build/site"

lint: .venv/.test  ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

wheel: .venv/.test  ## build the wheel, install it into a clean environment, search from there
	bash .ci/wheel

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "soar needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	touch $@

# torch comes first: where a build of the pinned version lies ready, nothing newer is pulled in.
.venv/.torch: .venv/.python constraints.txt
	$(INSTALL) torch
	touch $@

.venv/.demo: .venv/.torch pyproject.toml
	$(INSTALL) --editable '.[local]'
	touch $@

.venv/.docs: .venv/.python constraints.txt pyproject.toml
	$(INSTALL) --editable '.[docs]'
	touch $@

.venv/.test: .venv/.torch pyproject.toml
	$(INSTALL) --editable '.[test]'
	touch $@ .venv/.demo .venv/.docs

.venv-vllm/.done: .venv/.python .ci/vllm constraints.txt
	bash .ci/vllm $(PYTHON)

clean:  ## remove the environment and what was built
	rm -rf .venv .venv-vllm build dist
