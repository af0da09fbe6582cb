// A case store that fails on demand: passes everything through to a real one, but for the commits and loads a test
// has chosen. A failed commit writes nothing, as the port promises.
#pragma once

#include "storage/ports/case_store.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <stdexcept>

namespace fm::testing_support {

struct faulty_case_store : case_store {
  explicit faulty_case_store(case_store_ptr real) : real(std::move(real)) {}

  case_store_ptr real;
  /// Asked before each batch; a failure = the whole batch fails, nothing is written.
  std::function<std::optional<failure>()> on_commit;
  /// That many loads throw: a crashing case.
  mutable std::atomic<int> throw_on_load{0};
  int commits = 0; ///< batches seen, failed ones included

  /// The n-th batch from now on (1 = the next) fails as a full disk would; the others go through.
  void fail_commit(int n) {
    on_commit = [left = n]() mutable -> std::optional<failure> {
      if (--left != 0)
        return std::nullopt;
      return make_unavailable("The disk is full (as the test wishes).");
    };
  }

  std::vector<outcome<sequence>> commit(std::span<const case_commit> items) override {
    ++commits;
    if (on_commit)
      if (auto f = on_commit())
        return std::vector<outcome<sequence>>(items.size(), outcome<sequence>{*f});
    return real->commit(items);
  }
  outcome<std::uint64_t> compact(const case_id& id, sequence upto) override { return real->compact(id, upto); }
  outcome<done_t> purge(const case_id& id) override { return real->purge(id); }
  outcome<loaded_case> load(const case_id& id) const override {
    if (throw_on_load > 0) {
      --throw_on_load;
      throw std::runtime_error("the load crashes, as the test wishes");
    }
    return real->load(id);
  }
  outcome<case_record> get(const case_id& id) const override { return real->get(id); }
  outcome<case_page> list(const case_query& q) const override { return real->list(q); }
  outcome<event_page> events(const case_id& id, sequence after, std::size_t limit, std::size_t bytes) const override {
    return real->events(id, after, limit, bytes);
  }
  outcome<message_page> messages(const case_id& id, std::size_t offset, std::size_t limit, bool newest) const override {
    return real->messages(id, offset, limit, newest);
  }
  outcome<turn_page> turns(const case_id& id, std::size_t offset, std::size_t limit) const override {
    return real->turns(id, offset, limit);
  }
  outcome<turn> find_turn(const case_id& id, const turn_id& t) const override { return real->find_turn(id, t); }
  outcome<turn> find_turn(const case_id& id, const client_turn_id& t) const override { return real->find_turn(id, t); }
  outcome<std::vector<case_id>> with_unfinished_turns(std::size_t limit) const override {
    return real->with_unfinished_turns(limit);
  }
  outcome<std::uint64_t> open_cases_of(const user_id& owner) const override { return real->open_cases_of(owner); }
  outcome<std::vector<log_head>> heads(std::int64_t after, std::size_t limit) const override { return real->heads(after, limit); }
  outcome<std::vector<stored_event>> stored_events(const case_id& id, sequence after, std::size_t limit,
                                                   std::size_t bytes) const override {
    return real->stored_events(id, after, limit, bytes);
  }
  outcome<std::uint64_t> verify(const std::optional<case_id>& only,
                                const std::function<void(const log_check&)>& report) const override {
    return real->verify(only, report);
  }
  outcome<done_t> ping() const override { return real->ping(); }
};

} // namespace fm::testing_support
