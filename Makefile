# Everything a developer types. In a fresh clone, `make demo` and `make test` set themselves up.
PYTHON ?= python3
VENV ?= .venv
IMAGE = airbyte/source-stock-ticker:dev
ONCE ?= exchanges,market_holidays

# pip's own message is long, and does not say this.
INSTALL = -m pip install --quiet --disable-pip-version-check
OR_SAY_WHY = || { echo 'pip could not install what is needed (see above). It needs the network for this, once.' \
	'HTTPS_PROXY names a proxy, PIP_INDEX_URL another package index.'; exit 1; }

# Each is an empty file: the environment is made again only when setup.py is newer.
READY = $(VENV)/.ready
READY_FOR_TESTS = $(VENV)/.ready-for-tests
READY_TO_SYNC = $(VENV)/.ready-to-sync
READY_TO_AUDIT = $(VENV)-audit/.ready

.PHONY: help demo sync test lint sandbox image lock sbom audit clean

help: ## list the targets
	@echo 'In a fresh clone, begin with `make demo`. All targets:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo 'python main.py --help shows the commands of the connector itself.'

demo: $(READY) ## run the connector's four commands against the sandbox, without a key
	@$(VENV)/bin/python integration_tests/demo.py

# STREAMS=a,b  DATABASE=file  FULL=yes  SET="name=value other=@file". Exit codes other than 0 become make's own, 2.
# PART and ONCE divide a list: see destination/settings.py. make exports what is set on its command line.
sync: $(READY_TO_SYNC) ## read the sandbox into a DuckDB database; with your own key: make sync CONFIG=secrets/config.json
	@$(VENV)/bin/python destination/sync.py $(if $(CONFIG),--config "$$CONFIG") $(if $(DATABASE),--database "$$DATABASE") \
		$(if $(STREAMS),--streams "$$STREAMS") $(if $(filter-out no,$(FULL)),--full) $(foreach one,$(SET),--set '$(one)') \
		$(if $(TICKERS),--set "tickers=@$$TICKERS") $(if $(PART),--part "tickers=$$PART" --once '$(ONCE)')

# A file's tests stay together, since what they share is made once for a file. The order given here is kept, so that
# the files that take longest come first and no core is left waiting for one of them at the end.
test: $(READY_FOR_TESTS) ## run the tests, on all CPU cores
	$(VENV)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder integration_tests unit_tests

lint: $(READY_FOR_TESTS) ## check style (ruff) and types (mypy)
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m mypy

sandbox: $(READY) ## start the sandbox, a stand-in for the API, on port 8080 (or PORT=..), until Ctrl-C
	@$(VENV)/bin/python integration_tests/sandbox_api.py $(if $(PORT),--port $(PORT))

image: ## build the Docker image
	docker build . -t $(IMAGE)

# pip-tools needs the image's Python: with another, it would lock what that one needs.
lock: ## update requirements.lock, from which the image is installed (needs Python 3.13)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' || \
		{ echo 'The image has Python 3.13, so use that: make lock PYTHON=python3.13'; exit 1; }
	@$(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/python $(INSTALL) 'pip-tools>=7.4,<8' $(OR_SAY_WHY)
	@CUSTOM_COMPILE_COMMAND='make lock' $(VENV)-lock/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock setup.py

# A licence is named in the package itself, so the files that the image's Python gets are put where nothing else is.
sbom: $(READY_TO_AUDIT) ## list what the image installs, with licences, in dist/sbom.cdx.json
	@rm -rf $(VENV)-audit/image && mkdir -p dist
	@$(VENV)-audit/bin/python -m venv --without-pip $(VENV)-audit/image
	@$(VENV)-audit/bin/python $(INSTALL) --no-deps --target $(VENV)-audit/image/lib/python3*/site-packages \
		--require-hashes --only-binary :all: --python-version 3.13 --ignore-requires-python \
		--requirement requirements.lock $(OR_SAY_WHY)
	@$(VENV)-audit/bin/python $(INSTALL) --no-deps --target $(VENV)-audit/image/lib/python3*/site-packages \
		--upgrade . $(OR_SAY_WHY)
	@$(VENV)-audit/bin/cyclonedx-py environment --output-reproducible --output-file dist/sbom.cdx.json $(VENV)-audit/image
	@echo 'dist/sbom.cdx.json lists what the image installs (CycloneDX).'

# Without --strict, a package that the database does not answer for would pass as clean.
audit: $(READY_TO_AUDIT) ## look for known vulnerabilities in what the image installs
	@$(VENV)-audit/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes \
		--requirement requirements.lock 2>$(VENV)-audit/said.txt; status=$$?; \
		grep -E '^(No known|Found)' $(VENV)-audit/said.txt || echo "The audit is incomplete: PyPI's database of" \
		'vulnerabilities did not answer for every package (details: $(VENV)-audit/said.txt).'; exit $$status

clean: ## remove the environment, builds and caches
	rm -rf $(VENV) $(addprefix $(VENV)-,acceptance audit benchmarks docs engines example lock peers)
	rm -rf build dist site wheelhouse *.egg-info examples/.cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(READY): setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo 'The connector needs Python 3.10 or newer; name one: make PYTHON=python3.12 ...'; exit 1; }
	@echo 'Setting up $(VENV) (once; about half a minute)'
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python $(INSTALL) --editable . $(OR_SAY_WHY)
	@touch $@

$(READY_TO_SYNC): $(READY)
	@echo 'Adding DuckDB'
	@$(VENV)/bin/python $(INSTALL) --editable '.[sync]' $(OR_SAY_WHY)
	@touch $@

$(READY_TO_AUDIT): setup.py
	@echo 'Setting up $(VENV)-audit (once; about half a minute)'
	@$(PYTHON) -m venv $(VENV)-audit
	@$(VENV)-audit/bin/python $(INSTALL) '.[audit]' $(OR_SAY_WHY)
	@touch $@

$(READY_FOR_TESTS): $(READY)
	@echo 'Adding what the tests need'
	@$(VENV)/bin/python $(INSTALL) --editable '.[tests]' $(OR_SAY_WHY)
	@touch $@

# What only this project has: the Makefile of a connector made by `make new` ends above this line.
READY_FOR_BENCHMARKS = $(VENV)-benchmarks/.ready
ACCEPTANCE_TESTS = $(VENV)-acceptance/bin/python -m pytest integration_tests/acceptance \
	-p airbyte_cdk.test.standard_tests.pytest_hooks --disable-warnings \
	--read-from-streams=all --read-scenarios=config,busy_year

.PHONY: walks new lessons lesson try check-lesson hint wheelhouse docs docstest
.PHONY: example benchmark growth hotpath acceptance engines imagetest

# What a reader does, typed as a reader would: README and docs, connectors made by `make new`, lessons, small benchmarks.
walks: $(READY_FOR_TESTS) ## run the commands in the docs, and compare the output (takes a few minutes)
	$(VENV)/bin/python -m pytest -n auto --dist worksteal integration_tests/walks

new: ## start a connector of your own: make new NAME=pokemon DIR=../source-pokemon [PATTERN=one of patterns/]
	@$(PYTHON) template/new.py "$$NAME" "$$DIR" "$$PATTERN"

lessons: $(READY) ## list the lessons: in each, a connector has a fault that you find and fix
	@$(VENV)/bin/python lessons/lesson.py lessons

lesson: $(READY) ## begin a lesson: make lesson N=1 (RESET=yes throws your work away and begins again)
	@$(VENV)/bin/python lessons/lesson.py lesson "$$N" "$$RESET"

try: $(READY) ## do what the user in a lesson did, and see the output: make try N=1
	@$(VENV)/bin/python lessons/lesson.py try "$$N"

check-lesson: $(READY) ## find out whether you have fixed it: make check-lesson N=1
	@$(VENV)/bin/python lessons/lesson.py check-lesson "$$N"

hint: $(READY) ## get a hint, one of three: make hint N=1
	@$(VENV)/bin/python lessons/lesson.py hint "$$N"

# The wheel of the project itself is left out: whoever installs from the folder has the project.
wheelhouse: $(READY) ## download what `make test` and `make sync` install, for a room with a poor network
	@$(VENV)/bin/python -m pip wheel --quiet --disable-pip-version-check --wheel-dir wheelhouse \
		'.[tests,sync]' 'setuptools>=64' wheel $(OR_SAY_WHY)
	@rm -f wheelhouse/source_stock_ticker-*
	@echo '*' > wheelhouse/.gitignore
	@du -sh wheelhouse
	@echo 'To install from it:  PIP_NO_INDEX=1 PIP_FIND_LINKS="$$PWD/wheelhouse" make demo'

docs: $(VENV)-docs/.ready ## build the docs site into site/ (SERVE=yes shows it at http://localhost:8001)
	@$(VENV)-docs/bin/python docs/site/build_site.py $(if $(SERVE),--serve)

docstest: $(VENV)-docs/.ready ## build the docs site and look at it in a browser (Debian's chromium)
	$(VENV)-docs/bin/python -m pytest docs/site

example: $(VENV)-example/.ready ## read prices into a local database with PyAirbyte, and plot them
	@$(VENV)-example/bin/python -W ignore examples/prices_to_duckdb.py

# PEERS=yes installs the peers, about 650 MB. More: make benchmark BENCHMARK="--rounds 9 --cases days,latency"
benchmark: $(READY_FOR_BENCHMARKS) ## measure the connector against its peers (PEERS=yes installs them first)
	@$(VENV)-benchmarks/bin/python benchmarks/run.py --environments $(VENV)-peers $(if $(PEERS),--install) $(BENCHMARK)

growth: $(READY_FOR_BENCHMARKS) ## measure how time and memory grow with rows, tickers, pages and state
	@$(VENV)-benchmarks/bin/python benchmarks/growth.py $(BENCHMARK)

hotpath: $(READY_FOR_BENCHMARKS) ## measure what one row costs, step by step
	$(VENV)-benchmarks/bin/python -m pytest benchmarks/test_hot_path.py --benchmark-timer=time.process_time \
		--benchmark-columns=min,median,rounds --benchmark-sort=name

acceptance: $(VENV)-acceptance/.ready ## run Airbyte's own tests, and PyAirbyte, on the connector
	$(ACCEPTANCE_TESTS) -m 'not image_tests'

engines: $(VENV)-engines/.ready ## run the connector in Dagster, and check the examples for Airflow and Kubernetes
	$(VENV)-engines/bin/python -m pytest --confcutdir integration_tests/engines integration_tests/engines

# VERIFY_IMAGE: a script that builds the image and then runs $VERIFY_EXEC, for machines without a Docker engine.
imagetest: $(VENV)-acceptance/.ready ## build the Docker image and test it
ifdef VERIFY_IMAGE
	IMAGE=$(IMAGE) VERIFY_EXEC="$(ACCEPTANCE_TESTS) -m image_tests --connector-image $(IMAGE)" $(VERIFY_IMAGE) .
else
	docker build . -t $(IMAGE)
	$(ACCEPTANCE_TESTS) -m image_tests --connector-image $(IMAGE)
endif

# As users have it: an editable install adds 20 ms to every start of Python.
$(READY_FOR_BENCHMARKS): setup.py
	@echo 'Setting up $(VENV)-benchmarks (once; about half a minute)'
	@$(PYTHON) -m venv $(VENV)-benchmarks
	@$(VENV)-benchmarks/bin/python $(INSTALL) '.[benchmarks]' $(OR_SAY_WHY)
	@touch $@

$(VENV)-docs/.ready $(VENV)-engines/.ready: $(VENV)-%/.ready: setup.py
	@echo 'Setting up $(VENV)-$* (once; about a minute and 300 MB)'
	@$(PYTHON) -m venv $(VENV)-$*
	@$(VENV)-$*/bin/python $(INSTALL) --editable '.[$*]' $(OR_SAY_WHY)
	@touch $@

# Separate environments: Airbyte's packages are large and do not support every Python.
$(VENV)-%/.ready: setup.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' || \
		{ echo 'PyAirbyte needs Python 3.10, 3.11 or 3.12; name one: make PYTHON=python3.12 ...'; exit 1; }
	@echo 'Setting up $(VENV)-$* (once; about two minutes and 900 MB)'
	@$(PYTHON) -m venv $(VENV)-$*
	@$(VENV)-$*/bin/python $(INSTALL) --editable '.[$*]' $(OR_SAY_WHY)
	@touch $@
