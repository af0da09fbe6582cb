#!/usr/bin/env bash
# A Chroma server (npm chromadb, API v2) on a free loopback port. start DIR prints what tests need; stop DIR ends it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)/chroma
case "$1" in
  start)
    dir=$2; mkdir -p "$dir/data"
    [ -x "$here/node_modules/.bin/chroma" ] || (cd "$here" && npm install --no-audit --no-fund --no-package-lock --loglevel=error >&2)
    for _ in 1 2 3; do
      port=$((20000 + RANDOM % 20000))
      (cd "$dir" && exec setsid "$here/node_modules/.bin/chroma" run --path "$dir/data" --host 127.0.0.1 --port "$port" >"$dir/log" 2>&1) &
      echo $! >"$dir/pid"
      for _ in $(seq 150); do
        if curl -fsS "http://127.0.0.1:$port/api/v2/heartbeat" >/dev/null 2>&1; then
          echo "export FM_TEST_CHROMA=http://127.0.0.1:$port"; exit 0
        fi
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
        sleep 0.1
      done
      kill -- "-$(cat "$dir/pid")" 2>/dev/null || true
    done
    cat "$dir/log" >&2; exit 1 ;;
  stop) [ -e "$2/pid" ] && { kill -- "-$(cat "$2/pid")" 2>/dev/null || kill "$(cat "$2/pid")" 2>/dev/null; } || true ;;
  *) echo "usage: $0 start|stop DIR" >&2; exit 2 ;;
esac
