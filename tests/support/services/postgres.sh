#!/usr/bin/env bash
# A PostgreSQL of our own on a free loopback port, with a password and TLS. start DIR prints what tests need; stop DIR
# ends it; kill DIR is SIGKILL for all its processes; again DIR starts it on the same port and data.
set -euo pipefail
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || { echo "PostgreSQL's server is missing: apt-get install postgresql" >&2; exit 1; }
# PostgreSQL refuses to run as root: then it runs as the user the package made.
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
launch() { # DIR: in the background, ready when it answers
  local dir=$1 port; port=$(cat "$dir/port")
  # Nothing of ours stays open in it: whoever reads our output would wait for the server's end.
  (cd "$dir" && as "$bin/postgres" -D "$dir/data") >>"$dir/log" 2>&1 </dev/null &
  for _ in $(seq 600); do # replaying a long log takes its time
    as "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" && return 0
    sleep 0.05
  done
  return 1
}
case "$1" in
  start)
    dir=$2; mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
    [ "$(id -u)" = 0 ] && chown postgres "$dir"
    # For tests of a full disk: the data on a small file system of its own.
    if [ -n "${FM_POSTGRES_DISK_MB:-}" ]; then
      mkdir -p "$dir/data"; mount -t tmpfs -o "size=${FM_POSTGRES_DISK_MB}m,mode=0700,uid=$(id -u postgres)" tmpfs "$dir/data"
      touch "$dir/small"
    fi
    printf '#!/bin/sh\nexec bash "%s" "$1" "%s"\n' "$(realpath "$0")" "$dir" >"$dir/control"; chmod 755 "$dir/control"
    echo test-only >"$dir/password"; chmod 644 "$dir/password"
    as "$bin/initdb" -D "$dir/data" -U faultmaven --pwfile="$dir/password" -A scram-sha-256 -E UTF8 --locale=C --no-sync >"$dir/initdb.log"
    # A certificate for 127.0.0.1, signed by an authority of this folder alone.
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=test authority" -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout "$dir/data/server.key" -out "$dir/server.csr" 2>/dev/null
    openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
      -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1') -out "$dir/data/server.crt" 2>/dev/null
    [ "$(id -u)" = 0 ] && chown postgres "$dir/data/server.key" "$dir/data/server.crt"
    chmod 600 "$dir/data/server.key"; chmod 644 "$dir/ca.crt"
    for _ in 1 2 3 4 5; do
      port=$((20000 + RANDOM % 20000)); echo "$port" >"$dir/port"
      as tee -a "$dir/data/postgresql.auto.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = lz4
ssl = on
CONF
      if launch "$dir"; then
        echo "export FM_TEST_POSTGRES=127.0.0.1:$port:faultmaven:test-only:postgres"
        echo "export FM_TEST_POSTGRES_CA=$dir/ca.crt"
        echo "export FM_TEST_POSTGRES_DIR=$dir"
        exit 0
      fi
      bash "$0" kill "$dir" || true
    done
    cat "$dir/log" >&2; exit 1 ;;
  again) launch "$2" ;;
  kill) # the postmaster first: it must not see its children go
    main=$(head -n 1 "$2/data/postmaster.pid" 2>/dev/null || true)
    [ -n "$main" ] || exit 0
    children=$(pgrep -P "$main" || true)
    kill -9 "$main" $children 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$main" 2>/dev/null || break; sleep 0.02; done
    rm -f "$2/data/postmaster.pid" ;;
  stop)
    main=$(head -n 1 "$2/data/postmaster.pid" 2>/dev/null || true)
    [ -n "$main" ] && kill -INT "$main" 2>/dev/null || true
    for _ in $(seq 100); do [ -n "$main" ] && kill -0 "$main" 2>/dev/null || break; sleep 0.05; done
    if [ -e "$2/small" ]; then umount "$2/data" || true; fi ;;
  *) echo "usage: $0 start|stop|kill|again DIR" >&2; exit 2 ;;
esac
