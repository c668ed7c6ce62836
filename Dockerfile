# The provider as a container: the locked packages and the built project, nothing else, as an account without rights.
#
#   docker build --tag motcua .
#   docker run --rm --volume motcua:/srv/motcua/var motcua keys create-kek var/kek
#   docker run --rm --volume motcua:/srv/motcua/var motcua migrate
#   docker run --rm --volume motcua:/srv/motcua/var motcua keys generate
#   docker run --rm --volume motcua:/srv/motcua/var --publish 9000:9000 motcua

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock requirements-dev.lock ./
# The build tool is locked too; pip and setuptools stay behind in this stage.
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements-dev.lock > build.lock \
    && pip install --quiet --require-hashes --requirement build.lock \
    && python -m venv --without-pip /opt/motcua \
    && pip --python /opt/motcua/bin/python install --quiet --require-hashes --only-binary :all: \
        --requirement requirements.lock
COPY . .
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheel . \
    && pip --python /opt/motcua/bin/python install --quiet --no-deps wheel/*.whl

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Một Cửa" \
      org.opencontainers.image.description="OpenID Connect provider"
ENV PATH=/opt/motcua/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    IDP_LISTEN=0.0.0.0:9000
RUN useradd --system --uid 10001 --home-dir /srv/motcua --create-home --shell /usr/sbin/nologin motcua \
    && install -d -o motcua -g motcua -m 0700 /srv/motcua/var
COPY --from=build /opt/motcua /opt/motcua
USER motcua
WORKDIR /srv/motcua
VOLUME /srv/motcua/var
EXPOSE 9000
STOPSIGNAL SIGTERM
# Ready means: database and keys answer. Python asks, because the image has no other client.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9000/health/ready', timeout=4)"]
ENTRYPOINT ["motcua"]
CMD ["serve"]
