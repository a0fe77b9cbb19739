# Short names for what ./run does; nothing is decided here.
.PHONY: run test check doctor migrate lock

run:
	./run

test check:
	./run test

doctor migrate:
	./run $@

lock: ## the hash-pinned requirements, newest versions that pyproject.toml allows
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --custom-compile-command "make lock" --extra dev -o requirements.lock $(LOCK)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --custom-compile-command "make lock" -c requirements.lock -o requirements.run.lock
