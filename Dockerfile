# Builds on Debian 12 with Swift's own image, runs on plain Debian 12 without Swift.
FROM swift:6.3-bookworm AS build
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends \
        libmicrohttpd-dev liblmdb-dev libgnutls28-dev zlib1g-dev \
        libcurl4-gnutls-dev libexpat1-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN swift build -c release --static-swift-stdlib --product cardstatus \
    && install -D -s -m 0755 \
        "$(swift build -c release --static-swift-stdlib --show-bin-path)/cardstatus" \
        /out/usr/local/bin/cardstatus

FROM debian:bookworm-slim
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends \
        libmicrohttpd12 liblmdb0 libgnutls30 zlib1g libcurl3-gnutls libexpat1 libstdc++6 \
        ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin \
        cardstatus \
    && install -d -o cardstatus -g cardstatus -m 0700 /data
COPY --from=build /out/ /

USER cardstatus
VOLUME /data
EXPOSE 8080

# A container has to listen on all addresses, so the first start creates an API key, writes it to
# the volume and logs where. CARDSTATUS_INSECURE=1 answers everybody instead, with a warning.
ENV CARDSTATUS_DATA_DIR=/data \
    CARDSTATUS_LISTEN=0.0.0.0:8080 \
    CARDSTATUS_FIRST_KEY_FILE=/data/admin-key \
    CARDSTATUS_LOG_FORMAT=json

HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /api/health HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r -t 2 line <&3 && [[ $line == *' 200 '* ]]"]

STOPSIGNAL SIGTERM
ENTRYPOINT ["cardstatus"]
CMD ["serve"]
