# The digest pins the exact base image; metadata.yaml names the same one.
FROM docker.io/airbyte/python-connector-base:4.1.0@sha256:1d1aa21d34e851df4e8a87b391c27724c06e2597608e7161f4d167be853bd7b6

# The project is mounted for this one step instead of copied, so the image contains only what pip installs: no sources,
# no build leftovers, no cache. .dockerignore lists what can be mounted. PIP_COMPILE writes the bytecode now, once and
# for all, because every sync has to start Python. requirements.lock names the dependencies' files by their hashes;
# without --no-deps and --no-build-isolation, pip would fetch others, unreviewed, for the connector itself.
RUN --mount=type=bind,target=/src,rw \
    export PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_COMPILE=1 \
    && pip install --require-hashes --only-binary :all: -r /src/requirements.lock \
    && pip install --no-deps --no-build-isolation /src

WORKDIR /airbyte/integration_code
COPY main.py ./
# Python's own library comes without bytecode, and the user below cannot write there. So import as root what a sync
# imports, which stores that bytecode too. `spec` proves that the image works before anyone runs it.
RUN python -c "import source_stock_ticker.source" \
    && python main.py spec > /dev/null
# No file in the image gives anybody root's privileges: su, passwd and others in the base image lose their setuid bit.
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} +

# Airbyte's platform starts the connector from this variable, Docker from ENTRYPOINT: they must be the same.
ENV AIRBYTE_ENTRYPOINT="python /airbyte/integration_code/main.py"
ENTRYPOINT ["python", "/airbyte/integration_code/main.py"]

# As in metadata.yaml: dockerRepository and dockerImageTag (unit_tests/test_metadata.py compares them).
LABEL io.airbyte.name=airbyte/source-stock-ticker
LABEL io.airbyte.version=0.3.0

# No root at run time: the connector reads its files, calls the API and writes to stdout. The base image calls this
# user airbyte; it must be a number here, because Kubernetes's runAsNonRoot rejects names. Any other user works too.
USER 1000
