# `make demo` and `make test` are all a newcomer needs: each makes the virtual environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_DATA ?= data
TEST_WORKERS ?= 2

.PHONY: setup demo placebo test test-fast test-long lint format bench bench-train chaos-train browser chaos-server test-ops bench-orchestration bench-endpoint real-endpoint bench-curation chaos simulation docs clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   venv, pinned install, the whole run on the sample PDFs, summary"
	@echo "make test   venv, pinned install, the test-suite (make test-fast: the part that takes a minute or two)"
	@echo "make placebo  the demo once more beside an adapter that was taught wrong answers: were facts learned, or a style?"
	@echo "make lint   ruff and mypy      make bench  speed beside a peer      make clean  removes venv and caches, not data"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --constraint constraints.txt
	@touch $@

demo: setup
	$(BIN)/tunehouse run --config deployments/demo/run.yaml --warehouse $(DEMO_DATA)
	$(BIN)/tunehouse check --warehouse $(DEMO_DATA)
	$(BIN)/tunehouse sql win_rate --warehouse $(DEMO_DATA)

placebo: setup
	$(BIN)/tunehouse run --config deployments/demo/placebo.yaml --warehouse $(DEMO_DATA)
	$(BIN)/tunehouse sql "select judge, contrast, split, n, n_wins, n_ties, n_losses, mcnemar_p from estimates where contrast like '%placebo' order by all" --warehouse $(DEMO_DATA)

test: setup
	$(BIN)/python -m pytest -q -m "not ops and not long" -n $(TEST_WORKERS) --dist loadfile

test-long: setup
	$(BIN)/python -m pytest -q -m "long and not ops"

test-fast: setup
	$(BIN)/python -m pytest -q -m "not slow" -n $(TEST_WORKERS) --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	@for bench in tests/bench/bench_*.py; do echo "== $$bench"; $(BIN)/python $$bench; done

bench-orchestration: setup
	$(BIN)/python tests/bench/bench_orchestration.py --documents 1000

bench-endpoint: setup
	$(BIN)/python tests/bench/bench_endpoint.py --synthetic-data-kit

real-endpoint: setup
	$(BIN)/python tests/real_endpoint/real_endpoint.py

bench-curation: setup
	$(BIN)/python tests/bench/bench_curation.py

# TRL is a peer in this comparison and nothing that we need: it goes into an environment of its own, above the pinned set
PURELIB := -c "import sysconfig; print(sysconfig.get_path('purelib'))"
$(VENV)-trl/.installed: | setup
	$(PYTHON) -m venv $(@D)
	$(BIN)/python $(PURELIB) > $$($(@D)/bin/python $(PURELIB))/pinned.pth
	$(@D)/bin/python -m pip install --quiet trl==1.16.0 --constraint constraints.txt
	@touch $@

bench-train: setup $(VENV)-trl/.installed
	$(BIN)/python tests/bench/bench_train.py --shape tiny --steps 8 --peer-python $(VENV)-trl/bin/python
	$(BIN)/python tests/bench/bench_train.py --shape 135m --steps 4 --peer-python $(VENV)-trl/bin/python --trainers ours trl_packed

chaos-train: setup
	$(BIN)/python tests/chaos/train_kills.py --kills 20 --seed 0

chaos: setup
	$(BIN)/python tests/chaos/chaos.py --kills 100 --seed 0

chaos-server: setup
	$(BIN)/python -m pytest -v tests/chaos/test_server_kills.py

browser: setup
	$(BIN)/python -m pytest -v tests/browser

# what operations promise: server, workers, browser, kills, schedules, other places; the long ones too
test-ops: setup
	$(BIN)/python -m pytest -v tests/flows/test_up.py tests/flows/test_schedule.py tests/flows/test_elsewhere.py tests/flows/test_rerun.py \
		tests/flows/test_status.py tests/flows/test_deletion.py tests/browser/test_ui_browser.py tests/chaos/test_server_kills.py
	$(BIN)/python tests/bench/bench_orchestration.py

simulation: setup
	$(BIN)/python tests/simulation/simulation.py

docs: setup
	$(BIN)/python -m warehouse.dictionary

clean:
	rm -rf $(VENV) $(VENV)-trl .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
