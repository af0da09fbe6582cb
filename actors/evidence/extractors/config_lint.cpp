// Well-known dangers in configuration, as tables and small rules over the tree. A rule is here because it has woken
// somebody at night; style is left to formatters.
#include "actors/evidence/extractors/configuration.hpp"
#include "actors/evidence/extractors/redaction.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <set>

namespace fm::extractors {
namespace {

constexpr std::size_t lint_findings_max = 400;

struct known_value {
  std::string_view key;    ///< the key's end, lower case, "-" and "." as "_"
  std::string_view values; ///< "a|b", lower case
  weight heavy;
  std::string_view kind, title;
};
constexpr std::array known_values{
  known_value{"fsync", "off|false|no|0", weight::danger, "durability_off", "fsync is off: a crash can corrupt the database."},
  known_value{"full_page_writes", "off|false|no", weight::danger, "durability_off", "full_page_writes is off: torn pages survive a crash."},
  known_value{"synchronous_commit", "off", weight::warning, "durability_off", "synchronous_commit is off: the last commits are lost in a crash."},
  known_value{"autovacuum", "off|false|no|0", weight::danger, "autovacuum_off", "Autovacuum is off: tables bloat and transaction ids wrap around."},
  known_value{"innodb_flush_log_at_trx_commit", "0|2", weight::warning, "durability_off", "InnoDB does not flush at commit: the last second is lost in a crash."},
  known_value{"skip_grant_tables", "true|1|on", weight::danger, "authentication_off", "MySQL runs without checking privileges."},
  known_value{"protected_mode", "no|false", weight::danger, "authentication_off", "Redis protected mode is off."},
  known_value{"unclean_leader_election_enable", "true", weight::danger, "data_loss", "Unclean leader election loses acknowledged messages."},
  known_value{"min_insync_replicas", "1", weight::warning, "data_loss", "One in-sync replica is enough for an acknowledgement: a broker's loss loses messages."},
  known_value{"acks", "0", weight::warning, "data_loss", "The producer waits for no acknowledgement."},
  known_value{"permitrootlogin", "yes", weight::warning, "root_login", "Root may log in over SSH."},
  known_value{"passwordauthentication", "yes", weight::note, "password_login", "SSH accepts passwords."},
  known_value{"permitemptypasswords", "yes", weight::danger, "authentication_off", "SSH accepts empty passwords."},
  known_value{"xpack_security_enabled", "false", weight::danger, "authentication_off", "Elasticsearch security is off."},
  known_value{"sslmode", "disable|allow", weight::warning, "tls_off", "The database connection is not encrypted."},
  known_value{"insecure_skip_verify", "true|1|yes", weight::danger, "tls_unverified", "Certificates are not verified."},
  known_value{"insecureskipverify", "true|1|yes", weight::danger, "tls_unverified", "Certificates are not verified."},
  known_value{"insecure_skip_tls_verify", "true|1|yes", weight::danger, "tls_unverified", "Certificates are not verified."},
  known_value{"rejectunauthorized", "false|0", weight::danger, "tls_unverified", "Certificates are not verified."},
  known_value{"node_tls_reject_unauthorized", "0", weight::danger, "tls_unverified", "Certificates are not verified."},
  known_value{"pythonhttpsverify", "0", weight::danger, "tls_unverified", "Certificates are not verified."},
  known_value{"verify_ssl", "false|no|0|off", weight::danger, "tls_unverified", "Certificates are not verified."},
  known_value{"ssl_verify", "false|no|0|off", weight::danger, "tls_unverified", "Certificates are not verified."},
  known_value{"tls_verify", "false|no|0|off", weight::danger, "tls_unverified", "Certificates are not verified."},
  known_value{"verify_peer", "false|no|0|off", weight::danger, "tls_unverified", "Certificates are not verified."},
  known_value{"access_control_allow_origin", "*", weight::warning, "cors_open", "Any site may call this with its users' browsers."},
  known_value{"ddl_auto", "create|create-drop|update", weight::warning, "schema_changes_at_start", "The schema is changed when the program starts."},
  known_value{"endpoints_web_exposure_include", "*", weight::danger, "management_exposed", "Every management endpoint is open: heap dumps and the environment with its secrets."},
  known_value{"enable_admin_api", "true|1|yes|on", weight::note, "management_exposed", "The administration interface is open."},
  known_value{"sync_binlog", "0", weight::warning, "durability_off", "The binary log is not flushed: replicas and the primary differ after a crash."},
  known_value{"x11forwarding", "yes", weight::note, "x11_forwarding", "SSH forwards X11."},
  known_value{"skip_name_resolve", "off|false|0", weight::note, "slow_logins", "Every login asks DNS for the client's name."},
  known_value{"open_in_view", "true", weight::note, "connection_held", "A database connection is held for the whole request."},
};

std::string normal(std::string_view key) {
  auto s = ascii_lower(key);
  std::replace(s.begin(), s.end(), '-', '_');
  std::replace(s.begin(), s.end(), '.', '_');
  return s;
}
bool has_word(std::string_view list, std::string_view word) {
  for (std::size_t at = 0; at <= list.size();) {
    const auto bar = std::min(list.find('|', at), list.size());
    if (list.substr(at, bar - at) == word)
      return true;
    at = bar + 1;
  }
  return false;
}
bool ends_with_key(std::string_view key, std::string_view suffix) {
  return key == suffix || (key.size() > suffix.size() && key.ends_with(suffix) && key[key.size() - suffix.size() - 1] == '_');
}
bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// "512Mi", "1.5G", "250m" as a number of base units; nothing when it is no quantity.
std::optional<double> quantity(std::string_view s) {
  const auto end = s.find_first_not_of("0123456789.");
  const auto number = to_number(s.substr(0, end));
  if (!number)
    return std::nullopt;
  const auto unit = end == std::string_view::npos ? std::string_view{} : s.substr(end);
  constexpr std::array<std::pair<std::string_view, double>, 11> units{{{"", 1}, {"m", 1e-3}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12},
                                                                       {"Ki", 1024.0}, {"Mi", 1048576.0}, {"Gi", 1073741824.0}, {"Ti", 1099511627776.0}}};
  for (auto& [name, factor] : units)
    if (unit == name)
      return *number * factor;
  return std::nullopt;
}

class linter {
public:
  linter(config_format format, const document& doc, const lines& text) : format_(format), d_(doc), text_(text) {}

  std::vector<finding> run() {
    general();
    for (auto root = d_.first(); root != 0; root = d_.nodes[root].next) {
      if (d_.child(root, "apiVersion") != 0 && d_.child(root, "kind") != 0)
        kubernetes(root);
      else if (d_.is(d_.child(root, "services"), node_kind::map))
        compose(root);
      if (format_ == config_format::systemd)
        systemd(root);
    }
    if (format_ == config_format::kubernetes)
      services();
    if (format_ == config_format::nginx && d_.first() != 0)
      nginx();
    return std::move(out_);
  }

private:
  void say(std::uint32_t node, weight heavy, std::string_view kind, std::string title, double score = 0.5) {
    if (out_.size() >= lint_findings_max)
      return;
    finding f;
    f.kind = kind;
    f.heavy = heavy;
    f.title = std::move(title);
    f.where = d_.path(node);
    // A block is cited by its first line: that is where a person has to look.
    const auto& n = d_.nodes[node];
    f.at = n.kind == node_kind::map || n.kind == node_kind::list ? text_.cite_line(text_.index_at(n.begin)) : text_.cite(n.begin, n.end);
    f.quote = text_.quote(f.at);
    f.score = score;
    out_.push_back(std::move(f));
  }
  template <class F>
  void each(std::uint32_t list, F f) {
    if (list != 0)
      for (auto c = d_.nodes[list].first_child; c != 0; c = d_.nodes[c].next)
        f(c);
  }
  std::string name_of(std::uint32_t node) const {
    const auto n = d_.text_of(d_.child(node, "name"));
    return n.empty() ? "unnamed" : std::string{n.substr(0, 80)};
  }
  bool is_true(std::uint32_t node) const { return node != 0 && iequals(d_.nodes[node].text, "true"); }

  // ---- any format ----

  void general() {
    for (std::uint32_t i = 1; i < d_.nodes.size(); ++i) {
      const auto& n = d_.nodes[i];
      if (n.duplicate_key)
        say(i, weight::warning, "duplicate_key", "The key '" + n.key.substr(0, 80) + "' is given twice; readers take one of them and say nothing.", 0.7);
      if (n.kind == node_kind::map || n.kind == node_kind::list || n.key.size() > 200)
        continue;
      const auto key = normal(n.key);
      const auto value = ascii_lower(std::string_view{n.text}.substr(0, 200));
      for (auto& k : known_values)
        if (ends_with_key(key, k.key) && has_word(k.values, value))
          say(i, k.heavy, k.kind, std::string{k.title}, 0.8);
      if ((ends_with_key(key, "debug") || key == "debug_mode" || ends_with_key(key, "debug_enabled")) && has_word("true|1|yes|on", value))
        say(i, weight::warning, "debug_on", "Debugging is switched on (" + n.key + ").", 0.6);
      if ((ends_with_key(key, "log_level") || key == "loglevel" || has(key, "logging_level")) && has_word("debug|trace|all", value))
        say(i, weight::note, "verbose_logging", "The log level is " + value + ": slow and large under load.", 0.3);
      if ((value == "0.0.0.0" || value == "::" || value == "[::]" || value.starts_with("0.0.0.0:")) &&
          (has(key, "bind") || has(key, "listen") || has(key, "host") || has(key, "addr") || has(key, "interface")))
        say(i, weight::warning, "listens_everywhere", "Listens on every address (" + n.key + " = " + value + ").", 0.5);
      // sslmode=disable in the query of a URL.
      if (const auto mode = value.find("sslmode="); mode != std::string::npos && value.find("://") < mode && has_word("disable|allow", std::string_view{value}.substr(mode + 8, std::string_view{value}.substr(mode + 8).find_first_of("& \"'"))))
        say(i, weight::warning, "tls_off", "The database connection is not encrypted.", 0.8);
      if (names_a_secret(n.key) && has_word("changeme|change_me|admin|root|password|passw0rd|secret|default|test|guest|123456|12345678|postgres|letmein|minioadmin", value))
        say(i, weight::danger, "default_password", "'" + n.key.substr(0, 80) + "' has a value that everybody tries first.", 0.9);
      if (const auto v = to_number(n.text)) {
        if (has(key, "timeout") && *v == 0)
          say(i, weight::warning, "no_timeout", n.key + " is 0: for most programs that means to wait for ever.", 0.55);
        if (has(key, "pool") && (has(key, "size") || has(key, "max")) && !has(key, "idle") && *v >= 0 && *v <= 2)
          say(i, weight::warning, "tiny_pool", n.key + " is " + n.text + ": requests will queue behind it.", 0.6);
        if ((ends_with_key(key, "max_connections") || ends_with_key(key, "maxconnections")) && *v > 0 && *v < 10)
          say(i, weight::warning, "tiny_pool", n.key + " is " + n.text + ".", 0.5);
      }
    }
  }

  // ---- Kubernetes ----

  struct pods {
    std::uint32_t owner = 0, spec = 0, labels = 0;
    std::string kind;
  };

  void kubernetes(std::uint32_t root) {
    const auto kind = std::string{d_.text_of(d_.child(root, "kind"))};
    if (kind == "List") {
      each(d_.child(root, "items"), [&](auto item) {
        if (d_.child(item, "kind") != 0 && d_.text_of(d_.child(item, "kind")) != "List")
          kubernetes(item);
      });
      return;
    }
    const auto name = name_of(d_.child(root, "metadata") == 0 ? root : d_.child(root, "metadata"));
    const auto spec = d_.child(root, "spec");
    pods p{root, 0, 0, kind};
    if (kind == "Pod") {
      p.spec = spec;
      p.labels = d_.find(root, "metadata", "labels");
    } else if (kind == "Deployment" || kind == "StatefulSet" || kind == "DaemonSet" || kind == "ReplicaSet" || kind == "Job" || kind == "ReplicationController") {
      p.spec = d_.find(root, "spec", "template", "spec");
      p.labels = d_.find(root, "spec", "template", "metadata", "labels");
    } else if (kind == "CronJob") {
      p.spec = d_.find(root, "spec", "jobTemplate", "spec", "template", "spec");
      p.labels = d_.find(root, "spec", "jobTemplate", "spec", "template", "metadata", "labels");
    }
    if (p.spec != 0) {
      pods_.push_back(p);
      pod_spec(p, name);
    }
    if (kind == "Deployment" || kind == "StatefulSet") {
      const auto replicas = d_.child(spec, "replicas");
      if (d_.text_of(replicas) == "0")
        say(replicas, weight::danger, "zero_replicas", kind + " " + name + " is scaled to 0: nothing runs.", 0.9);
      else if (d_.text_of(replicas) == "1")
        say(replicas, weight::note, "single_replica", kind + " " + name + " has one replica: every restart is an outage.", 0.4);
      if (d_.text_of(d_.find(root, "spec", "strategy", "type")) == "Recreate")
        say(d_.find(root, "spec", "strategy", "type"), weight::note, "recreate_strategy", kind + " " + name + " stops all pods before it starts new ones.", 0.4);
      match_selector(root, kind, name);
    }
    if (kind == "Service")
      service_list_.push_back(root);
    if ((kind == "ClusterRoleBinding" || kind == "RoleBinding") && d_.text_of(d_.find(root, "roleRef", "name")) == "cluster-admin")
      say(d_.find(root, "roleRef", "name"), weight::danger, "cluster_admin", kind + " " + name + " grants cluster-admin.", 0.9);
    if (kind == "ClusterRole" || kind == "Role")
      each(d_.child(root, "rules"), [&](auto rule) {
        if (list_has(d_.child(rule, "verbs"), "*") && list_has(d_.child(rule, "resources"), "*"))
          say(rule, weight::danger, "wildcard_role", kind + " " + name + " may do everything to everything.", 0.8);
      });
    if (kind == "PodDisruptionBudget" && (d_.text_of(d_.child(spec, "maxUnavailable")) == "0" || d_.text_of(d_.child(spec, "maxUnavailable")) == "0%"))
      say(d_.child(spec, "maxUnavailable"), weight::warning, "blocks_drain", "PodDisruptionBudget " + name + " never lets a node drain.", 0.6);
    if (kind == "HorizontalPodAutoscaler" && d_.child(spec, "minReplicas") != 0 && d_.text_of(d_.child(spec, "minReplicas")) == d_.text_of(d_.child(spec, "maxReplicas")))
      say(d_.child(spec, "maxReplicas"), weight::warning, "fixed_autoscaler", "Autoscaler " + name + " has no room: minReplicas equals maxReplicas.", 0.5);
    if (kind == "Ingress" && d_.child(spec, "tls") == 0)
      say(root, weight::note, "no_tls", "Ingress " + name + " has no tls section.", 0.3);
  }

  bool list_has(std::uint32_t list, std::string_view text) {
    bool found = false;
    each(list, [&](auto c) { found = found || d_.nodes[c].text == text; });
    return found;
  }

  void match_selector(std::uint32_t root, const std::string& kind, const std::string& name) {
    const auto wanted = d_.find(root, "spec", "selector", "matchLabels");
    const auto labels = d_.find(root, "spec", "template", "metadata", "labels");
    each(wanted, [&](auto w) {
      if (d_.text_of(d_.child(labels, d_.nodes[w].key)) != d_.nodes[w].text)
        say(w, weight::danger, "selector_mismatch", kind + " " + name + " selects '" + d_.nodes[w].key + ": " + d_.nodes[w].text + "', which its own pods do not carry.", 0.95);
    });
  }

  void pod_spec(const pods& p, const std::string& name) {
    for (const auto* flag : {"hostNetwork", "hostPID", "hostIPC"})
      if (is_true(d_.child(p.spec, flag)))
        say(d_.child(p.spec, flag), weight::danger, "host_namespace", p.kind + " " + name + " shares the host's namespace (" + flag + ").", 0.7);
    if (d_.text_of(d_.child(p.spec, "terminationGracePeriodSeconds")) == "0")
      say(d_.child(p.spec, "terminationGracePeriodSeconds"), weight::warning, "no_grace", p.kind + " " + name + " is killed without time to end its requests.", 0.6);
    each(d_.child(p.spec, "volumes"), [&](auto v) {
      const auto path = d_.find(v, "hostPath", "path");
      if (path == 0)
        return;
      const bool socket = d_.nodes[path].text.ends_with("docker.sock") || d_.nodes[path].text.ends_with("containerd.sock");
      say(path, socket ? weight::danger : weight::warning, socket ? "runtime_socket" : "host_path",
          p.kind + " " + name + (socket ? " mounts the container runtime's socket: root on the node." : " mounts '" + d_.nodes[path].text + "' of the node."), socket ? 0.95 : 0.5);
    });
    each(d_.child(p.spec, "containers"), [&](auto c) { container(p, c, false); });
    each(d_.child(p.spec, "initContainers"), [&](auto c) { container(p, c, true); });
  }

  void image(std::uint32_t node, const std::string& who) {
    if (node == 0)
      return;
    const std::string_view image = d_.nodes[node].text;
    const auto name = image.substr(image.rfind('/') == std::string_view::npos ? 0 : image.rfind('/') + 1);
    if (image.empty() || has(name, "@sha256:") || has(name, "${") || has(name, "{{"))
      return;
    if (!has(name, ":"))
      say(node, weight::warning, "image_latest", who + " uses the image '" + std::string{image} + "' without a tag, which means :latest.", 0.7);
    else if (name.ends_with(":latest"))
      say(node, weight::warning, "image_latest", who + " uses '" + std::string{image} + "': what runs changes without a change here.", 0.7);
  }

  void container(const pods& p, std::uint32_t c, bool init) {
    const auto who = "Container " + name_of(c);
    image(d_.child(c, "image"), who);
    const auto limits = d_.find(c, "resources", "limits");
    const auto requests = d_.find(c, "resources", "requests");
    if (d_.child(limits, "memory") == 0 && !init)
      say(c, weight::warning, "no_memory_limit", who + " has no memory limit: a leak takes the node down with it.", 0.75);
    if (requests == 0 && limits == 0 && !init)
      say(c, weight::note, "no_requests", who + " requests nothing: it is placed anywhere and evicted first.", 0.45);
    for (const auto* what : {"memory", "cpu"}) {
      const auto limit = quantity(d_.text_of(d_.child(limits, what)));
      const auto request = quantity(d_.text_of(d_.child(requests, what)));
      if (limit && request && *request > *limit)
        say(d_.child(requests, what), weight::danger, "request_above_limit", who + " requests more " + what + " than its limit: the pod is rejected.", 0.95);
    }
    if (const auto m = d_.child(limits, "memory"); m != 0)
      if (const auto bytes = quantity(d_.nodes[m].text); bytes && *bytes < 16.0 * 1048576)
        say(m, weight::warning, "tiny_memory_limit", who + " may use " + d_.nodes[m].text + " of memory: it will be killed (OOM).", 0.8);
    const auto security = d_.child(c, "securityContext");
    if (is_true(d_.child(security, "privileged")))
      say(d_.child(security, "privileged"), weight::danger, "privileged_container", who + " is privileged: it is root on its node.", 0.9);
    if (is_true(d_.child(security, "allowPrivilegeEscalation")))
      say(d_.child(security, "allowPrivilegeEscalation"), weight::warning, "privilege_escalation", who + " may gain more privileges than its parent.", 0.5);
    if (d_.text_of(d_.child(security, "runAsUser")) == "0")
      say(d_.child(security, "runAsUser"), weight::warning, "runs_as_root", who + " runs as root.", 0.5);
    each(d_.find(c, "securityContext", "capabilities", "add"), [&](auto cap) {
      const auto& t = d_.nodes[cap].text;
      if (t == "ALL" || t == "SYS_ADMIN" || t == "NET_ADMIN" || t == "SYS_PTRACE")
        say(cap, t == "NET_ADMIN" ? weight::warning : weight::danger, "capability", who + " has the capability " + t + ".", 0.7);
    });
    const bool serves = !init && (p.kind == "Deployment" || p.kind == "StatefulSet" || p.kind == "DaemonSet");
    if (serves && d_.child(c, "readinessProbe") == 0 && d_.child(c, "ports") != 0)
      say(c, weight::warning, "no_readiness_probe", who + " has no readiness probe: it gets requests before it can answer.", 0.6);
    if (serves && d_.child(c, "livenessProbe") == 0 && d_.child(c, "ports") != 0)
      say(c, weight::note, "no_liveness_probe", who + " has no liveness probe.", 0.3);
    if (const auto live = d_.child(c, "livenessProbe"); live != 0) {
      const auto failures = to_number(d_.text_of(d_.child(live, "failureThreshold")));
      const auto period = to_number(d_.text_of(d_.child(live, "periodSeconds")));
      if (failures && period && *failures * *period < 10)
        say(live, weight::warning, "nervous_probe", who + " is restarted after " + number_text(*failures * *period) + " s of silence: a slow garbage collection is enough.", 0.7);
    }
    each(d_.child(c, "env"), [&](auto e) {
      const auto value = d_.child(e, "value");
      if (value != 0 && names_a_secret(d_.text_of(d_.child(e, "name"))) && !is_placeholder(d_.nodes[value].text))
        say(value, weight::danger, "secret_in_manifest", who + " has the secret '" + name_of(e) + "' written into the manifest; use a Secret.", 0.9);
    });
  }

  /// Services against the pods of the same file: a selector that meets nothing is a classic outage.
  void services() {
    if (pods_.empty())
      return;
    for (auto s : service_list_) {
      const auto selector = d_.find(s, "spec", "selector");
      if (selector == 0 || d_.nodes[selector].first_child == 0)
        continue;
      const auto name = name_of(d_.child(s, "metadata"));
      const pods* meets = nullptr;
      for (auto& p : pods_) {
        bool all = true;
        each(selector, [&](auto w) { all = all && p.labels != 0 && d_.text_of(d_.child(p.labels, d_.nodes[w].key)) == d_.nodes[w].text; });
        if (all)
          meets = &p;
      }
      if (meets == nullptr) {
        say(selector, weight::warning, "service_without_pods", "Service " + name + " selects no pod of this file.", 0.85);
        continue;
      }
      std::set<std::string, std::less<>> ports;
      each(d_.child(meets->spec, "containers"), [&](auto c) {
        each(d_.child(c, "ports"), [&](auto p) {
          ports.emplace(d_.text_of(d_.child(p, "containerPort")));
          ports.emplace(d_.text_of(d_.child(p, "name")));
        });
      });
      if (ports.empty())
        continue;
      each(d_.find(s, "spec", "ports"), [&](auto p) {
        const auto target = d_.child(p, "targetPort") != 0 ? d_.child(p, "targetPort") : d_.child(p, "port");
        if (target != 0 && !ports.contains(d_.nodes[target].text))
          say(target, weight::warning, "service_port", "Service " + name + " sends to port " + d_.nodes[target].text + ", which no container of its pods opens.", 0.85);
      });
    }
  }

  // ---- docker compose ----

  void compose(std::uint32_t root) {
    each(d_.child(root, "services"), [&](auto s) {
      const auto who = "Service " + d_.nodes[s].key.substr(0, 80);
      image(d_.child(s, "image"), who);
      if (is_true(d_.child(s, "privileged")))
        say(d_.child(s, "privileged"), weight::danger, "privileged_container", who + " is privileged: it is root on its host.", 0.9);
      if (d_.text_of(d_.child(s, "network_mode")) == "host")
        say(d_.child(s, "network_mode"), weight::warning, "host_namespace", who + " shares the host's network.", 0.6);
      each(d_.child(s, "volumes"), [&](auto v) {
        if (has(d_.nodes[v].text, "docker.sock"))
          say(v, weight::danger, "runtime_socket", who + " mounts the container runtime's socket: root on the host.", 0.9);
      });
      each(d_.child(s, "ports"), [&](auto p) {
        for (const auto* port : {"5432", "3306", "6379", "27017", "9200", "11211", "2375"})
          if (const auto& t = d_.nodes[p].text; t == std::string{port} + ":" + port || t == std::string{"0.0.0.0:"} + port + ":" + port)
            say(p, weight::warning, "database_published", who + " publishes port " + port + " on every address.", 0.7);
      });
      if (d_.child(s, "image") != 0 && d_.child(s, "restart") == 0 && d_.child(s, "deploy") == 0)
        say(s, weight::note, "no_restart", who + " is not restarted when it ends.", 0.3);
    });
  }

  // ---- nginx ----

  void nginx() {
    const auto top = d_.first();
    for (std::uint32_t i = 1; i < d_.nodes.size(); ++i) {
      const auto& n = d_.nodes[i];
      if (n.key == "server_tokens" && n.text == "on")
        say(i, weight::note, "server_tokens", "nginx tells its version to everybody.", 0.2);
      if (n.key == "user" && n.text.starts_with("root") && n.parent == top)
        say(i, weight::warning, "runs_as_root", "nginx's workers run as root.", 0.7);
      if (n.key == "add_header" && has(n.text, "Access-Control-Allow-Origin") && n.text.ends_with("*"))
        say(i, weight::warning, "cors_open", "Any site may call this with its users' browsers.", 0.5);
      if (n.key == "autoindex" && n.text == "on")
        say(i, weight::warning, "autoindex", "Directories are listed to visitors.", 0.6);
      if (n.key == "ssl_protocols" && (has(n.text, "SSLv") || has(n.text + " ", "TLSv1 ") || has(n.text, "TLSv1.1")))
        say(i, weight::danger, "old_tls", "Broken TLS versions are allowed: " + n.text + ".", 0.7);
      if (n.key == "client_max_body_size" && n.text == "0")
        say(i, weight::warning, "unbounded_body", "Request bodies have no bound.", 0.6);
      if (n.key == "worker_connections")
        if (const auto v = to_number(n.text); v && *v < 512)
          say(i, weight::warning, "few_connections", "A worker takes " + n.text + " connections only.", 0.6);
      if (n.key == "root" && n.text == "/")
        say(i, weight::danger, "root_exposed", "The whole file system is served.", 0.9);
      if (n.kind == node_kind::map && n.key.starts_with("if (") && d_.nodes[n.parent].key.starts_with("location"))
        say(i, weight::note, "if_in_location", "'if' inside a location does not do what it says with most directives.", 0.4);
      if (n.kind == node_kind::map && n.key.starts_with("location ")) {
        const auto alias = d_.child(i, "alias");
        const auto path = n.key.substr(n.key.rfind(' ') + 1);
        if (alias != 0 && !path.ends_with("/") && d_.nodes[alias].text.ends_with("/") && !has(n.key, "~") && !has(n.key, "="))
          say(i, weight::danger, "alias_traversal", "'" + n.key + "' with an alias that ends in '/' lets '..' out of it.", 0.9);
        const auto pass = d_.child(i, "proxy_pass");
        if (pass != 0 && has(d_.nodes[pass].text, "$") && !has(d_.nodes[pass].text, "$request_uri") && d_.child(top, "resolver") == 0 && !anywhere("resolver"))
          say(pass, weight::warning, "no_resolver", "proxy_pass with a variable needs a resolver; without one nginx answers 502.", 0.7);
      }
      if (n.kind == node_kind::map && n.key.starts_with("upstream ")) {
        int servers = 0;
        each(i, [&](auto c) { servers += d_.nodes[c].key == "server" ? 1 : 0; });
        if (servers == 0)
          say(i, weight::danger, "empty_upstream", "'" + n.key + "' has no server.", 0.9);
        else if (servers == 1)
          say(i, weight::note, "single_upstream", "'" + n.key + "' has one server: there is nothing to fail over to.", 0.3);
      }
      if (n.kind == node_kind::map && n.key == "server") {
        bool tls = false;
        each(i, [&](auto c) { tls = tls || (d_.nodes[c].key == "listen" && has(d_.nodes[c].text, "ssl")); });
        if (tls && d_.child(i, "ssl_certificate") == 0 && !anywhere("ssl_certificate"))
          say(i, weight::danger, "no_certificate", "The server listens with TLS and has no ssl_certificate.", 0.9);
      }
      if ((n.key == "proxy_read_timeout" || n.key == "proxy_connect_timeout") && n.text.ends_with("h"))
        say(i, weight::warning, "long_timeout", n.key + " is " + n.text + ": stuck backends hold connections that long.", 0.5);
    }
  }
  bool anywhere(std::string_view key) const {
    return std::any_of(d_.nodes.begin(), d_.nodes.end(), [&](auto& n) { return n.key == key; });
  }

  // ---- systemd ----

  void systemd(std::uint32_t root) {
    const auto service = d_.child(root, "Service");
    if (service == 0)
      return;
    const auto start = d_.child(service, "ExecStart");
    const auto type = d_.text_of(d_.child(service, "Type"));
    if (start == 0 && type != "oneshot")
      say(service, weight::danger, "no_exec_start", "The service has no ExecStart.", 0.95);
    each(service, [&](auto c) {
      const auto& n = d_.nodes[c];
      if (n.key.starts_with("Exec")) {
        const auto at = n.text.find_first_not_of("-@:+!");
        if (at != std::string::npos && n.text[at] != '/' && n.text[at] != '$' && n.text[at] != '%')
          say(c, weight::warning, "relative_command", n.key + " does not begin with an absolute path.", 0.7);
      }
      if (n.key == "Environment")
        if (const auto eq = n.text.find('='); eq != std::string::npos) {
          auto name = std::string_view{n.text}.substr(0, eq);
          if (!name.empty() && (name[0] == '"' || name[0] == '\''))
            name.remove_prefix(1);
          if (names_a_secret(name) && !is_placeholder(std::string_view{n.text}.substr(eq + 1)))
            say(c, weight::danger, "secret_in_unit", "A secret stands in the unit, which everybody on the machine may read; use LoadCredential or EnvironmentFile.", 0.85);
        }
    });
    const auto restart = d_.child(service, "Restart");
    if ((restart == 0 || d_.nodes[restart].text == "no") && type != "oneshot")
      say(restart == 0 ? service : restart, weight::warning, "no_restart", "The service is not restarted when it fails (no Restart=).", 0.6);
    if (d_.text_of(restart) == "always" && d_.text_of(d_.find(root, "Unit", "StartLimitIntervalSec")) != "0" && d_.child(service, "RestartSec") == 0)
      say(restart, weight::note, "start_limit", "Restart=always without RestartSec: five quick failures and systemd gives up.", 0.5);
    if (d_.text_of(d_.child(service, "KillMode")) == "none")
      say(d_.child(service, "KillMode"), weight::danger, "kill_mode_none", "KillMode=none leaves processes behind at every stop.", 0.8);
    if (d_.text_of(d_.child(service, "TimeoutStopSec")) == "infinity")
      say(d_.child(service, "TimeoutStopSec"), weight::warning, "no_timeout", "A stop waits for ever.", 0.5);
    if (type == "forking" && d_.child(service, "PIDFile") == 0)
      say(d_.child(service, "Type"), weight::warning, "no_pid_file", "Type=forking without PIDFile: systemd guesses which process is the main one.", 0.6);
    const auto user = d_.child(service, "User");
    if ((user == 0 || d_.nodes[user].text == "root") && d_.child(service, "DynamicUser") == 0)
      say(user == 0 ? service : user, weight::note, "runs_as_root", "The service runs as root.", 0.4);
    if (const auto files = to_number(d_.text_of(d_.child(service, "LimitNOFILE"))); files && *files < 4096)
      say(d_.child(service, "LimitNOFILE"), weight::warning, "few_files", "LimitNOFILE is " + number_text(*files) + ": 'too many open files' under load.", 0.7);
  }

  config_format format_;
  const document& d_;
  const lines& text_;
  std::vector<finding> out_;
  std::vector<pods> pods_;
  std::vector<std::uint32_t> service_list_;
};

} // namespace

std::vector<finding> lint_config(config_format format, const document& doc, const lines& text) { return linter{format, doc, text}.run(); }

} // namespace fm::extractors
