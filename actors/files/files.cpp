// store ──► shelf ──► message to the case (data_upload) ──► message with what was found (system_event) ──► answer
#include "actors/files/files.hpp"

#include "protocol/base/logging.hpp"
#include "protocol/base/text.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>

namespace fm {
namespace {
constexpr std::size_t told_bytes_max = 12'000; ///< of an analysis, in the message to the case

failure overloaded() {
  auto f = make_failure(errc::overloaded, "Too much work waits; please try again.");
  f.retry_after = std::chrono::seconds{1};
  return f;
}

template <class T, class F>
void run(const offload_ptr& where, const reply<T>& answer, F f) {
  const bool taken = where->submit([answer, f = std::move(f)] {
    try {
      answer(f());
    } catch (const std::exception& e) {
      log::error("files", std::string{"a request failed: "} + e.what());
      answer(make_failure(errc::internal, "The file could not be handled; the server's log says why."));
    }
  });
  if (!taken)
    answer(overloaded());
}

std::map<std::string, std::string> facts_of(const case_file& f) {
  return {{"file_id", f.id}, {"filename", f.name}, {"file_size", std::to_string(f.bytes)}, {"data_type", f.data_type}, {"status", f.status}};
}

/// Tells the case, first of the file, then of what was found in it; answers when both are durable.
void announce(const case_registry_actor& registry, const std::shared_ptr<file_shelf>& shelf, const offload_ptr& readers, const principal& who,
              std::pair<case_file, file_analysis> result, const reply<std::pair<case_file, file_analysis>>& answer) {
  const auto file = result.first;
  add_note upload;
  upload.who = who;
  upload.type = message_type::data_upload;
  upload.content = "Uploaded " + file.name + " (" + std::to_string(file.bytes) + " bytes).";
  upload.metadata = facts_of(file);
  upload.answer = reply<message>{[=, result = std::move(result)](outcome<message> r) mutable {
    if (!r) {
      // Not told, so not there: whoever uploaded it may not write, or the store is down.
      const bool taken = readers->submit([shelf, file] { (void)shelf->remove(file.in_case, file.id); });
      if (!taken)
        log::warn("files", "a file that was refused stays behind: " + file.id);
      return answer(r.error());
    }
    add_note found;
    found.who = who;
    found.type = message_type::system_event;
    const auto& a = result.second;
    found.content = a.error.empty() ? "Analysed " + file.name + ": " + a.summary + "\n\n" + a.text : "Could not analyse " + file.name + ": " + a.error;
    found.content.resize(utf8_floor(found.content, std::min(found.content.size(), told_bytes_max)));
    found.metadata = facts_of(file);
    found.answer = reply<message>{[answer, result = std::move(result)](outcome<message> said) mutable {
      if (!said)
        log::warn("files", "the case was not told what was found in " + result.first.id + ": " + said.error().detail);
      answer(std::move(result));
    }};
    caf::anon_send(registry, to_case{file.in_case, case_command{std::move(found)}});
  }};
  caf::anon_send(registry, to_case{file.in_case, case_command{std::move(upload)}});
}

files_actor::behavior_type files_impl(files_actor::pointer, files_actor_deps d) {
  const auto shelf = d.shelf;
  const auto readers = d.readers;
  const auto held = std::make_shared<std::atomic<std::uint64_t>>(0);
  return {
      [d, held](store_file& m) {
        const std::uint64_t bytes = m.file.bytes ? m.file.bytes->size() : 0;
        // One file always goes, however large: its own bound is another.
        if (const auto before = held->fetch_add(bytes); before > 0 && before + bytes > d.waiting_bytes_max) {
          held->fetch_sub(bytes);
          m.begun(overloaded());
          return m.answer(overloaded());
        }
        const std::shared_ptr<void> hold{nullptr, [held, bytes](void*) { held->fetch_sub(bytes); }};
        job what;
        what.kind = "file_analysis";
        what.subject = safe_file_name(m.file.name);
        what.started_by = m.who.user;
        what.in_case = m.in_case;
        what.total = m.file.bytes ? m.file.bytes->size() : 0;
        auto begun = d.jobs->begin(std::move(what));
        if (!begun) {
          m.begun(begun.error());
          return m.answer(begun.error());
        }
        const auto id = begun->id;
        if (m.begun)
          m.begun(std::move(*begun));
        const reply<std::pair<case_file, file_analysis>> answer{[d, id, to = m.answer](outcome<std::pair<case_file, file_analysis>> r) {
          if (r) {
            d.jobs->finish(id, "completed", {}, r->first.id);
            if (d.on_evidence && r->first.duplicate_of.empty())
              d.on_evidence(r->first.in_case);
          } else {
            d.jobs->finish(id, "failed", r.error().detail);
          }
          to(std::move(r));
        }};
        const bool taken = d.work->submit([d, id, who = m.who, in_case = m.in_case, file = std::move(m.file), answer, hold] {
          const auto control = d.jobs->start(id);
          if (!control)
            return answer(make_conflict("CANCELLED", "The analysis was cancelled before it began."));
          try {
            auto stored = d.shelf->put(who, in_case, file, *control);
            if (!stored)
              return answer(stored.error());
            if (!stored->first.duplicate_of.empty())
              return answer(std::move(stored));
            announce(d.registry, d.shelf, d.readers, who, std::move(*stored), answer);
          } catch (const std::exception& e) {
            log::error("files", std::string{"an upload failed: "} + e.what());
            answer(make_failure(errc::internal, "The file could not be handled; the server's log says why."));
          }
        });
        if (!taken)
          answer(overloaded());
      },
      [shelf, readers](list_files& m) { run(readers, m.answer, [shelf, id = m.in_case] { return shelf->list(id); }); },
      [shelf, readers](read_file& m) { run(readers, m.answer, [shelf, id = m.in_case, file = m.id] { return shelf->read(id, file); }); },
      [shelf, readers](read_file_analysis& m) { run(readers, m.answer, [shelf, id = m.in_case, file = m.id] { return shelf->analysis(id, file); }); },
      [shelf, readers](read_file_bytes& m) {
        run(readers, m.answer, [shelf, id = m.in_case, file = m.id, offset = m.offset, length = m.length, sanitized = m.sanitized] {
          return shelf->bytes(id, file, offset, length, sanitized);
        });
      },
      [d, shelf, readers](remove_file& m) {
        // The case says whether the person may write; then the file goes.
        const bool taken = readers->submit([d, m = std::move(m)] {
          auto f = d.shelf->read(m.in_case, m.id);
          if (!f)
            return m.answer(f.error());
          add_note gone;
          gone.who = m.who;
          gone.content = "Removed the file " + f->name + ".";
          gone.type = message_type::case_note;
          gone.metadata = {{"file_id", f->id}, {"removed", "true"}};
          gone.answer = reply<message>{[d, m](outcome<message> r) {
            if (!r)
              return m.answer(r.error());
            run(d.readers, m.answer, [d, m] { return d.shelf->remove(m.in_case, m.id); });
          }};
          caf::anon_send(d.registry, to_case{m.in_case, case_command{std::move(gone)}});
        });
        if (!taken)
          log::warn("files", "a removal was refused: too much work waits"); // the reply answers by itself
      },
      [shelf, readers](read_timeline& m) {
        run(readers, m.answer, [shelf, id = m.in_case, messages = std::move(m.messages), before = m.messages_before, query = m.query] {
          return shelf->timeline(id, messages, before, query);
        });
      },
  };
}
} // namespace

files_actor spawn_files(caf::actor_system& system, files_actor_deps deps) { return system.spawn(files_impl, std::move(deps)); }

} // namespace fm
