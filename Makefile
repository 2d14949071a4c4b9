# make demo   the main job: set up, then search the embedded skin recipe
# make test   set up, then all tests
# make gallery  search the skin recipe and keep its pages in reports/gallery, about ten minutes
# make bench  speed and memory as ratios to plain ways of doing the same, about seven minutes on two idle cores
# make check  what a commit must pass: format, lint, types, import walls, fast tests

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
AXE := .venv/axe/axe.min.js

.PHONY: demo test bench check format axe gallery lock test-backends clean

demo: $(READY)
	$(BIN)/automed search recipes/skin.yaml

test: $(READY) $(AXE)
	$(BIN)/python -m pytest -q -m "not slow" -n auto
	$(BIN)/python -m pytest -q -m slow -n 2 --dist loadfile

# All of it, or `make bench BENCH="--only decoding --in FOLDER"`.
bench: $(READY)
	$(BIN)/python tests/performance/bench.py $(BENCH)

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

# The example that the repository keeps: pages, their twins and model cards; no model, no prediction, no record.
GALLERY := reports/gallery/skin
gallery: $(READY)
	rm -rf build/gallery
	$(BIN)/automed search recipes/skin.yaml --out build/gallery --workers 1 --set search.finalists=1 --set explain.cases=6
	rm -rf $(GALLERY) && mkdir -p $(GALLERY)
	cd build/gallery && cp --parents index.html models/*/report.html models/*/report.json models/*/MODEL_CARD.md \
	  $(CURDIR)/$(GALLERY)
	# The recipe on the pages names the folder that it was read from.
	find $(GALLERY) -type f -exec sed -i 's#$(CURDIR)#.#g' {} +
	du -ch $(GALLERY)/index.html $(GALLERY)/models/*/*
	test "$$(du -sk $(GALLERY) | cut -f1)" -lt 3072

# axe-core finds what keeps people from using a page; the tests in a browser run it. Only its one file is kept.
AXE_ARCHIVE := axe-core-4.14.1.tgz
AXE_SHA256 := e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
axe: $(AXE)
$(AXE): | $(READY)
	mkdir -p $(@D)
	cd $(@D) && npm pack --silent axe-core@$(AXE_ARCHIVE:axe-core-%.tgz=%)
	cd $(@D) && echo "$(AXE_SHA256)  $(AXE_ARCHIVE)" | sha256sum --check --quiet
	cd $(@D) && tar --extract --gzip --strip-components=1 --touch --file=$(AXE_ARCHIVE) package/axe.min.js
	rm $(@D)/$(AXE_ARCHIVE)

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
