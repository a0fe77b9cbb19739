# Short names for what ./run does; nothing is decided here.
.PHONY: run test check doctor migrate lock

run:
	./run

test check:
	./run test

doctor migrate:
	./run $@

COMPILE = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-annotate --custom-compile-command "make lock"

lock: ## the hash-pinned requirements; `make lock NEWER=--upgrade` takes the newest that pyproject.toml allows
	$(COMPILE) $(NEWER) --extra dev -o requirements.lock
	$(COMPILE) -c requirements.lock --extra servers -o requirements.run.lock
	$(COMPILE) -c requirements.lock -o requirements.image.lock
