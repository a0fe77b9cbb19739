# Two stages: packages by hash in the first, nothing but them and the code in the second.

FROM python:3.13-slim AS packages
RUN pip install --no-cache-dir uv==0.13.9
COPY requirements.image.lock /
RUN uv venv /opt/venv && \
    uv pip sync --no-cache --compile-bytecode --require-hashes --python /opt/venv/bin/python /requirements.image.lock

FROM python:3.13-slim
# curl and sh are for operators inside the container, and for the health check.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install -y --no-install-recommends curl && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --uid 10001 --user-group --no-create-home --shell /bin/sh matching
COPY --from=packages /opt/venv /opt/venv
# The project's root is the working directory: `alembic upgrade head` finds its settings there.
WORKDIR /app
COPY pyproject.toml ./
COPY domain/ domain/
COPY actors/ actors/
COPY web/ web/
COPY persistence/ persistence/
COPY messaging/ messaging/
COPY migrations/ migrations/
COPY service/ service/
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1
RUN python -m compileall -q domain actors web persistence messaging migrations service
USER 10001
EXPOSE 8002
# Alive is enough: a database that is away is for /health/ready to tell, not a reason to be restarted.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["sh", "-c", "curl -fsS http://127.0.0.1:${PORT:-8002}/health/live"]
# Exec form: SIGTERM reaches the service, which drains and then ends.
CMD ["python", "-m", "service", "serve"]
