// The table, and matching by runs of up to four stems. One line a concept; add words, not rules.
#include "actors/search/concepts.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace fm {
namespace {
struct row {
  const char* name;
  const char* phrases; ///< separated by '|'
};
constexpr row table[] = {
    {"memory", "memory|ram|heap|rss|resident set|working set|footprint"},
    {"memory_exhausted", "oom|oomkilled|oom killer|out of memory|ran out of memory|ran out of ram|run out of ram|runs out of ram|memory exhausted|killed by kernel|kernel kills|kernel killed|kernel shoots|exit code 137|code 137|sigkill|cannot allocate memory|no free ram|outofmemoryerror|heap space"},
    {"memory_leak", "memory leak|leak|grows steadily|keeps growing|never shrinks|climbs|creeps|grows forever|bigger and bigger|ever growing|keeps climbing"},
    {"swap", "swap|swapping|paging|thrashing|page in|pswpin|swapped"},
    {"gc", "garbage collection|garbage collector|gc|gc pause|stop world|full gc|collector"},
    {"disk", "disk|volume|partition|filesystem|file system|mount|drive|storage|block device|ssd|nvme|hdd"},
    {"disk_full", "disk full|no space left|enospc|no space|out of space|out of disk|disk usage|ran out of space|df shows|100 percent full|filled up|fills|fill up|full partition|free space"},
    {"inode", "inode|inodes|too many small files|df i"},
    {"disk_slow", "iowait|io wait|disk latency|slow disk|disk saturated|await|iostat|iops|throughput of disk|fsync slow|storage latency|blocked on disk|waiting for disk"},
    {"disk_broken", "smart|bad sector|reallocated|i o error|io error|medium error|uncorrectable|failing drive|dying|raid degraded|degraded array|read only filesystem|remounted read|clicking"},
    {"delete_log", "logrotate|rotate|rotation|deleted but open|lsof deleted|truncate"},
    {"cpu", "cpu|processor|core|cores|load average|cycles|pegged|busy loop|spinning|runnable"},
    {"throttle", "throttle|throttled|throttling|cfs quota|cpu limit|quota|limits cpu"},
    {"file_descriptor", "file descriptor|descriptor|emfile|too many open files|ulimit|nofile|open files|fd|fds|handles|open sockets"},
    {"connection", "connection|connections|session|sessions|socket|sockets|client|clients"},
    {"connection_limit", "too many connections|too many clients|max_connections|connection limit|connection slots|remaining connection slots|no more connections|sorry too many|exhausted connections|connection pool|pool exhausted|pool exhaustion|pool size|waiting for a connection|pgbouncer|hikari|checkout timeout|borrow"},
    {"refused", "connection refused|econnrefused|refused|rejected|nothing listening|port closed|cannot connect|can t connect|unable to connect"},
    {"reset", "connection reset|econnreset|reset by peer|broken pipe|epipe|dropped|hang up|hangup|disconnects|torn down|cut off"},
    {"timeout", "timeout|timed out|time out|times out|etimedout|deadline exceeded|deadline|hang|hangs|hanging|stuck|no answer|no response|never answers|unresponsive|waits forever|504"},
    {"slow", "slow|slowly|sluggish|latency|latencies|response time|p99|p95|crawl|crawling|takes ages|takes long|takes forever|delay|delayed|delays|lag|laggy|degraded performance|performance"},
    {"unreachable", "unreachable|no route|ehostunreach|black hole|blackhole|cannot reach|can t reach|not reachable|network partition|split|isolated"},
    {"packet_loss", "packet loss|packets lost|lost packets|drops|dropped packets|retransmit|retransmits|retransmission|loss|lossy|rx errors|tx errors|crc"},
    {"mtu", "mtu|fragmentation|fragment|pmtu|path mtu|mss|jumbo|large packets|big packets|small requests work|big responses"},
    {"conntrack", "conntrack|nf_conntrack|table full|connection tracking|nat table|tracking table"},
    {"ephemeral_port", "ephemeral|ephemeral ports|port exhaustion|cannot assign requested address|eaddrnotavail|time_wait|time wait|snat|local ports|outgoing ports|source ports"},
    {"port_in_use", "address already in use|eaddrinuse|port in use|port taken|bind failed|already listening"},
    {"dns", "dns|name resolution|resolve|resolver|nxdomain|servfail|unknown host|no such host|name or service not known|resolv|coredns|nameserver|lookup|lookups|hostname|hostnames|names|domain name"},
    {"tls", "tls|ssl|https|certificate|certificates|cert|certs|x509|handshake|ca bundle|chain|sni|cipher|pem"},
    {"expired", "expired|expire|expires|expiry|expiration|not after|notafter|outdated|no longer valid|ran out|lapsed|renew|renewal|renewed"},
    {"untrusted", "unknown authority|self signed|untrusted|not trusted|unable to get local issuer|verify failed|intermediate|trust store|truststore|issuer|missing chain|incomplete chain"},
    {"protocol_version", "protocol version|handshake failure|no shared cipher|cipher mismatch|unsupported protocol|tls 1|old client|old clients|legacy client"},
    {"mtls", "mutual tls|mtls|client certificate|bad certificate|certificate required"},
    {"clock", "clock|ntp|chrony|time drift|skew|drift|wrong time|not yet valid|time sync|clocks|timestamps differ|in the future"},
    {"auth_failed", "unauthorized|401|forbidden|403|permission denied|access denied|authentication failed|login failed|password authentication|invalid credentials|denied|cannot log in|can t log in|eacces"},
    {"secret_rotation", "rotated|credential|credentials|secret|secrets|password changed|api key|token expired|keys"},
    {"brute_force", "brute force|failed password|invalid user|dictionary|password guessing|guessing|fail2ban|login attempts|preauth"},
    {"restart_loop", "crashloopbackoff|crash loop|crashing|restarts|restarting|restart loop|keeps restarting|back off|backoff|crash|crashes|dies|exits|comes up and dies|starts and stops|starts over"},
    {"image_pull", "imagepullbackoff|errimagepull|image pull|pull image|registry|manifest unknown|pull access denied|pull limit|pulling|tag not found|container image|image"},
    {"pending", "pending|unschedulable|failedscheduling|insufficient cpu|insufficient memory|taint|taints|toleration|node selector|affinity|does not schedule|not scheduled|no nodes available|nowhere to run|never placed|not placed|waiting to be placed"},
    {"eviction", "evicted|eviction|node pressure|diskpressure|memorypressure|ephemeral storage|thrown off|kicked off"},
    {"probe", "readiness|liveness|probe|probes|health check|healthcheck|health checks|unhealthy|startup probe|not ready|notready"},
    {"node_down", "node notready|notready|node down|kubelet|node lost|host down|lost node|machine vanished|worker gone|node|nodes|machine|machines|host|hosts|box|server down"},
    {"kubernetes", "kubernetes|k8s|kubectl|pod|pods|deployment|daemonset|statefulset|namespace|cluster|helm|container|containers|docker"},
    {"volume_claim", "persistentvolume|persistentvolumeclaim|pvc|pv|volume claim|multi attach|failedmount|failedattachvolume|attach volume|mount volume|storage class|storageclass|detach|attached"},
    {"ingress", "ingress|load balancer|loadbalancer|lb|reverse proxy|proxy|nginx|haproxy|envoy|gateway|upstream|edge|vip|frontend"},
    {"bad_gateway", "502|bad gateway|503|service unavailable|504|gateway timeout|5xx|no live upstreams|upstream prematurely|no endpoints|500s|errors from gateway|server errors"},
    {"service_mesh", "istio|sidecar|service mesh|mesh|linkerd|envoy"},
    {"network_policy", "networkpolicy|network policy|firewall|iptables|security group|nftables|acl|blocked|egress|ingress rule|ports closed"},
    {"configmap", "configmap|config map|configuration|config|setting|settings|environment variable|env var|parameter|flag|yaml"},
    {"rollback", "rollback|roll back|revert|undo|previous version|last good|go back"},
    {"deploy", "deploy|deployed|deployment|release|released|rollout|rolled|upgrade|upgraded|update|new version|ship|shipped|canary|blue green|migration"},
    {"migration", "migration|migrations|schema change|alter table|ddl|flyway|liquibase|schema"},
    {"feature_flag", "feature flag|toggle|flag|feature toggle|switched on"},
    {"dependency_version", "nosuchmethoderror|classnotfound|module not found|dependency|dependencies|library version|incompatible|abi|undefined symbol|version mismatch|package|packages|import error|lockfile"},
    {"database", "database|databases|db|postgres|postgresql|mysql|mariadb|sql|rdbms|query|queries|table|tables|transaction|transactions|primary|replica"},
    {"slow_query", "slow query|slow queries|seq scan|sequential scan|full table scan|missing index|explain|query plan|planner|execution plan|plan changed|statistics|analyze|pg_stat_statements|index"},
    {"lock", "lock|locks|locked|blocking|blocked|deadlock|deadlocks|lock wait|waiting for lock|contention|mutex|exclusive|idle in transaction|waits on|row lock"},
    {"replication", "replication|replica|replicas|standby|follower|secondary|slave|wal|binlog|lag|behind|stale reads|old data|replay|streaming replication|replication slot|out of date"},
    {"failover", "failover|promote|promotion|split brain|leader|leader election|election|primary died|primary lost|primary gone|takeover|quorum|elected"},
    {"vacuum", "vacuum|autovacuum|bloat|dead tuples|wraparound|xid|transaction id|freeze|bloated"},
    {"corruption", "corrupt|corrupted|corruption|checksum|invalid page|damaged|torn|fsck|inconsistent|broken data|malformed"},
    {"backup", "backup|backups|restore|restoring|snapshot|dump|pitr|recovery|recover|point in time|archive|get back"},
    {"wal_full", "pg_wal|pg_xlog|wal files|replication slot|archive_command|archiving|binlogs|oplog|write ahead"},
    {"cache", "cache|caches|cached|redis|memcached|caching|key value|cdn|ttl|hit rate|hit ratio|in memory store"},
    {"cache_evicted", "eviction|evicted|evicted keys|maxmemory|noeviction|lru|misconf|oom command not allowed"},
    {"cache_stampede", "stampede|thundering herd|dogpile|cold cache|cache miss|misses|all at once|hot key|expires at once|empty cache|warm|warming|flushed"},
    {"stale_cache", "stale|outdated|old value|old values|invalidate|invalidation|invalidated|still see old|still shows old|wrong version|purge"},
    {"queue", "queue|queues|kafka|rabbitmq|sqs|broker|brokers|topic|topics|consumer|consumers|producer|producers|stream|event bus|worker|workers|job|jobs|celery|sidekiq|backlog"},
    {"queue_lag", "consumer lag|backlog|queue depth|queue length|pile up|piles up|piling|piling up|falling behind|fall behind|lag|lagging|not keeping up|cannot keep up|unprocessed|growing queue|grows|depth|waiting messages"},
    {"rebalance", "rebalance|rebalancing|rebalances|max.poll|max poll interval|partition assignment|group coordinator|consumer group|reassigned|kicked from group"},
    {"poison_message", "poison|poison message|dead letter|dlq|redelivery|redelivered|retry loop|nack|unacked|cannot be parsed|same message|over and over|again and again|endlessly retried"},
    {"under_replicated", "under replicated|underreplicated|isr|in sync|offline partition|leaderless|min.insync|not enough replicas"},
    {"flow_control", "memory alarm|disk alarm|flow control|watermark|high watermark|publishers blocked|publish blocked|blocking publishers|back pressure|backpressure"},
    {"duplicate", "duplicate|duplicates|twice|double|at least once|idempotent|idempotency|processed twice|charged twice|repeated"},
    {"retry_storm", "retry storm|retries|retry|retrying|amplification|cascading|cascade|circuit breaker|overload|overloaded|load shedding|shed|hammering|hammer"},
    {"rate_limit", "rate limit|rate limited|429|too many requests|quota exceeded|throttled|limit exceeded"},
    {"traffic", "traffic spike|traffic|spike|surge|burst|flood|ddos|attack|bot|crawler|requests per second|peak|flash crowd|load"},
    {"autoscale", "autoscaler|autoscaling|hpa|scale up|scale out|scaling|replica count|capacity|instances|more copies"},
    {"thread_pool", "thread pool|threads|thread|executor|worker pool|blocked threads|thread dump|jstack|starvation|event loop|all workers busy|deadlock"},
    {"cron", "cron|crontab|scheduled|schedule|nightly|every night|timer|periodic|cronjob|every hour|batch"},
    {"kernel", "kernel|dmesg|panic|kernel panic|oops|soft lockup|hung task|segfault|general protection|reboot|reboots|rebooted|lockup|blue screen|freeze|freezes|froze"},
    {"hardware", "hardware|ecc|dimm|mce|machine check|temperature|overheating|thermal|fan|psu|power supply|nic|cable|transceiver|firmware"},
    {"systemd", "systemd|systemctl|unit|service failed|start limit|daemon|journalctl|init"},
    {"log_missing", "logs missing|no logs|missing metrics|metrics missing|monitoring|alert|alerts|scrape|prometheus|dashboard|blind|log shipping|fluentd|telemetry|graphs|gap in graphs"},
    {"certificate_auto", "cert manager|certbot|acme|lets encrypt|let s encrypt|challenge|renewal"},
    {"object_storage", "s3|bucket|object storage|blob|minio|slowdown|slow down"},
    {"search_engine", "elasticsearch|opensearch|shard|shards|unassigned|red|index|flood stage|lucene|cluster red|yellow|search cluster"},
    {"etcd", "etcd|consensus|raft|wal fsync|apply took too long|control plane|apiserver|api server|zookeeper|consul"},
    {"webhook", "webhook|admission|admission webhook|validating|mutating|callback|callbacks"},
    {"third_party", "third party|vendor|upstream provider|external api|external service|payment provider|partner|outside service|saas"},
    {"data_loss", "data loss|lost data|deleted|dropped|wiped|accidentally|by mistake|overwritten|truncated|removed|gone"},
    {"security", "breach|compromise|compromised|intrusion|malware|crypto miner|miner|suspicious|exploit|vulnerability|leaked|attacker"},
    {"email", "email|smtp|mail|bounce|spam|deliverability|mx|postfix"},
    {"vpn", "vpn|tunnel|bgp|peering|route|routes|routing|wireguard|ipsec|direct connect|interconnect|site to site"},
};

struct lexicon {
  std::unordered_map<std::string, std::vector<const char*>> by_phrase; ///< stems joined with a blank
  std::size_t longest = 1;
  lexicon() {
    for (auto& [name, phrases] : table) {
      std::string_view rest{phrases};
      while (!rest.empty()) {
        const auto bar = rest.find('|');
        const auto phrase = rest.substr(0, bar);
        rest = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 1);
        std::string key;
        std::size_t words = 0;
        for (auto& t : terms_of(phrase, 16)) {
          if (t.part)
            continue;
          key += (key.empty() ? "" : " ") + t.stem;
          ++words;
        }
        if (words == 0)
          continue;
        longest = std::max(longest, words);
        auto& names = by_phrase[key];
        if (std::find(names.begin(), names.end(), name) == names.end())
          names.push_back(name);
      }
    }
  }
};
const lexicon& words_of_the_trade() {
  static const lexicon l;
  return l;
}
} // namespace

std::size_t concept_count() { return std::size(table); }

std::vector<std::string> concepts_of(const std::vector<term>& terms) {
  const auto& lex = words_of_the_trade();
  std::vector<std::string> out;
  std::string key;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    key.clear();
    for (std::size_t n = 0; n < lex.longest && i + n < terms.size(); ++n) {
      key += (key.empty() ? "" : " ") + terms[i + n].stem;
      if (const auto found = lex.by_phrase.find(key); found != lex.by_phrase.end())
        for (const char* name : found->second)
          out.push_back(std::string{"§"} + name);
    }
  }
  return out;
}

} // namespace fm
