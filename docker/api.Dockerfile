# The API alone: it serves published runs and makes none.
# By tag, or by digest where a build must be the same next year: --build-arg BASE=python:3.12-slim@sha256:...
ARG BASE=docker.io/library/python:3.12-slim
FROM ${BASE} AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
WORKDIR /src
RUN python -m venv /opt/build && python -m venv --without-pip /opt/holdfast
COPY requirements/build.txt requirements/api.txt requirements/
RUN /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/holdfast/bin/python install --no-cache-dir --no-compile \
    --disable-pip-version-check --require-hashes -r requirements/api.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/build/bin/pip --python /opt/holdfast/bin/python install --no-compile --no-index --no-deps /wheels/*.whl
# What serving never imports: drawing, learning, brokers, Arrow's services, headers, sources, tests, and the symbols of a debugger.
# What it does import is compiled: a container starts in half the time. scipy stays whole: a plan is an optimisation.
WORKDIR /opt/holdfast/lib/python3.12/site-packages
RUN /opt/build/bin/pip --python /opt/holdfast/bin/python uninstall --yes --quiet vl-convert-python scikit-learn joblib confluent-kafka nats-py redis apprise \
 && rm -f pyarrow/libarrow_flight* pyarrow/_flight* pyarrow/_substrait* pyarrow/libarrow_s3* pyarrow/_s3fs* pyarrow/_gcsfs* pyarrow/_azurefs* pyarrow/libarrow_python*.so pyarrow/libarrow_python*.so.*.*.* fastapi_offline/static/redoc* \
 && find . -type f \( -name '*.py[ix]' -o -name '*.px[di]' \) -delete \
 && find . -type d \( -name tests -o -name include -o -name __pycache__ \) -prune -exec rm -rf {} + \
 && strip --strip-unneeded _polars_runtime_32/*.so uvloop/*.so pyarrow/*.so pyarrow/*.so.* \
 && /opt/holdfast/bin/python -c "import uvicorn, scipy.special, holdfast.cli.main, holdfast.api.server, holdfast.api.app, holdfast.serving.history_features, holdfast.training.horizon_tables, holdfast.models.purchase_counts, holdfast.decisions.plans, holdfast.decisions.experiments, holdfast.stream.live_view, holdfast.stream.metrics, psycopg"

FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin \
 && useradd --no-log-init --uid 10001 --create-home holdfast && install -d -o 10001 -g 10001 /data
COPY --from=build /opt/holdfast /opt/holdfast
ENV PATH=/opt/holdfast/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
CMD ["holdfast", "serve", "--host", "0.0.0.0", "--port", "8000"]
