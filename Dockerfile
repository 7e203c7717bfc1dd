# syntax=docker/dockerfile:1
# Debian 12, as the tests use it. To be reached from outside the container it must listen on every address, behind a proxy:
#   docker run -v "$PWD/gitferry.yaml:/etc/gitferry/gitferry.yaml:ro" -v gitferry:/data -p 127.0.0.1:8080:8080 \
#     -e GITFERRY_SERVER_LISTEN=0.0.0.0:8080 -e GITFERRY_SERVER_BEHIND_PROXY=true gitferry
# Dynamic linking on purpose: security updates of the libraries come with a rebuild.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY . .
RUN ./dev build && strip build/release/gitferry

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="gitferry" \
      org.opencontainers.image.description="Keeps branches of two git hosts in step, triggered by webhooks" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
       ca-certificates git openssh-client \
       libcpp-httplib0.11 libcurl4 libfmt9 libgit2-1.5 libjsoncpp25 libspdlog1.10 libsqlite3-0 libssl3 libyaml-0-2 zlib1g \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/build/release/gitferry /usr/local/bin/gitferry
# The numeric user lets orchestrators see that it is not root. /data holds the database and the made token.
RUN install -d -o 65532 -g 65532 -m 0770 /data
ENV HOME=/data \
    GITFERRY_STORAGE_URL=sqlite:/data/gitferry.db \
    GITFERRY_SYNC_SYNC_DIR=/data/sync
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/gitferry"]
CMD ["serve", "--config", "/etc/gitferry/gitferry.yaml"]
