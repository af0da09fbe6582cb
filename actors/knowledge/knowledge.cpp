// Who may do what, and which thread does it.
#include "actors/knowledge/knowledge.hpp"

#include "protocol/base/logging.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <deque>
#include <mutex>

namespace fm {
namespace {
constexpr std::size_t bulk_max = 1'000;

/// Jobs are written by the executor and read by the actor.
class job_table {
public:
  explicit job_table(std::size_t most) : most_(most) {}
  void put(const knowledge_job& job) {
    std::lock_guard lock{mutex_};
    for (auto& j : jobs_)
      if (j.id == job.id) {
        j = job;
        return;
      }
    if (jobs_.size() >= most_) {
      const auto old = std::find_if(jobs_.begin(), jobs_.end(), [](auto& j) { return j.status != "running"; });
      jobs_.erase(old == jobs_.end() ? jobs_.begin() : old);
    }
    jobs_.push_back(job);
  }
  std::optional<knowledge_job> find(const std::string& id) const {
    std::lock_guard lock{mutex_};
    for (auto& j : jobs_)
      if (j.id == id)
        return j;
    return std::nullopt;
  }

private:
  mutable std::mutex mutex_;
  std::deque<knowledge_job> jobs_;
  std::size_t most_;
};

struct shared {
  knowledge_actor_deps deps;
  job_table jobs;
  std::atomic<bool> loaded{false};
  explicit shared(knowledge_actor_deps d) : deps(std::move(d)), jobs(deps.jobs_max) {}
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

void start_job(const shared_ptr& s, knowledge_job job, const reply<knowledge_job>& answer,
               std::function<void(knowledge_base&, knowledge_job&, const std::function<void()>&)> work) {
  if (!s->loaded)
    return answer(make_unavailable("The knowledge base is still being read; please try again."));
  job.id = random_id(*s->deps.random, "job_");
  job.started_at = s->deps.clock->now();
  s->jobs.put(job);
  const bool taken = s->deps.work->submit([s, job, work = std::move(work)]() mutable {
    try {
      work(*s->deps.base, job, [&] { s->jobs.put(job); });
      job.status = job.failed == 0 ? "completed" : "failed";
    } catch (const std::exception& e) {
      job.status = "failed";
      job.error = e.what();
    }
    s->jobs.put(job);
  });
  if (!taken) {
    job.status = "failed";
    job.error = "Too much work waits.";
    s->jobs.put(job);
    auto f = make_failure(errc::overloaded, "Too much work waits; please try again.");
    f.retry_after = std::chrono::seconds{1};
    return answer(f);
  }
  answer(job);
}

void note_failure(knowledge_job& job, const failure& f) {
  ++job.failed;
  if (job.error.empty())
    job.error = f.detail;
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
        knowledge_job job;
        job.kind = m.remove ? "bulk_delete" : "bulk_update";
        job.total = m.ids.size();
        job.started_by = m.who.user;
        start_job(s, job, m.answer, [who = m.who, ids = m.ids, patch = m.patch, remove = m.remove](knowledge_base& b, knowledge_job& j, const std::function<void()>& tell) {
          for (auto& id : ids) {
            const auto one = guarded(who, id, [&](knowledge_base& base) -> outcome<done_t> {
              if (remove)
                return base.remove(who.user, id);
              if (auto changed = base.change(who.user, id, patch, {}); !changed)
                return changed.error();
              return done;
            })(b);
            if (one)
              ++j.done;
            else
              note_failure(j, one.error());
            tell();
          }
        });
      },
      [s](install_starter_pack& m) {
        if (m.global && !is_admin(m.who))
          return m.answer(only_admins());
        knowledge_job job;
        job.kind = "starter_pack";
        job.total = s->deps.starter_pack.size();
        job.started_by = m.who.user;
        const knowledge_scope scope{m.global ? user_id{} : m.who.user};
        start_job(s, job, m.answer, [s, scope, who = m.who.user](knowledge_base& b, knowledge_job& j, const std::function<void()>& tell) {
          for (auto& runbook : s->deps.starter_pack) {
            auto draft = draft_of(runbook);
            draft.scope = scope;
            if (b.has_title(scope, draft.title)) {
              ++j.done;
            } else if (auto added = b.add(who, std::move(draft)); added) {
              ++j.done;
            } else {
              note_failure(j, added.error());
            }
            tell();
          }
        });
      },
      [s](read_knowledge_job& m) {
        auto job = s->jobs.find(m.id);
        if (!job || (job->started_by != m.who.user && !is_admin(m.who)))
          return m.answer(make_failure(errc::not_found, "There is no such job."));
        m.answer(*job);
      },
  };
}
} // namespace

knowledge_actor spawn_knowledge(caf::actor_system& system, knowledge_actor_deps deps) {
  return system.spawn(knowledge_impl, std::make_shared<shared>(std::move(deps)));
}

} // namespace fm
