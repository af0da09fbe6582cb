// Configurations: parsed or told where not, dangers named at their line, versions compared by meaning.
#include "actors/evidence/extractors/configuration.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace {
using namespace fm::extractors;

const finding* find(const extraction& x, std::string_view kind) {
  const auto it = std::find_if(x.findings.begin(), x.findings.end(), [&](auto& f) { return f.kind == kind; });
  return it == x.findings.end() ? nullptr : &*it;
}
std::string at(const document& d, std::string_view path) {
  for (std::uint32_t i = 1; i < d.nodes.size(); ++i)
    if (d.path(i) == path)
      return d.nodes[i].text;
  return "(none)";
}

TEST(ConfigFormats, AreToldApartByContent) {
  using enum config_format;
  EXPECT_EQ(config_format_of("x", "{\"a\": 1}"), json);
  EXPECT_EQ(config_format_of("x", "a:\n  b: 1\n  c:\n    - 1\n"), yaml);
  EXPECT_EQ(config_format_of("x", "apiVersion: v1\nkind: Service\n"), kubernetes);
  EXPECT_EQ(config_format_of("x", "[a]\nb = \"c\"\nd = [1, 2]\n[a.b]\ne = true\n"), toml);
  EXPECT_EQ(config_format_of("x", "[a]\nb = some words\n"), ini);
  EXPECT_EQ(config_format_of("x", "spring.datasource.url=jdbc:x\nspring.pool.size=5\n"), properties);
  EXPECT_EQ(config_format_of("x", "export A=1\nB_C=2\n"), env);
  EXPECT_EQ(config_format_of("x", "server {\n listen 80;\n location / { root /a; }\n}\n"), nginx);
  EXPECT_EQ(config_format_of("x", "[Unit]\nDescription=a\n[Service]\nExecStart=/bin/a\n"), systemd);
  EXPECT_EQ(config_format_of("x", "<?xml version=\"1.0\"?><a><b>1</b></a>"), xml);
}

TEST(ConfigParse, ValuesAndTheirPlaces) {
  const auto yaml = parse_yaml("a:\n  b: [1, two]\n  c:\n    - name: x\n      v: 2\n");
  EXPECT_FALSE(yaml.error.has_value());
  EXPECT_EQ(at(yaml, "a.b[1]"), "two");
  EXPECT_EQ(at(yaml, "a.c[0].v"), "2");
  const auto v = yaml.find(yaml.first(), "a", "c");
  EXPECT_EQ(yaml.nodes[v].line, 3U);
  EXPECT_EQ(at(parse_json(R"({"a":{"b":[true,"\u00e4\ud83d\ude00"]}})"), "a.b[1]"), "\xC3\xA4\xF0\x9F\x98\x80");
  EXPECT_EQ(at(parse_toml("[a.b]\nc = 5\nd = 2026-01-31\n"), "a.b.c"), "5");
  EXPECT_EQ(at(parse_ini("[s]\nk = v ; not a comment here\n"), "s.k"), "v ; not a comment here");
  EXPECT_EQ(at(parse_properties("a.b = c\\\n   d\n"), "a.b"), "cd");
  EXPECT_EQ(at(parse_env("export A=\"x y\" # note\nB=2 # note\n"), "A"), "x y");
  EXPECT_EQ(at(parse_env("export A=\"x y\" # note\nB=2 # note\n"), "B"), "2");
  EXPECT_EQ(at(parse_nginx("http { server { listen 80; location ~ ^/a{2}$ { proxy_pass http://${h}; } } }"), "http.server.location ~ ^/a{2}$.proxy_pass"), "http://${h}");
  EXPECT_EQ(at(parse_systemd("[Service]\nExecStart=/a \\\n  -b\n"), "Service.ExecStart"), "/a  -b");
  EXPECT_EQ(at(parse_xml("<a><b x=\"1\">t</b><c>2</c></a>"), "c"), "2");
}

TEST(ConfigParse, ErrorsAreLocated) {
  struct wrong {
    std::string_view name, text;
    unsigned line;
  };
  for (auto& w : {wrong{"a.json", "{\n \"a\": 1,\n \"b\" 2\n}", 3}, wrong{"a.json", "{\n \"a\": 1,\n}", 3}, wrong{"a.yaml", "a: 1\nb:\n  c: [1, 2\nd: 3\n", 4}, wrong{"a.yaml", "a:\n\t- x\nb: 2\n", 2}, wrong{"a.toml", "[a]\nb = \"c\"\nd = \n", 3},
                  wrong{"x.ini", "[a]\nb = c\n[d\ne = f\n", 3}, wrong{"nginx.conf", "http {\n server {\n  listen 80\n }\n}\n", 3}, wrong{"a.xml", "<a>\n<b>\n</a>\n", 3}, wrong{".env", "A=1\nB=2\nno equals\n", 3}}) {
    const auto x = extract_config(w.name, w.text);
    const auto* f = find(x, "parse_error");
    ASSERT_NE(f, nullptr) << w.text;
    EXPECT_EQ(f->at.first_line, w.line) << w.text << "\n" << f->title;
    EXPECT_EQ(f->heavy, weight::danger);
  }
}

TEST(ConfigLint, KubernetesDangers) {
  const std::string text = R"(apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: other}}
    spec:
      hostNetwork: true
      containers:
        - name: app
          image: shop/web
          securityContext: {privileged: true}
          resources:
            requests: {memory: 2Gi}
            limits: {memory: 1Gi}
          env:
            - name: API_TOKEN
              value: abcdef123
          ports: [{containerPort: 8080}]
          livenessProbe: {failureThreshold: 2, periodSeconds: 2}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: nobody}
  ports: [{port: 80}]
)";
  const auto x = extract_config("d.yaml", text);
  EXPECT_EQ(x.format, "kubernetes");
  for (const std::string_view kind : {"selector_mismatch", "host_namespace", "image_latest", "privileged_container", "request_above_limit", "secret_in_manifest", "nervous_probe", "no_readiness_probe", "service_without_pods", "single_replica"})
    EXPECT_NE(find(x, kind), nullptr) << kind;
  EXPECT_EQ(find(x, "privileged_container")->at.first_line, 14U);
  EXPECT_EQ(find(x, "image_latest")->at.first_line, 13U);
  EXPECT_TRUE(x.secrets_detected);
  EXPECT_EQ(x.full.find("abcdef123"), std::string::npos);
}

TEST(ConfigLint, AGoodManifestHasNoDangerAndNoWarning) {
  const auto x = extract_config("d.yaml", R"(apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: app
          image: shop/web:1.4.2
          resources: {requests: {memory: 256Mi, cpu: 100m}, limits: {memory: 512Mi}}
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /ready, port: 8080}}
          livenessProbe: {httpGet: {path: /live, port: 8080}}
)");
  for (auto& f : x.findings)
    ADD_FAILURE() << f.kind << ": " << f.title;
  EXPECT_FALSE(x.secrets_detected);
}

TEST(ConfigLint, OtherFormats) {
  struct danger {
    std::string_view name, text, kind;
  };
  for (auto& d : {danger{"nginx.conf", "http {\n server {\n  listen 443 ssl;\n  ssl_protocols TLSv1 TLSv1.2;\n  location /a { alias /b/; autoindex on; }\n }\n}\n", "alias_traversal"}, danger{"nginx.conf", "http { server { listen 443 ssl; location / { root /a; } } }", "no_certificate"},
                  danger{"nginx.conf", "server { listen 80; ssl_protocols SSLv3 TLSv1.2; location / { root /a; } }", "old_tls"}, danger{"a.service", "[Service]\nExecStart=run.sh\nKillMode=none\n", "kill_mode_none"},
                  danger{"a.service", "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/x\n", "no_restart"}, danger{"a.service", "[Service]\nExecStart=/bin/x\nEnvironment=DB_PASSWORD=abc123\n", "secret_in_unit"},
                  danger{"postgresql.conf", "fsync = off\nshared_buffers = 1GB\nwork_mem = 4MB\n", "durability_off"}, danger{".env", "DEBUG=true\nPORT=1\n", "debug_on"}, danger{"a.yaml", "server:\n  bind: 0.0.0.0\n  port: 80\n", "listens_everywhere"},
                  danger{"a.yaml", "db:\n  password: changeme\n", "default_password"}, danger{"a.json", "{\"http\": {\"timeout\": 0}}", "no_timeout"}, danger{"a.yaml", "db:\n  pool_size: 1\n", "tiny_pool"}, danger{"a.json", "{\"a\": 1, \"a\": 2}", "duplicate_key"},
                  danger{"docker-compose.yml", "services:\n  db:\n    image: postgres\n    ports:\n      - \"5432:5432\"\n", "database_published"}, danger{"c.yaml", "client:\n  insecureSkipVerify: true\n", "tls_unverified"}})
    EXPECT_NE(find(extract_config(d.name, d.text), d.kind), nullptr) << d.kind;
}

std::vector<config_change> diff(std::string_view name, std::string_view before, std::string_view after) {
  bool shortened = false;
  return diff_config(parse_config(config_format_of(name, before), before), before, parse_config(config_format_of(name, after), after), after, shortened);
}

TEST(ConfigDiff, OrderCommentsAndLayoutAreNoChange) {
  EXPECT_TRUE(diff("a.yaml", "a: 1\nb: {c: 2, d: [x, y]}\n", "# new\nb:\n  d: [y, x]\n  c: 2\na: 1\n").empty());
  EXPECT_TRUE(diff("a.json", "{\"a\":1,\"b\":2}", "{\n \"b\": 2,\n \"a\": 1\n}").empty());
}

TEST(ConfigDiff, WhatProbablyMattersComesFirst) {
  const auto c = diff("a.yaml", "description: old\nlabels: {team: a}\nlog_level: info\ndb:\n  pool_size: 50\n  host: a\n", "description: new\nlabels: {team: b}\nlog_level: debug\ndb:\n  pool_size: 5\n  host: a\n");
  ASSERT_EQ(c.size(), 4U);
  EXPECT_EQ(c[0].path, "db.pool_size");
  EXPECT_EQ(c[0].before, "50");
  EXPECT_EQ(c[0].after, "5");
  EXPECT_EQ(c[0].at.first_line, 5U);
  EXPECT_EQ(c[1].path, "log_level");
  EXPECT_LT(c[3].importance, 0.3);
}

TEST(ConfigDiff, ThingsWithNamesAreMatchedByName) {
  const auto c = diff("a.yaml", "containers:\n- name: a\n  image: x:1\n- name: b\n  image: y:1\n", "containers:\n- name: new\n  image: z:1\n  a1: 1\n  a2: 2\n  a3: 3\n- name: b\n  image: y:2\n- name: a\n  image: x:1\n");
  ASSERT_EQ(c.size(), 2U) << c.size();
  EXPECT_TRUE(std::any_of(c.begin(), c.end(), [](auto& x) { return x.path == "containers[b].image" && x.after == "y:2"; }));
  EXPECT_TRUE(std::any_of(c.begin(), c.end(), [](auto& x) { return x.path == "containers[new]" && x.kind == config_change::change_kind::added; }));
}

TEST(ConfigDiff, ARemovedBlockIsOneChangeAndSecretsAreNotShown) {
  const auto removed = diff("a.yaml", "a: 1\nlimits:\n  w: 1\n  x: 2\n  y: 3\n  z: 4\n", "a: 1\n");
  ASSERT_EQ(removed.size(), 1U);
  EXPECT_EQ(removed[0].path, "limits");
  EXPECT_EQ(removed[0].before, "{4 values}");
  const auto secret = diff("a.yaml", "db:\n  password: first1\n", "db:\n  password: second2\n");
  ASSERT_EQ(secret.size(), 1U);
  EXPECT_EQ(secret[0].before, "(secret)");
  EXPECT_EQ(secret[0].after, "(secret)");
}

TEST(ConfigDiff, TheExtractionTellsWhatChanged) {
  const auto x = extract_config("a.yaml", "replicas: 1\nport: 80\nname: a\n", "replicas: 5\nport: 80\nname: a\n");
  const auto* f = find(x, "changed_setting");
  ASSERT_NE(f, nullptr);
  EXPECT_NE(f->title.find("from 5 to 1"), std::string::npos);
  EXPECT_EQ(f->quote, "replicas: 1");
}

TEST(ConfigHostile, AliasBombsAreRefusedWithoutExpanding) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j)
      bomb += (j != 0 ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  const auto d = parse_yaml(bomb);
  ASSERT_TRUE(d.refused.has_value());
  EXPECT_NE(d.refused->find("alias bomb"), std::string::npos);
  EXPECT_LT(d.nodes.size(), 400U);
  const auto x = extract_config("a.yaml", bomb);
  EXPECT_TRUE(x.refused.has_value());
  const auto fine = parse_yaml("base: &b {x: 1}\none: {<<: *b, y: 2}\ntwo: *b\n");
  EXPECT_FALSE(fine.refused || fine.error);
}

TEST(ConfigHostile, DepthWidthAndRubbishAreBounded) {
  const std::string deep(100'000, '['), deep_map = [] {
    std::string s;
    for (int i = 0; i < 50'000; ++i)
      s += "{\"a\":";
    return s;
  }();
  EXPECT_TRUE(parse_json(deep).refused.has_value());
  EXPECT_TRUE(parse_json(deep_map).refused.has_value());
  const auto yaml = parse_yaml(deep);
  EXPECT_TRUE(yaml.refused || yaml.error);
  std::string dots = "a";
  for (int i = 0; i < 20'000; ++i)
    dots += ".a";
  EXPECT_TRUE(parse_toml(dots + " = 1\n").refused.has_value());
  EXPECT_TRUE(parse_toml("x = " + deep).error.has_value());
  std::string blocks;
  for (int i = 0; i < 5'000; ++i)
    blocks += "a {";
  EXPECT_TRUE(parse_nginx(blocks).refused.has_value());
  std::string elements;
  for (int i = 0; i < 20'000; ++i)
    elements += "<a>";
  for (int i = 0; i < 20'000; ++i)
    elements += "</a>";
  EXPECT_TRUE(parse_xml(elements).refused.has_value());
  EXPECT_FALSE(parse_xml("<!DOCTYPE a [<!ENTITY x \"yyyy\"><!ENTITY z \"&x;&x;\">]><a>&z;</a>").refused.has_value());
  for (const std::string_view text : {"", "\n", "\0\0\0", ":", "- ", "{", "}", "[", "=", "= =", "a", "&a *a", "*a", "? : ?", "%YAML 9.9", "\xFF\xFE", "[[[", "\"", "'", "<", "<a", ";;;", "{};{}"})
    for (auto f : {config_format::json, config_format::yaml, config_format::toml, config_format::ini, config_format::properties, config_format::env, config_format::nginx, config_format::systemd, config_format::xml})
      (void)parse_config(f, text);
}

bool says(const extraction& x, std::string_view kind, std::string_view title = {}) {
  return std::any_of(x.findings.begin(), x.findings.end(), [&](auto& f) { return f.kind == kind && f.title.find(title) != std::string::npos; });
}

TEST(Json, CommentsAreReadAndSaidWhereNotEveryReaderTakesThem) {
  const std::string text = "{\n  // strict\n  \"a\": 1, /* two\n lines */ \"b\": [1, 2,],\n  \"url\": \"http://x//y\",\n}\n";
  const auto x = extract_config("app.json", text);
  EXPECT_FALSE(says(x, "parse_error")) << x.summary;
  EXPECT_TRUE(says(x, "json_comments"));
  EXPECT_FALSE(says(extract_config("tsconfig.json", text), "json_comments"));
  EXPECT_TRUE(says(extract_config("app.json", "{\"a\": [1, 2,]}"), "parse_error")) << "without comments it is plain JSON";
  EXPECT_TRUE(says(extract_config("app.json", "{\"a\": /* never ends"), "parse_error"));
  const auto d = parse_config(config_format::json, text);
  EXPECT_EQ(d.text_of(d.find(d.first(), "url")), "http://x//y") << "what is in a string is no comment";
}

TEST(Lint, DangersOfFormatsThatAreWordsAndBlanks) {
  const auto redis = extract_config("redis.conf", "bind 0.0.0.0\nprotected-mode no\nport 6379\nrequirepass correcthorse9battery\n");
  EXPECT_TRUE(says(redis, "authentication_off"));
  EXPECT_TRUE(says(redis, "listens_everywhere"));
  EXPECT_TRUE(says(redis, "secret"));
  EXPECT_EQ(redis.full.find("correcthorse9battery"), std::string::npos);
  const auto ssh = extract_config("sshd_config", "PermitRootLogin yes\nPasswordAuthentication yes\nPermitEmptyPasswords yes\n");
  EXPECT_TRUE(says(ssh, "root_login"));
  EXPECT_TRUE(says(ssh, "authentication_off"));
}

TEST(Lint, SpringAndNginx) {
  const auto spring = extract_config("application.properties", "spring.datasource.url=jdbc:postgresql://db:5432/shop?sslmode=disable&x=1\nspring.jpa.hibernate.ddl-auto=create-drop\nmanagement.endpoints.web.exposure.include=*\nserver.port=8080\n");
  EXPECT_TRUE(says(spring, "management_exposed"));
  EXPECT_TRUE(says(spring, "tls_off"));
  EXPECT_TRUE(says(spring, "schema_changes_at_start"));
  EXPECT_FALSE(says(extract_config("a.properties", "url=postgres://db/x?sslmode=require\na.b=c\n"), "tls_off"));
  const auto nginx = extract_config("nginx.conf", "user root;\nevents { worker_connections 1024; }\nhttp {\n  server {\n    listen 80;\n    location / { proxy_pass http://a; add_header Access-Control-Allow-Origin *; }\n  }\n}\n");
  EXPECT_TRUE(says(nginx, "runs_as_root"));
  EXPECT_TRUE(says(nginx, "cors_open"));
}

} // namespace
