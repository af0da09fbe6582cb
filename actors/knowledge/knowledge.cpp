// Who may do what, and which thread does it.
#include "actors/knowledge/knowledge.hpp"

#include "protocol/base/logging.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>

namespace fm {
namespace {
constexpr std::size_t bulk_max = 1'000;

struct shared {
  knowledge_actor_deps deps;
  std::atomic<bool> loaded{false};
  explicit shared(knowledge_actor_deps d) : deps(std::move(d)) {}
};
using shared_ptr = std::shared_ptr<shared>;

bool is_admin(const principal& p) { return p.has(user_role::admin); }
failure only_admins() { return make_failure(errc::forbidden, "Only an administrator may change what everybody shares."); }

/// Runs `f` on the executor and answers with what it returns.
template <class T, class F>
void run(const shared_ptr& s, const reply<T>& answer, F f) {
  if (!s->loaded)
    return answer(make_unavailable("The knowledge base is still being read; please try again."));
  const bool taken = s->deps.work->submit([s, answer, f = std::move(f)] {
    try {
      answer(f(*s->deps.base));
    } catch (const std::exception& e) {
      log::error("knowledge", std::string{"a request failed: "} + e.what());
      answer(make_failure(errc::internal, "The knowledge base could not do this; the server's log says why."));
    }
  });
  if (!taken) {
    auto f2 = make_failure(errc::overloaded, "Too much work waits; please try again.");
    f2.retry_after = std::chrono::seconds{1};
    answer(f2);
  }
}

/// A change of a document: global ones belong to administrators.
template <class F>
auto guarded(const principal& who, const std::string& id, F f) {
  return [who, id, f = std::move(f)](knowledge_base& base) -> decltype(f(base)) {
    auto now = base.read(who.user, id);
    if (!now)
      return now.error();
    if (now->first.scope.owner.empty() && !is_admin(who))
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
    auto f = make_failure(errc::overloaded, "Too much work waits; please try again.");
    f.retry_after = std::chrono::seconds{1};
    return answer(f);
  }
  answer(std::move(*begun));
}

knowledge_actor::behavior_type knowledge_impl(knowledge_actor::pointer, shared_ptr s) {
  const bool loading = s->deps.work->submit([s] {
    if (auto n = s->deps.base->load(); !n) {
      log::error("knowledge", "the knowledge base cannot be read: " + n.error().detail);
      return;
    }
    s->loaded = true;
    if (auto n = s->deps.base->repair(); !n)
      log::warn("knowledge", n.error().detail);
  });
  if (!loading)
    log::error("knowledge", "the knowledge base cannot be read: too much work waits at the start");
  return {
      [s](add_knowledge& m) {
        if (m.draft.scope.owner.empty() ? !is_admin(m.who) : m.draft.scope.owner != m.who.user)
          return m.answer(m.draft.scope.owner.empty() ? only_admins() : make_failure(errc::not_found, "There is no such user, or it is not you."));
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
        run(s, m.answer, [who = m.who.user, m2 = std::make_tuple(m.global, m.own, m.document_type, m.category, m.tag, m.limit, m.offset)](knowledge_base& b) {
          auto& [global, own, type, category, tag, limit, offset] = m2;
          return outcome<knowledge_list>{b.list(who, global, own, type, category, tag, limit, offset)};
        });
      },
      [s](search_knowledge& m) { run(s, m.answer, [q = m.query](knowledge_base& b) { return b.search(q); }); },
      [s](read_knowledge_stats& m) {
        run(s, m.answer, [who = m.who.user, global = m.global, own = m.own](knowledge_base& b) {
          return outcome<knowledge_stats>{b.stats(who, global, own)};
        });
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
        if (m.global && !is_admin(m.who))
          return m.answer(only_admins());
        fm::job job;
        job.kind = "starter_pack";
        job.total = s->deps.starter_pack.size();
        job.started_by = m.who.user;
        const knowledge_scope scope{m.global ? user_id{} : m.who.user};
        start_job(s, job, m.answer, [s, scope, who = m.who.user](knowledge_base& b, std::size_t i) -> std::optional<failure> {
          auto draft = draft_of(s->deps.starter_pack[i]);
          draft.scope = scope;
          if (b.has_title(scope, draft.title))
            return std::nullopt;
          auto added = b.add(who, std::move(draft));
          return added ? std::nullopt : std::optional{added.error()};
        });
      },
      [s](read_knowledge_job& m) {
        m.answer(s->deps.jobs->find(m.who.user, m.id));
      },
  };
}
} // namespace

knowledge_actor spawn_knowledge(caf::actor_system& system, knowledge_actor_deps deps) {
  return system.spawn(knowledge_impl, std::make_shared<shared>(std::move(deps)));
}

} // namespace fm
