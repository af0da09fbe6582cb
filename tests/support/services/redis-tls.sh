#!/usr/bin/env bash
# A Redis that speaks TLS only, with an authority of its own, and one behind a Sentinel. start DIR | stop DIR.
set -euo pipefail
case "$1" in
  start)
    dir=$2; mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
    {
      openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=FaultMaven test authority" -keyout "$dir/ca.key" -out "$dir/ca.pem"
      openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout "$dir/server.key" -out "$dir/server.csr"
      openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 30 -out "$dir/server.pem" \
        -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1')
      openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=Somebody else" -keyout "$dir/other.key" -out "$dir/other.pem"
    } >"$dir/openssl.log" 2>&1
    tls=$((20000 + RANDOM % 10000)) plain=$((30000 + RANDOM % 10000)) sentinel=$((40000 + RANDOM % 10000))
    redis-server --port 0 --tls-port "$tls" --bind 127.0.0.1 --tls-cert-file "$dir/server.pem" --tls-key-file "$dir/server.key" \
      --tls-ca-cert-file "$dir/ca.pem" --tls-auth-clients no --requirepass test-only --save "" --dir "$dir" --daemonize yes \
      --pidfile "$dir/tls.pid" --logfile "$dir/tls.log" >/dev/null
    redis-server --port "$plain" --bind 127.0.0.1 --requirepass test-only --save "" --dir "$dir" --daemonize yes \
      --pidfile "$dir/plain.pid" --logfile "$dir/plain.log" >/dev/null
    printf 'port %s\nbind 127.0.0.1\ndaemonize yes\npidfile %s\nlogfile %s\ndir %s\nsentinel monitor fm-master 127.0.0.1 %s 1\nsentinel auth-pass fm-master test-only\n' \
      "$sentinel" "$dir/sentinel.pid" "$dir/sentinel.log" "$dir" "$plain" >"$dir/sentinel.conf"
    redis-server "$dir/sentinel.conf" --sentinel >/dev/null
    for _ in $(seq 100); do
      if redis-cli -p "$tls" --tls --cacert "$dir/ca.pem" -h 127.0.0.1 -a test-only --no-auth-warning ping 2>/dev/null | grep -q PONG &&
        redis-cli -p "$sentinel" sentinel get-master-addr-by-name fm-master 2>/dev/null | grep -q "$plain"; then
        printf 'export FM_TEST_REDIS_TLS=%s\nexport FM_TEST_REDIS_TLS_DIR=%s\nexport FM_TEST_REDIS_SENTINEL=127.0.0.1:%s\n' "$tls" "$dir" "$sentinel"; exit 0
      fi
      sleep 0.1
    done
    cat "$dir"/*.log >&2; exit 1 ;;
  stop) for p in sentinel tls plain; do [ -e "$2/$p.pid" ] && kill "$(cat "$2/$p.pid")" 2>/dev/null || true; done ;;
  *) echo "usage: $0 start|stop DIR" >&2; exit 2 ;;
esac
