// A list is enough: it is bounded, and nobody asks often.
#include "actors/support/job_book.hpp"

#include <algorithm>

namespace fm {
namespace {
bool is_of(const job& what, const principal& who) { return what.started_by.empty() ? who.has(user_role::admin) : what.started_by == who.user; }
failure no_job() { return make_failure(errc::not_found, "There is no such job, or it is not yours."); }
failure too_many(std::string sentence) {
  auto f = make_failure(errc::overloaded, std::move(sentence));
  f.retry_after = std::chrono::seconds{1};
  return f;
}
} // namespace

job_book::entry* job_book::lookup(const std::string& id) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](auto& e) { return e.what.id == id; });
  return found == entries_.end() ? nullptr : &*found;
}
void job_book::tell(const job& what) const {
  if (watcher_)
    watcher_(what);
}

outcome<job> job_book::begin(job what) {
  {
    std::lock_guard lock{mutex_};
    const auto mine = static_cast<std::size_t>(
        std::count_if(entries_.begin(), entries_.end(), [&](auto& e) { return !e.what.finished() && e.what.started_by == what.started_by; }));
    if (mine >= settings_.unfinished_per_user_max)
      return too_many("You have " + std::to_string(mine) + " jobs that are not finished; please wait for one of them.");
    if (entries_.size() >= settings_.remembered_max) {
      const auto old = std::find_if(entries_.rbegin(), entries_.rend(), [](auto& e) { return e.what.finished(); });
      if (old == entries_.rend())
        return too_many("Too many jobs wait; please try again.");
      entries_.erase(std::next(old).base());
    }
    what.id = random_id(*random_, "job_");
    what.status = "queued";
    what.created_at = what.started_at = clock_->now();
    entries_.push_front({what, std::stop_source{}, what.created_at});
  }
  tell(what);
  return what;
}

std::optional<work_control> job_book::start(const std::string& id) {
  job now;
  work_control control;
  {
    std::lock_guard lock{mutex_};
    auto* e = lookup(id);
    if (e == nullptr || e->what.status != "queued")
      return std::nullopt;
    e->what.status = "running";
    e->what.started_at = clock_->now();
    control.stop = e->stop.get_token();
    now = e->what;
  }
  control.progress = [this, id](std::uint64_t done, std::uint64_t total) { progress(id, done, 0, total); };
  tell(now);
  return control;
}

void job_book::wait(const std::string& id) {
  job now;
  {
    std::lock_guard lock{mutex_};
    auto* e = lookup(id);
    if (e == nullptr || e->what.status != "running" || e->what.cancel_requested)
      return;
    e->what.status = "queued";
    now = e->what;
  }
  tell(now);
}

void job_book::progress(const std::string& id, std::uint64_t done, std::uint64_t failed, std::uint64_t total) {
  job now;
  {
    std::lock_guard lock{mutex_};
    auto* e = lookup(id);
    if (e == nullptr || e->what.finished())
      return;
    e->what.done = done;
    e->what.failed = failed;
    e->what.total = total;
    const auto at = clock_->now();
    if (at - e->told < settings_.tell_every)
      return;
    e->told = at;
    now = e->what;
  }
  tell(now);
}

void job_book::finish(const std::string& id, std::string status, std::string error, std::string result) {
  job now;
  {
    std::lock_guard lock{mutex_};
    auto* e = lookup(id);
    if (e == nullptr || e->what.finished())
      return;
    e->what.status = status == "failed" && e->what.cancel_requested ? "cancelled" : std::move(status);
    e->what.error = std::move(error);
    e->what.result = std::move(result);
    if (e->what.status == "completed" && e->what.failed == 0)
      e->what.done = e->what.total;
    e->what.finished_at = clock_->now();
    e->stop = std::stop_source{std::nostopstate};
    now = e->what;
  }
  tell(now);
}

outcome<job> job_book::find(const principal& who, const std::string& id) const {
  std::lock_guard lock{mutex_};
  for (auto& e : entries_)
    if (e.what.id == id && is_of(e.what, who))
      return e.what;
  return no_job();
}

job_page job_book::list(const principal& who, const job_query& q) const {
  job_page page;
  std::lock_guard lock{mutex_};
  for (auto& e : entries_) {
    if (!is_of(e.what, who) || (!q.status.empty() && e.what.status != q.status) || (!q.kind.empty() && e.what.kind != q.kind))
      continue;
    if (page.total >= q.offset && page.jobs.size() < q.limit)
      page.jobs.push_back(e.what);
    ++page.total;
  }
  return page;
}

outcome<job> job_book::drop(const principal& who, const std::string& id) {
  job now;
  {
    std::unique_lock lock{mutex_};
    auto* e = lookup(id);
    if (e == nullptr || !is_of(e->what, who))
      return no_job();
    if (e->what.finished()) {
      now = e->what;
      entries_.remove_if([&](auto& each) { return each.what.id == id; });
      return now;
    }
    e->what.cancel_requested = true;
    if (e->what.status == "queued") {
      e->what.status = "cancelled";
      e->what.finished_at = clock_->now();
    }
    now = e->what;
    const auto stop = e->stop;
    lock.unlock(); // callbacks of the token run here
    stop.request_stop();
  }
  tell(now);
  return now;
}

void job_book::stop_all() {
  std::vector<std::stop_source> all;
  {
    std::lock_guard lock{mutex_};
    for (auto& e : entries_)
      if (!e.what.finished())
        all.push_back(e.stop);
  }
  for (auto& s : all)
    s.request_stop();
}

} // namespace fm
