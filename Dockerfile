# The provider as a container: the locked packages and the built project, nothing else, as an account without rights.
#
#   docker build --tag motcua .
#   docker run --rm --volume motcua:/srv/motcua/var motcua keys create-kek var/kek
#   docker run --rm --volume motcua:/srv/motcua/var motcua migrate
#   docker run --rm --volume motcua:/srv/motcua/var motcua keys ceremony var/first-keys.json
#   docker run --rm --volume motcua:/srv/motcua/var --volume /path/to/register/files:/registers:ro \
#       motcua registers load --rejects var/rejects.csv /registers
#   docker run --rm --volume motcua:/srv/motcua/var --read-only --stop-timeout 35 --publish 9000:9000 motcua
#
# The file of the ceremony is written with --template and signed by two officers first: README, "First ceremony".
# Without register files, the fourth can be `motcua registers generate var/registers`, then `registers load` of that.
# Docker kills ten seconds after it asked to stop; requests under way get longer (IDP_SHUTDOWN_SECONDS).

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock requirements-dev.lock ./
# The build tool is locked too; it stays behind in this stage, as do the commands of the other packages.
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements-dev.lock > build.lock \
    && pip install --quiet --require-hashes --requirement build.lock \
    && python -m venv --without-pip /opt/motcua \
    && pip --python /opt/motcua/bin/python install --quiet --no-compile --require-hashes \
        --only-binary :all: --requirement requirements.lock \
    && find /opt/motcua/bin -type f -delete
COPY . .
# Compiled for good: some builders round the times of files, and by time the compiled code would then be out of date.
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheel . \
    && pip --python /opt/motcua/bin/python install --quiet --no-compile --no-deps wheel/*.whl \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/motcua/lib

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Một Cửa" \
      org.opencontainers.image.description="OpenID Connect provider"
ENV PATH=/opt/motcua/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    IDP_LISTEN=0.0.0.0:9000
# An account that owns var and nothing else. What installs packages has no business here.
RUN groupadd --gid 10001 motcua \
    && useradd --uid 10001 --gid motcua --no-create-home --home-dir /srv/motcua --shell /usr/sbin/nologin motcua \
    && install -d -o motcua -g motcua -m 0700 /srv/motcua/var \
    && pip uninstall --quiet --yes --root-user-action ignore setuptools wheel pip \
    && rm -f /usr/local/bin/pip
COPY --from=build /opt/motcua /opt/motcua
# The base image brings Python's own library as source only, and the account cannot write beside it: what serving and
# the health check load is compiled here.
RUN PYTHONDONTWRITEBYTECODE= python -c "import http.client, idp.app, idp.cli.main, idp.cli.serve, uvicorn, uvloop"
# By number: an orchestrator that refuses root can tell only then.
USER 10001:10001
WORKDIR /srv/motcua
VOLUME /srv/motcua/var
EXPOSE 9000
STOPSIGNAL SIGTERM
# Ready means: database and keys answer. Python asks, because the image has no other client; never through a proxy, and by
# TLS where the listener speaks it (whose certificate names the public address, not this one).
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import http.client, os, ssl; at = '127.0.0.1:' + os.environ['IDP_LISTEN'].rpartition(':')[2]; tls = 'IDP_TLS_KEY_FILE' in os.environ; c = http.client.HTTPSConnection(at, timeout=4, context=ssl._create_unverified_context()) if tls else http.client.HTTPConnection(at, timeout=4); c.request('GET', '/health/ready'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["motcua"]
CMD ["serve"]
