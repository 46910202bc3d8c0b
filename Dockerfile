# The digest pins the very bytes of the base image; metadata.yaml names the same one.
FROM docker.io/airbyte/python-connector-base:4.1.0@sha256:1d1aa21d34e851df4e8a87b391c27724c06e2597608e7161f4d167be853bd7b6

# The project is lent to this one step instead of copied, so that the image holds only what pip installs:
# no sources, no build left-overs, no cache. What may be lent at all is listed in .dockerignore.
# Start-up is part of every sync, therefore --compile: the bytecode is written now, once for all.
# The dependencies are the very files that requirements.lock names by their hashes; without --no-deps and
# --no-build-isolation pip would fetch others, which nobody has looked at, for the connector itself.
RUN --mount=type=bind,target=/src,rw \
    export PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_COMPILE=1 \
    && pip install --require-hashes --only-binary :all: -r /src/requirements.lock \
    && pip install --no-deps --no-build-isolation /src

WORKDIR /airbyte/integration_code
COPY main.py ./
# Python's own library comes uncompiled, and the user below may not write there. Importing, as root, what
# a sync imports stores that bytecode too; and `spec` shows before anyone runs the image that it works.
RUN python -c "import source_stock_ticker.source" \
    && python main.py spec > /dev/null
# Nothing in the image lends anybody root's rights: su, passwd and the like come with the base, and lose that bit.
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} +

# Airbyte's platform starts the connector by this variable, Docker by ENTRYPOINT: they must say the same.
ENV AIRBYTE_ENTRYPOINT="python /airbyte/integration_code/main.py"
ENTRYPOINT ["python", "/airbyte/integration_code/main.py"]

# As in metadata.yaml: dockerRepository and dockerImageTag (unit_tests/test_metadata.py compares them).
LABEL io.airbyte.name=airbyte/source-stock-ticker
LABEL io.airbyte.version=0.3.0

# No root at run time: the connector reads its files, asks the API and writes to stdout. The base image calls this
# user airbyte; the number is what Kubernetes wants, whose runAsNonRoot refuses a name. Any other user will do too.
USER 1000
