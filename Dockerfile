# The bot alone: `shipbell serve`. Registry addresses come from the machine's own settings.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE} AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/shipbell && /opt/shipbell/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY commands commands
COPY adapters adapters
RUN /opt/shipbell/bin/pip install --no-cache-dir --no-deps .

FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends git tini && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/shipbell --create-home shipbell
COPY --from=build /opt/shipbell /opt/shipbell
ENV PATH=/opt/shipbell/bin:$PATH PYTHONUNBUFFERED=1 SHIPBELL_DATA=/var/lib/shipbell SHIPBELL_LISTEN=0.0.0.0:8421 \
    SHIPBELL_CATALOG=/etc/shipbell/shipbell.yaml
USER shipbell
WORKDIR /var/lib/shipbell
VOLUME /var/lib/shipbell
EXPOSE 8421
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8421/healthz', timeout=2)"]
ENTRYPOINT ["tini", "--", "shipbell"]
CMD ["serve"]
