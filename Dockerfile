# The server in a container: `docker compose up` builds and runs it with config/local.yaml and ./data of this folder.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY . .
RUN ./dev setup \
 && cmake --preset release -D TDM_PYTHON=OFF \
 && cmake --build --preset release --target tdm

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
    ca-certificates libfmt9 libsimdjson14 libspdlog1.10 libssl3 libyaml-cpp0.7 zlib1g \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/.deps/arrow/lib/libarrow.so.2600 /src/.deps/arrow/lib/libparquet.so.2600 \
    /src/.deps/duckdb/lib/libduckdb.so /usr/local/lib/
RUN ldconfig
COPY --from=build /src/build/release/bin/tdm /usr/local/bin/tdm
COPY config /app/config
# Relative paths of the configuration start here, so ./data is the volume /app/data.
WORKDIR /app
ENV CONFIG_PATH=/app/config/local.yaml
EXPOSE 8000
STOPSIGNAL SIGTERM
# No USER: a folder that is mounted on /app/data belongs to whoever made it. Kubernetes names a user with runAsUser.
ENTRYPOINT ["tdm"]
CMD ["serve"]
