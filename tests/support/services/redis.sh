#!/usr/bin/env bash
# A Redis of our own on a free loopback port, with a password. start DIR prints what tests need; stop DIR ends it.
set -euo pipefail
case "$1" in
  start)
    dir=$2; mkdir -p "$dir"
    command -v redis-server >/dev/null || { echo "redis-server is missing: apt-get install redis-server" >&2; exit 1; }
    for _ in 1 2 3 4 5; do
      port=$((20000 + RANDOM % 20000))
      redis-server --port "$port" --bind 127.0.0.1 --requirepass test-only --save "" --appendonly no --dir "$dir" \
        --daemonize yes --pidfile "$dir/pid" --logfile "$dir/log" >/dev/null
      for _ in $(seq 50); do
        if redis-cli -p "$port" -a test-only --no-auth-warning ping 2>/dev/null | grep -q PONG; then
          echo "export FM_TEST_REDIS=127.0.0.1:$port:test-only"; exit 0
        fi
        sleep 0.1
      done
    done
    cat "$dir/log" >&2; exit 1 ;;
  stop) [ -e "$2/pid" ] && kill "$(cat "$2/pid")" 2>/dev/null || true ;;
  *) echo "usage: $0 start|stop DIR" >&2; exit 2 ;;
esac
