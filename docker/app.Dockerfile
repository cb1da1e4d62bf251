# The dashboard and the scheduler: everything that makes a run or shows one.
# By tag, or by digest where a build must be the same next year: --build-arg BASE=python:3.12-slim@sha256:...
ARG BASE=docker.io/library/python:3.12-slim
FROM ${BASE} AS build
WORKDIR /src
RUN python -m venv /opt/build && python -m venv --without-pip /opt/holdfast
COPY requirements/build.txt requirements/app.txt requirements/
RUN /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/holdfast/bin/python install --no-cache-dir --no-compile \
    --disable-pip-version-check --require-hashes -r requirements/app.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/build/bin/pip --python /opt/holdfast/bin/python install --no-compile --no-index --no-deps /wheels/*.whl
# What no run reads: headers, tests, and the symbols of a debugger.
RUN find /opt/holdfast -type d \( -name tests -o -name include \) -path '*site-packages*' -prune -exec rm -rf {} + \
 && find /opt/holdfast -type d -name __pycache__ -prune -exec rm -rf {} +

FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin \
 && useradd --no-log-init --uid 10001 --create-home holdfast && install -d -o 10001 -g 10001 /data
COPY --from=build /opt/holdfast /opt/holdfast
ENV PATH=/opt/holdfast/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
WORKDIR /data
EXPOSE 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["holdfast", "dashboard", "--host", "0.0.0.0", "--port", "8501"]
