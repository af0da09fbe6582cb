// Who may do what, and which thread does it.
#include "actors/knowledge/knowledge.hpp"

#include "actors/support/run_on.hpp"
#include "protocol/base/logging.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>

namespace fm {
namespace {
constexpr std::size_t bulk_max = 1'000;

struct shared {
  knowledge_actor_deps deps;
  std::atomic<bool> loaded{false};
  std::mutex mutex;
  std::string reindex;            ///< the job that embeds anew, while it waits or runs
  std::uint64_t embed_failures = 0; ///< such jobs that failed, one after the other
  explicit shared(knowledge_actor_deps d) : deps(std::move(d)) {}
};
using shared_ptr = std::shared_ptr<shared>;

bool is_admin(const principal& p) { return p.has(user_role::admin); }
failure only_admins() { return make_failure(errc::forbidden, "Only an administrator may change what everybody shares."); }

/// Whoever is not in a scope does not learn that it is there.
std::optional<failure> not_in(const shared_ptr& s, const principal& who, const knowledge_scope& scope) {
  if (s->deps.base->is_in(who.user, scope))
    return std::nullopt;
  return make_failure(errc::not_found, scope.team.empty() ? "There is no such user, or it is not you." : "There is no such team, or you are not in it.");
}
std::optional<failure> not_in(const shared_ptr& s, const principal& who, const knowledge_view& view) {
  return view.team.empty() ? std::nullopt : not_in(s, who, knowledge_scope{{}, view.team});
}

/// Runs `f` on the executor and answers with what it returns.
template <class T, class F>
void run(const shared_ptr& s, const reply<T>& answer, F f) {
  if (!s->loaded)
    return answer(make_unavailable("The knowledge base is still being read; please try again."));
  run_on(s->deps.work, "knowledge", answer, [s, f = std::move(f)] { return f(*s->deps.base); });
}

/// A change of a document: global ones belong to administrators.
template <class F>
auto guarded(const principal& who, const std::string& id, F f) {
  return [who, id, f = std::move(f)](knowledge_base& base) -> decltype(f(base)) {
    auto now = base.read(who.user, id);
    if (!now)
      return now.error();
    if (now->first.scope.global() && !is_admin(who))
      return only_admins();
    return f(base);
  };
}

/// What a job does with each of its pieces: nothing, or why it failed.
using job_step = std::function<std::optional<failure>(knowledge_base&, std::size_t)>;

/// Does the steps one after the other until all are done or somebody cancels; a step that failed does not end the rest.
void run_steps(const shared_ptr& s, const std::string& id, std::size_t steps, const job_step& step) {
  const auto control = s->deps.jobs->start(id);
  if (!control)
    return; // cancelled while it waited
  std::uint64_t done = 0, failed = 0;
  std::string first;
  try {
    for (std::size_t i = 0; i < steps; ++i) {
      if (control->stopped())
        return s->deps.jobs->finish(id, "cancelled");
      if (auto f = step(*s->deps.base, i)) {
        ++failed;
        if (first.empty())
          first = f->detail;
      } else {
        ++done;
      }
      s->deps.jobs->progress(id, done, failed, steps);
    }
    s->deps.jobs->finish(id, failed == 0 ? "completed" : "failed", first);
  } catch (const std::exception& e) {
    log::error("knowledge", std::string{"a job failed: "} + e.what());
    s->deps.jobs->finish(id, "failed", "The knowledge base could not do this; the server's log says why.");
  }
}

void start_job(const shared_ptr& s, job what, const reply<job>& answer, job_step step) {
  if (!s->loaded)
    return answer(make_unavailable("The knowledge base is still being read; please try again."));
  auto begun = s->deps.jobs->begin(std::move(what));
  if (!begun)
    return answer(begun.error());
  const bool taken = s->deps.work->submit([s, id = begun->id, steps = static_cast<std::size_t>(begun->total), step = std::move(step)] { run_steps(s, id, steps, step); });
  if (!taken) {
    s->deps.jobs->finish(begun->id, "failed", "Too much work waits.");
    return answer(too_much_waits());
  }
  answer(std::move(*begun));
}

/// Embeds these, until somebody cancels or the embedder fails: it would fail for the next one too.
void run_reindex(const shared_ptr& s, const std::string& id, const std::vector<std::string>& documents) {
  std::string status = "cancelled", error;
  try {
    if (const auto control = s->deps.jobs->start(id)) {
      std::uint64_t done = 0;
      for (auto& document : documents) {
        if (control->stopped())
          break;
        if (auto r = s->deps.base->embed_again(document); !r) {
          status = "failed";
          error = r.error().detail;
          break;
        }
        s->deps.jobs->progress(id, ++done, 0, documents.size());
      }
      if (done == documents.size())
        status = "completed";
    }
  } catch (const std::exception& e) {
    log::error("knowledge", std::string{"embedding anew failed: "} + e.what());
    status = "failed";
    error = "The knowledge base could not do this; the server's log says why.";
  }
  s->deps.jobs->finish(id, status, error);
  std::lock_guard lock{s->mutex};
  s->reindex.clear();
  s->embed_failures = status == "failed" ? s->embed_failures + 1 : 0;
}

/// Starts embedding anew, or names the job that does it already. A job without work is completed at once.
outcome<job> start_reindex(const shared_ptr& s, bool all) {
  std::string id;
  std::vector<std::string> documents;
  outcome<job> begun = make_unavailable("");
  {
    std::lock_guard lock{s->mutex};
    if (!s->reindex.empty())
      return s->deps.jobs->find({{}, {}, {user_role::admin}}, s->reindex);
    documents = s->deps.base->to_embed(all);
    fm::job what;
    what.kind = "reindex";
    what.subject = s->deps.base->model_state().name;
    what.total = documents.size();
    begun = s->deps.jobs->begin(std::move(what));
    if (!begun)
      return begun;
    id = s->reindex = begun->id;
  }
  const auto& where = s->deps.background ? s->deps.background : s->deps.work;
  if (where->submit([s, id, documents = std::move(documents)] { run_reindex(s, id, documents); }))
    return begun;
  s->deps.jobs->finish(id, "failed", "Too much work waits.");
  std::lock_guard lock{s->mutex};
  s->reindex.clear();
  return too_much_waits();
}

/// Looks whether something waits to be embedded; says when to look again.
std::chrono::seconds tend(const shared_ptr& s) {
  std::uint64_t failures = 0;
  {
    std::lock_guard lock{s->mutex};
    failures = s->embed_failures;
  }
  if (s->loaded && !s->deps.base->to_embed(false).empty())
    (void)start_reindex(s, false);
  const auto pause = s->deps.embed_every * (1U << std::min<std::uint64_t>(failures, 12));
  return std::clamp<std::chrono::seconds>(pause, s->deps.embed_every, std::max<std::chrono::seconds>(s->deps.embed_every, std::chrono::hours{1}));
}

knowledge_actor::behavior_type knowledge_impl(knowledge_actor::pointer self, shared_ptr s) {
  const bool loading = s->deps.work->submit([s] {
    if (auto n = s->deps.base->load(); !n) {
      log::error("knowledge", "the knowledge base cannot be read: " + n.error().detail);
      return;
    }
    s->loaded = true;
    if (!s->deps.base->to_embed(false).empty())
      (void)start_reindex(s, false);
  });
  if (!loading)
    log::error("knowledge", "the knowledge base cannot be read: too much work waits at the start");
  self->delayed_send(caf::actor_cast<knowledge_actor>(self), s->deps.embed_every, tend_knowledge{});
  return {
      [s](add_knowledge& m) {
        if (m.draft.scope.global() && !is_admin(m.who))
          return m.answer(only_admins());
        if (auto f = not_in(s, m.who, m.draft.scope))
          return m.answer(*f);
        run(s, m.answer, [who = m.who.user, draft = std::move(m.draft)](knowledge_base& b) { return b.add(who, draft); });
      },
      [s](read_knowledge& m) { run(s, m.answer, [who = m.who.user, id = m.id](knowledge_base& b) { return b.read(who, id); }); },
      [s](change_knowledge& m) {
        run(s, m.answer, guarded(m.who, m.id, [who = m.who.user, id = m.id, patch = m.patch, version = m.expected_version](knowledge_base& b) {
              return b.change(who, id, patch, version);
            }));
      },
      [s](remove_knowledge& m) {
        run(s, m.answer, guarded(m.who, m.id, [who = m.who.user, id = m.id](knowledge_base& b) { return b.remove(who, id); }));
      },
      [s](list_knowledge& m) {
        if (auto f = not_in(s, m.who, m.view))
          return m.answer(*f);
        run(s, m.answer, [m](knowledge_base& b) {
          return outcome<knowledge_list>{b.list(m.who.user, m.view, m.document_type, m.category, m.tag, m.limit, m.offset)};
        });
      },
      [s](search_knowledge& m) {
        if (auto f = not_in(s, {m.query.viewer, {}, {}}, m.query.view))
          return m.answer(*f);
        run(s, m.answer, [q = m.query](knowledge_base& b) { return b.search(q); });
      },
      [s](read_knowledge_stats& m) {
        if (auto f = not_in(s, m.who, m.view))
          return m.answer(*f);
        run(s, m.answer, [who = m.who.user, view = m.view](knowledge_base& b) { return outcome<knowledge_stats>{b.stats(who, view)}; });
      },
      [s](bulk_knowledge& m) {
        if (m.ids.empty() || m.ids.size() > bulk_max) {
          auto f = make_failure(errc::invalid, "document_ids must name 1 to " + std::to_string(bulk_max) + " documents.");
          return m.answer(f.with_fact("field", "document_ids"));
        }
        fm::job job;
        job.kind = m.remove ? "bulk_delete" : "bulk_update";
        job.total = m.ids.size();
        job.started_by = m.who.user;
        start_job(s, job, m.answer, [who = m.who, ids = m.ids, patch = m.patch, remove = m.remove](knowledge_base& b, std::size_t i) -> std::optional<failure> {
          const auto& id = ids[i];
          const auto one = guarded(who, id, [&](knowledge_base& base) -> outcome<done_t> {
            if (remove)
              return base.remove(who.user, id);
            if (auto changed = base.change(who.user, id, patch, {}); !changed)
              return changed.error();
            return done;
          })(b);
          return one ? std::nullopt : std::optional{one.error()};
        });
      },
      [s](install_starter_pack& m) {
        if (m.scope.global() && !is_admin(m.who))
          return m.answer(only_admins());
        if (auto f = not_in(s, m.who, m.scope))
          return m.answer(*f);
        fm::job job;
        job.kind = "starter_pack";
        job.total = s->deps.starter_pack.size();
        job.started_by = m.who.user;
        start_job(s, job, m.answer, [s, scope = m.scope, who = m.who.user](knowledge_base& b, std::size_t i) -> std::optional<failure> {
          auto draft = draft_of(s->deps.starter_pack[i]);
          draft.scope = scope;
          if (b.has_title(scope, draft.title))
            return std::nullopt;
          auto added = b.add(who, std::move(draft));
          return added ? std::nullopt : std::optional{added.error()};
        });
      },
      [s](read_knowledge_job& m) {
        m.answer(s->deps.jobs->find(m.who, m.id));
      },
      [s](read_embedder_state& m) {
        m.answer(s->loaded ? outcome<embedder_state>{s->deps.base->model_state()} : make_unavailable("The knowledge base is still being read."));
      },
      [s](list_knowledge_versions& m) { run(s, m.answer, [who = m.who.user, id = m.id](knowledge_base& b) { return b.versions(who, id); }); },
      [s](read_knowledge_version& m) {
        run(s, m.answer, [who = m.who.user, id = m.id, version = m.version](knowledge_base& b) { return b.read_version(who, id, version); });
      },
      [s](reindex_knowledge& m) {
        if (!is_admin(m.who))
          return m.answer(make_failure(errc::forbidden, "Only an administrator may have everything embedded anew."));
        if (!s->loaded)
          return m.answer(make_unavailable("The knowledge base is still being read; please try again."));
        m.answer(start_reindex(s, m.all));
      },
      [s](const forget_team_knowledge& m) {
        const bool taken = s->deps.work->submit([s, team = m.team] {
          if (auto n = s->deps.base->forget(team); !n)
            log::warn("knowledge", "documents of a team that is gone stay until the next start: " + n.error().detail);
        });
        if (!taken)
          log::warn("knowledge", "documents of a team that is gone stay until the next start: too much work waits");
      },
      [self, s](tend_knowledge) { self->delayed_send(caf::actor_cast<knowledge_actor>(self), tend(s), tend_knowledge{}); },
  };
}
} // namespace

knowledge_actor spawn_knowledge(caf::actor_system& system, knowledge_actor_deps deps) {
  return system.spawn(knowledge_impl, std::make_shared<shared>(std::move(deps)));
}

} // namespace fm
