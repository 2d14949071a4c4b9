# make demo   the main job: set up, then search the embedded skin recipe
# make test   set up, then all tests
# make check  what a commit must pass: format, lint, types, import walls, fast tests

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test check format lock test-backends clean

demo: $(READY)
	$(BIN)/automed search recipes/skin.yaml

test: $(READY)
	$(BIN)/python -m pytest -q -m "not slow" -n auto
	$(BIN)/python -m pytest -q -m slow -n 2 --dist loadfile

check: $(READY)
	$(BIN)/ruff format --check automed tests
	$(BIN)/ruff check automed tests
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -m "not slow" -n auto

format: $(READY)
	$(BIN)/ruff format automed tests
	$(BIN)/ruff check --fix automed tests

# pip compiles what it installs: without byte code, importing TensorFlow takes 20 s instead of 7 s.
$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	$(BIN)/python -m compileall -q automed
	touch $(READY)

# Names, versions and hashes only.
lock: $(READY)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --quiet --output-file requirements.lock

# The contract tests of models and trials on the other backends of Keras; they need the extras jax and torch.
test-backends: $(READY)
	for backend in jax torch; do \
	  KERAS_BACKEND=$$backend $(BIN)/python -m pytest -q tests/contracts/test_models.py tests/test_trial.py || exit 1; \
	done

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
