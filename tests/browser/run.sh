#!/usr/bin/env bash
# Starts a server of its own and drives its page in Chromium. Usage: run.sh FAULTMAVEN_BINARY [SCREENSHOT_DIR]
set -euo pipefail
server=$(readlink -f "$1"); shots=${2:-}
cd "$(dirname "$0")"
[ -d node_modules/playwright-core ] || npm ci --no-audit --no-fund --loglevel=error
data=$(mktemp -d)
"$server" serve --host 127.0.0.1 --port 0 --data "$data" >"$data/out" 2>"$data/err" &
pid=$!
trap 'kill -TERM $pid 2>/dev/null || true; wait $pid 2>/dev/null || true; rm -rf "$data"' EXIT
for _ in $(seq 100); do
  url=$(sed -n 's/^listening on //p' "$data/out"); [ -n "$url" ] && break
  kill -0 $pid 2>/dev/null || { cat "$data/err"; exit 1; }
  read -rt 0.1 <> <(:) || true
done
node run.mjs "$url" $shots
