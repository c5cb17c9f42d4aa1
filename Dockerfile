# Two stages: packages and the software bill of materials are made in the first, only the result goes into the second.
# The base is pinned by tag. A digest would be firmer; add it (python:3.12-slim-bookworm@sha256:…) where a registry can be
# asked for it: nobody who wrote this file could.

FROM python:3.12-slim-bookworm AS build
WORKDIR /build
COPY requirements/bootstrap.txt requirements/run.txt requirements/sbom.txt requirements/tracing.txt requirements/
# pip helps out where the environment names a mirror in pip's own words, which uv does not read.
RUN python -m venv --without-pip /opt/rls-cds \
 && python -m pip install --no-cache-dir --require-hashes -r requirements/bootstrap.txt \
 && { uv pip install --no-cache --python /opt/rls-cds/bin/python --require-hashes --compile-bytecode -r requirements/run.txt \
   || python -m pip --python /opt/rls-cds/bin/python install --no-cache-dir --require-hashes -r requirements/run.txt; }
# --build-arg TRACING=1 for an image that can send traces (docs/watching.md).
ARG TRACING=
RUN test -z "$TRACING" \
 || uv pip install --no-cache --python /opt/rls-cds/bin/python --require-hashes --compile-bytecode -r requirements/tracing.txt \
 || python -m pip --python /opt/rls-cds/bin/python install --no-cache-dir --require-hashes -r requirements/tracing.txt
# What the packages bring for testing themselves never runs here.
RUN find /opt/rls-cds/lib -type d -name tests -path '*/site-packages/*' -prune -exec rm -rf '{}' +
COPY cards /app/cards
COPY service /app/service
# Compiled here, as the final root file system is read-only; by hash, as copying may change the time of a file.
RUN python -m compileall -q --invalidation-mode unchecked-hash /app
# What is in the image, from what is installed and not from what was asked for.
RUN python -m venv --without-pip /opt/sbom \
 && { uv pip install --no-cache --python /opt/sbom/bin/python --require-hashes -r requirements/sbom.txt \
   || python -m pip --python /opt/sbom/bin/python install --no-cache-dir --require-hashes -r requirements/sbom.txt; } \
 && /opt/sbom/bin/cyclonedx-py environment --output-reproducible --of JSON --output-file /app/sbom.cdx.json \
    /opt/rls-cds/bin/python

FROM python:3.12-slim-bookworm
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="rls-cds" \
      org.opencontainers.image.description="CDS Hooks service for restless legs syndrome: iron and medication safety" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The base brings pip; nothing is installed at run time.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip
COPY --from=build /opt/rls-cds /opt/rls-cds
COPY --from=build /app /app
COPY LICENSE NOTICE LOINC_short_license.txt /app/
# The one place that is written to: feedback in SQLite, where no PostgreSQL is named. Mount a volume to keep it.
# Several workers, and pages with figures, also need a folder for temporary files: mount one at /tmp.
RUN install -d -o 10001 -g 10001 /data
VOLUME /data
WORKDIR /app
# Every address inside the container; what reaches it from outside is the operator's choice. The service refuses to
# start so without a client registry, unless it is told that anybody may call (docs/security.md).
ENV PATH=/opt/rls-cds/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RLS_CDS_HOST=0.0.0.0 \
    RLS_CDS_PORT=8000 \
    RLS_CDS_STORE_URL=sqlite:////data/feedback.sqlite \
    RLS_CDS_CONTROLS_COPY=/data/controls.json \
    RLS_CDS_RXNAV_CACHE=/data/rxnav.sqlite
# By number, so that Kubernetes can check runAsNonRoot.
USER 10001:10001
EXPOSE 8000
# Asks /health/live of this very container, whatever its port and its certificate.
HEALTHCHECK --interval=30s --timeout=8s --start-period=20s --retries=3 \
  CMD ["python", "-m", "service", "probe"]
CMD ["python", "-m", "service", "serve"]
