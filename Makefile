# make demo: train on real data, no download beyond the packages.   make test: the test suite.
# make test-thorough: more examples of every property. Tests run in WORKERS processes, a core each.
# Each makes its own .venv if there is none. PYTHON chooses the interpreter (3.11 or later).

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
RUN := $(VENV)/bin/

WORDS := .words

.PHONY: demo test test-thorough check docs words format bench clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or later is needed"'
	test -x $(RUN)python || $(PYTHON) -m venv $(VENV)
	$(RUN)python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[audio,demo,dev,export,keywords,recommend,serve,text,translate]'
	touch $@

demo: $(VENV)/.installed
	$(RUN)headstart demo

test: $(VENV)/.installed
	$(RUN)python -m pytest -n $(WORKERS) --dist loadfile

test-thorough: export HYPOTHESIS_PROFILE := thorough
test-thorough: test

check: $(VENV)/.installed
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy
	$(RUN)lint-imports

# docs/commands.md, out of the help of the commands
docs: export HEADSTART_LANG := en
docs: $(VENV)/.installed
	$(RUN)typer docs/commands.py utils docs --name headstart --title "Every command and option" \
		--output docs/commands.md

# the catalogues of words, out of the code and the pages; then translate what is new in each .po
words: $(VENV)/.installed
	$(RUN)pybabel --quiet extract --mapping-file pyproject.toml --no-default-keywords \
		--keyword _ --keyword _n:1,2 --keyword N_ --keyword NN_:1,2 \
		--add-location file --sort-by-file --width 100 --omit-header --output-file $(WORDS).pot src/headstart
	$(RUN)pybabel --quiet update --domain headstart --input-file $(WORDS).pot \
		--output-dir src/headstart/locale --width 100 --no-fuzzy-matching --ignore-obsolete \
		--ignore-pot-creation-date
	rm $(WORDS).pot
	$(RUN)python catalogues.py

format: $(VENV)/.installed
	$(RUN)ruff format .
	$(RUN)ruff check --fix .

# make bench DATA=FOLDER, a folder with train/ and val/ of JPEG photos
bench: $(VENV)/.installed
	$(RUN)python benchmarks/embed.py $(DATA)
	$(RUN)python benchmarks/main_job.py $(DATA)
	$(RUN)python benchmarks/stages.py $(DATA)

clean:
	rm -rf $(VENV)
