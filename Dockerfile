# syntax=docker/dockerfile:1
# gitferry on Debian 13, with the libraries of the distribution: their security updates come with a rebuild.
#   docker build -t gitferry:0.1.0 .
# docs/install.md says how to run it. For a build that can be repeated, name the base by its digest:
#   docker build --build-arg DEBIAN=debian@sha256:… -t gitferry:0.1.0 .
ARG DEBIAN=debian:trixie-slim

FROM ${DEBIAN} AS build
WORKDIR /src
COPY . .
RUN ./dev package

FROM ${DEBIAN}
LABEL org.opencontainers.image.title="gitferry" \
      org.opencontainers.image.description="Keeps branches of two git hosts in step, triggered by webhooks" \
      org.opencontainers.image.licenses="Apache-2.0"
# The package knows which libraries it needs. ssh refuses to work for a user without a name.
RUN --mount=type=bind,from=build,source=/src/build/release,target=/built \
    apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends git openssh-client /built/gitferry_*.deb \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 65532 gitferry \
    && useradd --system --uid 65532 --gid 65532 --home-dir /data --no-create-home --shell /usr/sbin/nologin gitferry \
    && install -d -o 65532 -g 65532 -m 0700 /data
# The database has a directory of its own: volumes of orchestrators are often writable for a group.
ENV HOME=/data \
    GITFERRY_STORAGE_URL=sqlite:/data/database/gitferry.db \
    GITFERRY_SYNC_SYNC_DIR=/data/sync
# A number lets orchestrators see that it is not root.
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["/usr/bin/gitferry", "healthcheck", "--config", "/etc/gitferry/gitferry.yaml"]
ENTRYPOINT ["/usr/bin/gitferry"]
CMD ["serve", "--config", "/etc/gitferry/gitferry.yaml"]
