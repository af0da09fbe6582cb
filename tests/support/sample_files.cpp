// Written as they come from systems and people, shortened.
#include "tests/support/sample_files.hpp"

namespace fm::testing_support {

std::vector<sample_file> sample_files() {
  std::vector<sample_file> all;
  const auto add = [&](const char* type, const char* name, const char* content_type, bool misleading, std::string bytes) { all.push_back({name, content_type, type, std::move(bytes), misleading}); };
  // logs and errors
  add("logs_and_errors", "app.log", "", false, R"sample(2026-01-31 12:00:00,123 INFO  [main] com.example.App - Started App in 4.2 seconds
2026-01-31 12:00:01,456 ERROR [pool-1-thread-3] com.example.Db - could not get a connection after 30000 ms
java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available
	at com.zaxxer.hikari.pool.HikariPool.createTimeoutException(HikariPool.java:695)
	at com.example.Orders.place(Orders.java:41)
Caused by: java.net.ConnectException: Connection refused
	at java.base/sun.nio.ch.Net.pollConnect(Native Method)
2026-01-31 12:00:02,000 WARN  [pool-1-thread-3] com.example.Db - retrying in 5 s
)sample");
  add("logs_and_errors", "messages", "", false, R"sample(Jan 31 12:00:00 web-1 systemd[1]: Started Session 42 of user deploy.
Jan 31 12:00:03 web-1 sshd[2211]: Failed password for invalid user admin from 203.0.113.9 port 53122 ssh2
Jan 31 12:00:05 web-1 kernel: [12345.678901] Out of memory: Killed process 3131 (java) total-vm:8388608kB
Jan 31 12:00:06 web-1 systemd[1]: app.service: Main process exited, code=killed, status=9/KILL
)sample");
  add("logs_and_errors", "pod.json", "application/json", true, R"sample({"ts":"2026-01-31T12:00:00Z","level":"info","msg":"listening","port":8080}
{"ts":"2026-01-31T12:00:04Z","level":"error","msg":"dial tcp 10.0.0.7:5432: connect: connection refused","request_id":"a1b2"}
{"ts":"2026-01-31T12:00:05Z","level":"warn","msg":"retry","attempt":1}
)sample");
  add("logs_and_errors", "access.txt", "text/plain", true, R"sample(203.0.113.7 - - [31/Jan/2026:12:00:00 +0000] "GET /api/v1/orders HTTP/1.1" 200 512 "-" "curl/8.5.0"
203.0.113.7 - - [31/Jan/2026:12:00:01 +0000] "POST /api/v1/orders HTTP/1.1" 502 157 "-" "curl/8.5.0"
198.51.100.3 - alice [31/Jan/2026:12:00:02 +0000] "GET /health HTTP/1.1" 200 2 "-" "kube-probe/1.29"
)sample");
  add("logs_and_errors", "nginx-error.conf", "", true, R"sample(2026/01/31 12:00:01 [error] 31#31: *1024 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.9, server: shop.example.org
2026/01/31 12:00:02 [warn] 31#31: *1025 an upstream response is buffered to a temporary file /var/cache/nginx/1
2026/01/31 12:00:09 [crit] 31#31: *1031 SSL_do_handshake() failed (SSL: error:0A000126) while SSL handshaking
)sample");
  add("logs_and_errors", "traceback", "", false, R"sample(Traceback (most recent call last):
  File "/app/worker.py", line 88, in run
    job.execute()
  File "/app/jobs/mail.py", line 31, in execute
    smtp.send(message)
ConnectionRefusedError: [Errno 111] Connection refused
)sample");
  add("logs_and_errors", "crash.md", "text/markdown", true, R"sample(panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x6b2f1a]

goroutine 17 [running]:
main.(*Server).handle(0xc0000b6000, 0x0)
	/src/server.go:112 +0x3a
created by main.main in goroutine 1
	/src/main.go:40 +0x1b8
)sample");
  add("logs_and_errors", "postgres.csv", "text/csv", true, R"sample(2026-01-31 12:00:00.101 UTC [4711] app@shop LOG:  duration: 5312.220 ms  statement: SELECT * FROM orders WHERE user_id = 7
2026-01-31 12:00:03.551 UTC [4712] app@shop ERROR:  deadlock detected
2026-01-31 12:00:03.551 UTC [4712] app@shop DETAIL:  Process 4712 waits for ShareLock on transaction 991; blocked by process 4713.
2026-01-31 12:00:09.000 UTC [1] LOG:  checkpoint starting: time
)sample");
  add("logs_and_errors", "kubectl-logs", "", false, R"sample(I0131 12:00:00.123456       1 controller.go:116] Starting controller
W0131 12:00:01.223456       1 reflector.go:324] failed to list *v1.Pod: the server was unable to return a response in the time allotted
E0131 12:00:02.323456       1 leaderelection.go:330] error retrieving resource lock kube-system/ctl: context deadline exceeded
F0131 12:00:12.323456       1 main.go:99] leaderelection lost
)sample");
  add("logs_and_errors", "events.yaml", "application/yaml", true, R"sample(2026-01-31T12:00:00.000Z stdout F level=info msg="config loaded" path=/etc/app.yaml
2026-01-31T12:00:01.000Z stdout F level=error msg="upstream timed out" upstream=payments after=30s
2026-01-31T12:00:02.000Z stderr F level=fatal msg="too many failures" count=5
)sample");
  add("logs_and_errors", "gc", "", false, R"sample([2026-01-31T12:00:00.001+0000][info][gc] GC(101) Pause Young (Normal) (G1 Evacuation Pause) 512M->300M(1024M) 12.331ms
[2026-01-31T12:00:05.101+0000][info][gc] GC(102) Pause Full (G1 Compaction Pause) 1020M->1015M(1024M) 2120.111ms
[2026-01-31T12:00:09.201+0000][info][gc] GC(103) To-space exhausted
)sample");
  add("logs_and_errors", "build.out", "", false, R"sample([INFO] Scanning for projects...
[INFO] Building shop 1.4.2
[WARNING] The POM for com.example:lib:jar:1.0 is missing
[ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin:3.11.0:compile: Compilation failure
[ERROR] /src/main/java/Orders.java:[41,9] cannot find symbol
)sample");
  add("logs_and_errors", "windows.log", "", false, R"sample(01/31/2026 12:00:00 PM INFO  Service started
01/31/2026 12:00:07 PM ERROR The RPC server is unavailable. (0x800706BA)
01/31/2026 12:00:09 PM WARN  Retrying the connection to DC01
)sample");
  add("logs_and_errors", "dmesg", "", false, R"sample([    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)
[   12.345678] EXT4-fs (sda1): mounted filesystem with ordered data mode
[ 3456.100000] ata1.00: exception Emask 0x0 SAct 0x0 SErr 0x0 action 0x6 frozen
[ 3456.100010] blk_update_request: I/O error, dev sda, sector 123456
)sample");
  // metrics and performance
  add("metrics_and_performance", "cpu.csv", "text/csv", false, R"sample(timestamp,host,cpu_percent,mem_used_mb
2026-01-31T12:00:00Z,web-1,12.5,2048
2026-01-31T12:00:10Z,web-1,13.1,2050
2026-01-31T12:00:20Z,web-1,97.9,2051
2026-01-31T12:00:30Z,web-1,98.3,2060
)sample");
  add("metrics_and_performance", "scrape.txt", "text/plain", true, R"sample(# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="500"}    3 1395066363000
# TYPE process_open_fds gauge
process_open_fds 812
process_max_fds 1024
)sample");
  add("metrics_and_performance", "openmetrics", "", false, R"sample(# TYPE foo_seconds histogram
# UNIT foo_seconds seconds
foo_seconds_bucket{le="0.1"} 8 # {trace_id="KOO5S4vxi0o"} 0.067
foo_seconds_bucket{le="1"} 11 # {trace_id="oHg5SJYRHA0"} 0.67 1520879607.789
foo_seconds_bucket{le="+Inf"} 17
foo_seconds_count 17
foo_seconds_sum 324789.3
# EOF
)sample");
  add("metrics_and_performance", "vmstat.log", "", true, R"sample(procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
 r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st
 1  0      0 812345  10240 512000    0    0     5    11  120  310  3  1 96  0  0
 4  2  10240  12345   1024  51200  120  340  5120   911  920 4310 12 20  8 60  0
)sample");
  add("metrics_and_performance", "sar", "", false, R"sample(Linux 6.1.0-18-amd64 (web-1) 	01/31/2026 	_x86_64_	(8 CPU)

12:00:01 AM     CPU     %user     %nice   %system   %iowait    %steal     %idle
12:10:01 AM     all      3.12      0.00      1.01      0.20      0.00     95.67
12:20:01 AM     all     80.12      0.00     10.01      5.20      0.00      4.67
Average:        all     41.62      0.00      5.51      2.70      0.00     50.17
)sample");
  add("metrics_and_performance", "iostat.out", "", true, R"sample(Linux 6.1.0 (db-1) 	01/31/2026 	_x86_64_	(4 CPU)

avg-cpu:  %user   %nice %system %iowait  %steal   %idle
           5.01    0.00    2.00   40.00    0.00   52.99

Device            r/s     rkB/s   r_await   w/s     wkB/s   w_await  aqu-sz  %util
nvme0n1         12.00    480.00     0.80  950.00  92000.00    35.10    9.80  99.60
)sample");
  add("metrics_and_performance", "top.txt", "text/plain", true, R"sample(top - 12:00:00 up 10 days,  3:12,  2 users,  load average: 15.20, 9.80, 4.10
Tasks: 211 total,   3 running, 208 sleeping,   0 stopped,   0 zombie
%Cpu(s): 92.1 us,  5.2 sy,  0.0 ni,  1.2 id,  1.5 wa,  0.0 hi,  0.0 si,  0.0 st
MiB Mem :  15896.3 total,    212.1 free,  14980.0 used,    704.2 buff/cache

    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND
   3131 app       20   0   12.1g  11.2g   8120 R 612.0  72.1 991:11.20 java
)sample");
  add("metrics_and_performance", "free.txt", "text/plain", true, R"sample(               total        used        free      shared  buff/cache   available
Mem:        16277788    15700112      120000        1200      457676      210000
Swap:        2097148     2090000        7148
)sample");
  add("metrics_and_performance", "df", "", false, R"sample(Filesystem     1K-blocks     Used Available Use% Mounted on
/dev/sda1       41151808 40800000    351808 100% /
tmpfs            8138892        0   8138892   0% /dev/shm
/dev/sdb1      515928320 77000000 412650000  16% /data
)sample");
  add("metrics_and_performance", "pidstat", "", false, R"sample(Linux 6.1.0 (web-1) 	01/31/2026 	_x86_64_	(8 CPU)

12:00:01      UID       PID    %usr %system  %guest   %wait    %CPU   CPU  Command
12:00:02     1000      3131   98.00    2.00    0.00    0.00  100.00     3  java
12:00:03     1000      3131   99.00    1.00    0.00    0.00  100.00     3  java
)sample");
  add("metrics_and_performance", "query.json", "application/json", true, R"sample({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"node"},"values":[[1769860800,"1"],[1769860815,"1"],[1769860830,"0"]]}]}}
)sample");
  add("metrics_and_performance", "series.json", "application/json", true, R"sample([{"time":"2026-01-31T12:00:00Z","latency_ms":12,"rps":120},{"time":"2026-01-31T12:00:10Z","latency_ms":14,"rps":118},{"time":"2026-01-31T12:00:20Z","latency_ms":220,"rps":51},{"time":"2026-01-31T12:00:30Z","latency_ms":240,"rps":49}]
)sample");
  add("metrics_and_performance", "trace.json", "application/json", true, R"sample({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"GET /orders","startTimeUnixNano":"1769860800000000000","endTimeUnixNano":"1769860801500000000","status":{"code":2}}]}]}]}
)sample");
  add("metrics_and_performance", "profile.folded", "", false, R"sample(main;http.serve;orders.list;db.query 812
main;http.serve;orders.list;json.encode 91
main;http.serve;health 3
main;gc 44
)sample");
  add("metrics_and_performance", "prices.tsv", "text/tab-separated-values", false, R"sample(time	queue_depth	consumers
12:00:00	10	4
12:00:10	420	4
12:00:20	9000	1
12:00:30	21000	0
)sample");
  add("metrics_and_performance", "german.csv", "text/csv", false, R"sample(Zeit;Last;Speicher
31.01.2026 12:00:00;0,75;20,1
31.01.2026 12:00:10;0,80;20,4
31.01.2026 12:00:20;12,31;91,0
)sample");
  // structured config
  add("structured_config", "deployment.yaml", "application/yaml", false, R"sample(apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: example.org/web:latest
          securityContext: {privileged: true}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
)sample");
  add("structured_config", "settings.txt", "text/plain", true, R"sample({
  "server": {"host": "0.0.0.0", "port": 8080, "tls": false},
  "database": {"url": "postgres://db/shop", "pool": {"max": 10}},
  "features": ["orders", "mail"]
}
)sample");
  add("structured_config", "Cargo.toml", "", false, R"sample([package]
name = "shop"
version = "0.1.0"
edition = "2021"

[dependencies]
serde = { version = "1", features = ["derive"] }
tokio = "1.35"
)sample");
  add("structured_config", "my.cnf.log", "text/x-log", true, R"sample([mysqld]
datadir=/var/lib/mysql
max_connections=151
innodb_buffer_pool_size=1G
skip-networking
[client]
port=3306
)sample");
  add("structured_config", "application.properties", "", false, R"sample(# database
spring.datasource.url=jdbc:postgresql://db:5432/shop
spring.datasource.hikari.maximum-pool-size=5
logging.level.root=INFO
server.port=8080
)sample");
  add("structured_config", ".env", "", false, R"sample(# production
DATABASE_URL=postgres://shop@db/shop
REDIS_URL=redis://cache:6379/0
LOG_LEVEL=debug
export NODE_ENV=production
)sample");
  add("structured_config", "nginx.txt", "text/plain", true, R"sample(worker_processes auto;
events { worker_connections 1024; }
http {
  upstream app { server 10.0.0.1:8080; server 10.0.0.2:8080; }
  server {
    listen 80;
    server_name shop.example.org;
    location / { proxy_pass http://app; proxy_read_timeout 5s; }
  }
}
)sample");
  add("structured_config", "app.service", "", false, R"sample([Unit]
Description=Shop
After=network.target

[Service]
ExecStart=/usr/bin/shop --config /etc/shop.toml
Restart=always
RestartSec=1
LimitNOFILE=1024

[Install]
WantedBy=multi-user.target
)sample");
  add("structured_config", "pom.xml", "application/xml", false, R"sample(<?xml version="1.0"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>com.example</groupId>
  <artifactId>shop</artifactId>
  <version>1.4.2</version>
</project>
)sample");
  add("structured_config", "docker-compose.yml", "", false, R"sample(services:
  web:
    image: example/web:1.4
    ports: ["80:8080"]
    environment:
      DB_HOST: db
  db:
    image: postgres:15
    volumes: [data:/var/lib/postgresql/data]
volumes:
  data: {}
)sample");
  add("structured_config", "values.py", "text/x-python", true, R"sample(replicaCount: 3
image:
  repository: example.org/web
  tag: "1.4.2"
resources:
  limits:
    cpu: 500m
    memory: 256Mi
)sample");
  add("structured_config", "tsconfig.json", "application/json", false, R"sample({
  // strict from the start
  "compilerOptions": {
    "target": "ES2022",
    "module": "NodeNext",
    "strict": true, /* all of it */
  },
  "include": ["src"]
}
)sample");
  // source code
  add("source_code", "worker.py", "", false, R"sample(import logging
from dataclasses import dataclass

log = logging.getLogger(__name__)

@dataclass
class Job:
    name: str

    def run(self, retries=3):
        for attempt in range(retries):
            try:
                return self.execute()
            except Exception:
                pass
        return None
)sample");
  add("source_code", "Orders.java.txt", "text/plain", true, R"sample(package com.example.shop;

import java.util.List;

public class Orders {
  private final Db db;

  public Orders(Db db) { this.db = db; }

  public List<Order> list(long user) throws DbException {
    try {
      return db.query("select * from orders where user_id = ?", user);
    } catch (TimeoutException e) {
      return null;
    }
  }
}
)sample");
  add("source_code", "server.log", "text/x-log", true, R"sample(package main

import (
	"log"
	"net/http"
)

func handle(w http.ResponseWriter, r *http.Request) {
	order, err := load(r.URL.Query().Get("id"))
	if err != nil {
		log.Printf("error: %v", err)
		return
	}
	_ = order
}

func main() { http.ListenAndServe(":8080", http.HandlerFunc(handle)) }
)sample");
  add("source_code", "app.ts", "application/typescript", false, R"sample(import express from "express";
import { load } from "./orders";

const app = express();

app.get("/orders/:id", async (req, res) => {
  try {
    const order = await load(req.params.id);
    res.json(order);
  } catch (e) {}
});

export default app;
)sample");
  add("source_code", "deploy", "", false, R"sample(#!/bin/bash
set -e
for host in web-1 web-2; do
  scp build/app "$host":/opt/app/app.new
  ssh "$host" "mv /opt/app/app.new /opt/app/app && systemctl restart app" || echo "failed on $host"
done
)sample");
  add("source_code", "schema.sql", "", false, R"sample(CREATE TABLE orders (
  id bigserial PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users(id),
  total numeric(10,2) NOT NULL DEFAULT 0
);
CREATE INDEX orders_user ON orders (user_id);
INSERT INTO orders (user_id, total) VALUES (1, 9.99);
)sample");
  add("source_code", "main.rs", "", false, R"sample(use std::fs;

#[derive(Debug)]
struct Config { path: String }

fn load(c: &Config) -> Result<String, std::io::Error> {
    let text = fs::read_to_string(&c.path)?;
    Ok(text)
}

fn main() {
    let c = Config { path: "a".into() };
    println!("{}", load(&c).unwrap());
}
)sample");
  add("source_code", "pool.yaml", "application/yaml", true, R"sample(#include "pool.hpp"

#include <stdexcept>

namespace shop {

connection pool::take() {
  if (idle_.empty())
    throw std::runtime_error{"pool exhausted"};
  auto c = std::move(idle_.back());
  idle_.pop_back();
  return c;
}

} // namespace shop
)sample");
  add("source_code", "job.rb", "", false, R"sample(require "net/http"

class MailJob
  def perform(id)
    user = User.find(id)
    Mailer.welcome(user).deliver_now
  rescue => e
    nil
  end
end
)sample");
  add("source_code", "Kernel.cs", "", false, R"sample(using System;
using System.Threading.Tasks;

namespace Shop
{
    public class OrderService
    {
        public async Task<Order> Load(int id)
        {
            try { return await _db.FindAsync(id); }
            catch (Exception) { return null; }
        }
    }
}
)sample");
  // unstructured text
  add("unstructured_text", "postmortem.md", "text/markdown", false, R"sample(# Outage of the shop on 31 January 2026

## Summary
The shop did not take orders for 42 minutes because the primary database ran out of disk space.

## Decisions
- We decided to move backups to another volume.

## Actions
- [ ] Anna adds an alert on disk usage by 2026-02-07.
)sample");
  add("unstructured_text", "mail.log", "text/x-log", true, R"sample(Hi all,

since this morning the checkout is very slow for customers in Europe. We restarted the payment service twice but it
did not help. Could somebody from the database team please have a look at the replicas before the call at three?

Thanks,
Anna
)sample");
  add("unstructured_text", "chat", "", false, R"sample(anna: is anybody else seeing timeouts in the shop?
ben: yes, since about ten minutes ago, all of them from the payment service
anna: we deployed nothing today, could it be the certificate that expires this week?
ben: it expired an hour ago, I will renew it now and tell the customers
)sample");
  add("unstructured_text", "runbook.html", "text/html", false, R"sample(<!DOCTYPE html>
<html><head><title>Restart the queue</title></head>
<body><h1>Restart the queue</h1>
<p>Use this when consumers have stopped and the backlog grows. First check that the disk is not full.</p>
<ol><li>Drain the node.</li><li>Restart the broker and wait until it has joined the cluster.</li></ol>
</body></html>
)sample");
  add("unstructured_text", "notes.yaml", "application/yaml", true, R"sample(We met on Monday to talk about the outage of last week and what we can learn from it.
The root cause was a migration that locked the orders table for much longer than anybody had expected.
We agreed that migrations of large tables will be tried on a copy of the production data first.
Carla will write down how that is done and present it to the other teams in two weeks.
)sample");
  add("unstructured_text", "ticket.json", "application/json", true, R"sample(Customer reports that exports to PDF fail with an empty page when the report contains more than a hundred rows.
It worked until the release of last Thursday. I could reproduce it in staging with the attached report.
Expected is a document with all rows; what we get is a single page without any content and no error message.
)sample");
  add("unstructured_text", "README", "", false, R"sample(Shop
====

The shop takes orders and hands them to the payment service. It needs a PostgreSQL database and a Redis.

Running it
----------

Start the database first, then the service. The service waits for the database for one minute and gives up after that.
)sample");
  add("unstructured_text", "protokoll.txt", "text/plain", false, R"sample(Die Störung begann am Montag gegen zehn Uhr, nachdem das Zertifikat des Zahlungsdienstes abgelaufen war.
Die Kolleginnen aus dem Betrieb haben das Zertifikat erneuert und den Dienst neu gestartet.
Danach wurden alle wartenden Bestellungen ohne weitere Eingriffe abgearbeitet.
)sample");
  // unanalyzable
  add("unanalyzable", "empty.log", "text/plain", true, {});
  add("unanalyzable", "blank.txt", "text/plain", true, "\t \n \n");
  // Bytes that are no text.
  const std::string png_head{"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\2\0\0\0\2\x8\2\0\0\0", 29};
  add("visual_evidence", "screenshot.png", "image/png", false, png_head);
  add("visual_evidence", "screenshot.log", "text/plain", true, png_head);
  add("visual_evidence", "report.txt", "text/plain", true, "%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n");
  add("visual_evidence", "photo", "", false, std::string{"\xFF\xD8\xFF\xE0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0", 20});
  add("unanalyzable", "app", "application/octet-stream", false, std::string{"\x7f" "ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\x3e\0\1\0\0\0", 24} + std::string(300, '\1'));
  add("unanalyzable", "data.csv", "text/csv", true, std::string{"SQLite format 3\0\x10\0\1\1\0\x40\x20\x20", 24} + std::string(400, '\0'));
  add("unanalyzable", "core.log", "text/x-log", true, [] {
    std::string noise;
    for (unsigned i = 0, x = 12'345; i < 4'000; ++i, x = x * 1'103'515'245U + 12'345U)
      noise += static_cast<char>(x >> 16U);
    return noise;
  }());
  // The same log as Windows writes it.
  std::string wide = "\xFF\xFE";
  for (const char c : all.front().bytes) {
    wide += c;
    wide += '\0';
  }
  add("logs_and_errors", "windows utf16.log", "text/plain", false, wide);
  add("logs_and_errors", "windows utf16 without mark.log", "text/plain", false, wide.substr(2));
  std::string endings;
  for (const char c : all.front().bytes)
    endings += c == '\n' ? std::string{"\r\n"} : std::string(1, c);
  add("logs_and_errors", "windows.ini", "", true, endings);
  return all;
}

} // namespace fm::testing_support
