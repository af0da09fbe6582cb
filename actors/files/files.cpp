// bytes ──► receivers ──► analysis ──► shelf ──► message to the case (data_upload) ──► message with what was found (system_event) ──► answer
#include "actors/files/files.hpp"

#include "protocol/base/logging.hpp"
#include "protocol/base/text.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <atomic>
#include <stop_token>

namespace fm {
namespace {
constexpr std::size_t across_told_max = 4; ///< of what files say together, when a new one comes
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

failure cut_off() { return make_failure(errc::gone, "The upload was cut off before its end."); }

/// A place among others, given back with the last copy; nothing when all are taken.
std::shared_ptr<void> place_in(const std::shared_ptr<std::atomic<std::size_t>>& taken, std::size_t max) {
  if (taken->fetch_add(1) >= max) {
    taken->fetch_sub(1);
    return nullptr;
  }
  return std::shared_ptr<void>{taken.get(), [taken](void*) { taken->fetch_sub(1); }};
}
struct places {
  std::shared_ptr<std::atomic<std::size_t>> receiving = std::make_shared<std::atomic<std::size_t>>(0);
  std::shared_ptr<std::atomic<std::size_t>> waiting = std::make_shared<std::atomic<std::size_t>>(0);
};

/// Lets go of something whose end may block.
template <class T> void let_go(const offload_ptr& where, std::shared_ptr<T> what) {
  if (what)
    (void)where->submit([what = std::move(what)] {}); // a full queue: here and now
}

/// The reply that ends a job and tells those who look at evidence.
reply<stored_file> ending_job(const files_actor_deps& d, const std::string& id, reply<stored_file> to) {
  return reply<stored_file>{[d, id, to = std::move(to)](outcome<stored_file> r) {
    if (r) {
      d.jobs->finish(id, "completed", {}, r->first.id);
      if (d.on_evidence && r->first.duplicate_of.empty())
        d.on_evidence(r->first.in_case);
    } else {
      d.jobs->finish(id, "failed", r.error().detail);
    }
    to(std::move(r));
  }};
}
/// Progress of an analysis as the second half of the job whose first half was receiving.
work_control second_half(const files_actor_deps& d, const std::string& id, work_control control, std::uint64_t bytes) {
  control.progress = [jobs = d.jobs, id, bytes](std::uint64_t done, std::uint64_t total) {
    const auto half = bytes / 2;
    jobs->progress(id, half + (total == 0 ? 0 : std::min(done, total) * (bytes - half) / total), 0, bytes);
  };
  return control;
}
failure cancelled_before() { return make_conflict("CANCELLED", "The analysis was cancelled before it began."); }

/// Puts what the new file says together with the others at the end of what is said of it.
void add_across(file_shelf& shelf, stored_file& stored) {
  const auto& file = stored.first;
  auto& analysis = stored.second;
  if (analysis.threads.kinds.empty() && analysis.threads.names.empty())
    return;
  const auto together = shelf.across(file.in_case);
  if (!together) {
    log::warn("files", "what " + file.id + " says together with other files is left out: " + together.error().detail);
    return;
  }
  std::size_t n = 0;
  for (auto& f : *together) {
    if (std::none_of(f.places.begin(), f.places.end(), [&](auto& p) { return p.file_id == file.id; }) || ++n > across_told_max)
      continue;
    analysis.text += (n == 1 ? "\nTogether with other files of this case:\n" : "") + f.title + ":";
    for (auto& p : f.places)
      analysis.text += (&p == &f.places.front() ? " " : ", ") + p.file_name + " lines " + std::to_string(p.first_line) + "-" + std::to_string(p.last_line);
    analysis.text += ".\n";
  }
}

/// Analyses what is sealed, keeps it, tells the case.
void keep_and_tell(const files_actor_deps& d, file_shelf::incoming_ptr file, const principal& who, const file_details& details, const work_control& control,
                   const reply<stored_file>& answer) {
  auto stored = d.shelf->keep(*file, who, details, control);
  file.reset();
  if (!stored || !stored->first.duplicate_of.empty())
    return answer(std::move(stored));
  add_across(*d.shelf, *stored);
  announce(d.registry, d.shelf, d.readers, who, std::move(*stored), answer);
}

class receiving final : public incoming_file, public std::enable_shared_from_this<receiving> {
public:
  receiving(files_actor_deps d, begin_file asked, std::string job, work_control control, std::shared_ptr<void> receives, std::shared_ptr<void> waits)
      : d_(std::move(d)), who_(asked.who), expected_(asked.bytes_min), job_(std::move(job)), control_(std::move(control)), receives_(std::move(receives)),
        waits_(std::move(waits)), cancelled_(control_.stop, asked.cancelled ? std::move(asked.cancelled) : [] {}) {}
  ~receiving() override {
    if (!job_.empty())
      d_.jobs->finish(job_, "failed", cut_off().detail);
    let_go(d_.receivers, std::shared_ptr<file_shelf::incoming>{std::move(file_)});
  }

  /// On a receiver.
  outcome<done_t> begin(const case_id& id) {
    auto f = d_.shelf->begin(id, expected_);
    if (!f)
      return failed(f.error());
    file_ = std::move(*f);
    return done;
  }
  void write(std::string bytes, reply<done_t> answer) override {
    run(d_.receivers, answer, [self = shared_from_this(), bytes = std::move(bytes)]() -> outcome<done_t> {
      if (self->control_.stopped())
        return self->failed(make_conflict("CANCELLED", "The upload was cancelled; nothing of it was kept."));
      auto r = self->file_->write(bytes);
      if (!r)
        return self->failed(r.error());
      const auto all = self->file_->bytes();
      self->d_.jobs->progress(self->job_, all / 2, 0, std::max(all, self->expected_));
      return r;
    });
  }
  void seal(reply<std::string> answer) override {
    run(d_.receivers, answer, [self = shared_from_this()]() -> outcome<std::string> {
      if (auto r = self->file_->seal(); !r)
        return self->failed(r.error());
      self->receives_.reset();
      return self->file_->sha256();
    });
  }
  void finish(file_details details, reply<stored_file> to, reply<job> begun) override {
    const auto id = std::exchange(job_, {});
    const auto answer = ending_job(d_, id, std::move(to));
    d_.jobs->progress(id, file_->bytes() / 2, 0, file_->bytes());
    d_.jobs->wait(id);
    if (begun)
      begun(d_.jobs->find(who_, id));
    const auto file = std::make_shared<file_shelf::incoming_ptr>(std::move(file_));
    const bool taken = d_.work->submit([d = d_, who = who_, id, file, details = std::move(details), answer, waits = std::move(waits_)] {
      const auto control = d.jobs->start(id);
      if (!control) {
        file->reset();
        return answer(cancelled_before());
      }
      try {
        const auto bytes = (*file)->bytes();
        keep_and_tell(d, std::move(*file), who, details, second_half(d, id, *control, bytes), answer);
      } catch (const std::exception& e) {
        log::error("files", std::string{"an upload failed: "} + e.what());
        answer(make_failure(errc::internal, "The file could not be handled; the server's log says why."));
      }
    });
    if (!taken) {
      let_go(d_.receivers, file);
      answer(overloaded());
    }
  }

private:
  failure failed(failure why) {
    d_.jobs->finish(job_, "failed", why.detail);
    return why;
  }

  files_actor_deps d_;
  principal who_;
  std::uint64_t expected_;
  std::string job_; ///< empty once it goes on without us
  work_control control_;
  std::shared_ptr<void> receives_, waits_;
  file_shelf::incoming_ptr file_;
  std::stop_callback<std::function<void()>> cancelled_;
};

class receiving_part final : public incoming_part, public std::enable_shared_from_this<receiving_part> {
public:
  receiving_part(offload_ptr receivers, std::unique_ptr<resumable_uploads::addition> part, std::shared_ptr<void> receives)
      : receivers_(std::move(receivers)), part_(std::move(part)), receives_(std::move(receives)) {}
  ~receiving_part() override { let_go(receivers_, std::move(part_)); }
  void write(std::string bytes, reply<done_t> answer) override {
    run(receivers_, answer, [part = part_, bytes = std::move(bytes)] { return part->write(bytes); });
  }
  void keep(reply<open_upload> answer) override {
    run(receivers_, answer, [part = part_] { return part->keep(); });
  }

private:
  offload_ptr receivers_;
  std::shared_ptr<resumable_uploads::addition> part_;
  std::shared_ptr<void> receives_;
};

void begin_receiving(const files_actor_deps& d, const places& p, begin_file& m) {
  auto waits = place_in(p.waiting, d.waiting_max), receives = place_in(p.receiving, d.receiving_max);
  if (!waits || !receives)
    return m.answer(overloaded());
  job what;
  what.kind = "file_analysis";
  what.subject = safe_file_name(m.name);
  what.started_by = m.who.user;
  what.in_case = m.in_case;
  what.total = m.bytes_min;
  auto begun = d.jobs->begin(std::move(what));
  if (!begun)
    return m.answer(begun.error());
  auto control = d.jobs->start(begun->id);
  if (!control)
    return m.answer(cancelled_before());
  const auto answer = m.answer;
  const auto id = m.in_case;
  auto file = std::make_shared<receiving>(d, std::move(m), begun->id, std::move(*control), std::move(receives), std::move(waits));
  run(d.receivers, answer, [file, id]() -> outcome<incoming_file_ptr> {
    if (auto r = file->begin(id); !r)
      return r.error();
    return incoming_file_ptr{file};
  });
}

/// Whether trying again later may help: then the bytes of an upload are kept.
bool may_pass(const failure& f) {
  return f.code == errc::unavailable || f.code == errc::overloaded || f.code == errc::timed_out || f.code == errc::internal;
}

void finish_resumable(const files_actor_deps& d, const places& p, finish_upload& m) {
  const auto refuse = [&m](const failure& f) {
    if (m.begun)
      m.begun(f);
    m.answer(f);
  };
  auto waits = place_in(p.waiting, d.waiting_max);
  if (!waits)
    return refuse(overloaded());
  auto held = d.shelf->uploads().hold(m.id);
  if (!held)
    return refuse(upload_busy());
  job what;
  what.kind = "file_analysis";
  what.subject = m.id;
  what.started_by = m.who.user;
  what.in_case = m.in_case;
  auto begun = d.jobs->begin(std::move(what));
  if (!begun)
    return refuse(begun.error());
  const auto id = begun->id;
  if (m.begun)
    m.begun(std::move(*begun));
  const auto ended = ending_job(d, id, m.answer);
  // Kept until the case knows, so that no crash in between loses it.
  const reply<stored_file> answer{[d, in_case = m.in_case, upload = m.id, held, waits, ended](outcome<stored_file> r) {
    if (!r && may_pass(r.error()))
      return ended(std::move(r));
    const auto result = std::make_shared<outcome<stored_file>>(std::move(r));
    const bool taken = d.readers->submit([=] {
      if (auto gone = d.shelf->uploads().remove(in_case, upload); !gone && gone.error().code != errc::not_found)
        log::warn("files", "a finished upload stays behind for the next sweep: " + gone.error().detail);
      ended(std::move(*result));
    });
    if (!taken)
      ended(std::move(*result));
  }};
  const bool taken = d.work->submit([d, id, who = m.who, in_case = m.in_case, upload = m.id, answer] {
    const auto control = d.jobs->start(id);
    if (!control)
      return answer(cancelled_before());
    try {
      if (auto f = d.shelf->read(in_case, upload)) // a crash came between the file and the end of its upload
        return answer(stored_file{std::move(*f), {}});
      auto u = d.shelf->uploads().find(in_case, upload, who.user);
      if (!u)
        return answer(u.error());
      if (!u->complete())
        return answer(make_failure(errc::internal, "An upload was to be finished before all its bytes had come."));
      const auto half = second_half(d, id, *control, u->length);
      half.tell(0, u->length);
      auto file = d.shelf->begin(*u, *control);
      if (!file)
        return answer(file.error());
      keep_and_tell(d, std::move(*file), who, u->details, half, answer);
    } catch (const std::exception& e) {
      log::error("files", std::string{"an upload failed: "} + e.what());
      answer(make_failure(errc::internal, "The file could not be handled; the server's log says why."));
    }
  });
  if (!taken)
    answer(overloaded());
}

files_actor::behavior_type files_impl(files_actor::pointer self, files_actor_deps d) {
  const auto shelf = d.shelf;
  const auto readers = d.readers;
  const places p;
  caf::anon_send(files_actor{self}, sweep_uploads{});
  return {
      [d, p](begin_file& m) { begin_receiving(d, p, m); },
      [shelf, readers](create_upload& m) {
        run(readers, m.answer, [shelf, m] { return shelf->uploads().create(m.who, m.in_case, m.length, m.details, m.metadata); });
      },
      [shelf, readers](find_upload& m) {
        run(readers, m.answer, [shelf, who = m.who, in_case = m.in_case, id = m.id]() -> outcome<found_upload> {
          auto u = shelf->uploads().find(in_case, id, who.user);
          if (u || u.error().code != errc::not_found)
            return u ? outcome<found_upload>{found_upload{std::move(*u), {}}} : outcome<found_upload>{u.error()};
          auto f = shelf->read(in_case, id);
          if (!f || f->uploaded_by != who.user)
            return u.error();
          found_upload finished;
          finished.upload.id = id;
          finished.upload.in_case = in_case;
          finished.upload.length = finished.upload.offset = f->bytes;
          finished.upload.details.name = f->name;
          finished.file = std::move(*f);
          return finished;
        });
      },
      [d, p](add_to_upload& m) {
        auto receives = place_in(p.receiving, d.receiving_max);
        if (!receives)
          return m.answer(overloaded());
        run(d.receivers, m.answer, [d, who = m.who, in_case = m.in_case, id = m.id, offset = m.offset, bytes = m.bytes, receives]() -> outcome<incoming_part_ptr> {
          auto part = d.shelf->uploads().add(in_case, id, who.user, offset, bytes);
          if (!part)
            return part.error();
          return incoming_part_ptr{std::make_shared<receiving_part>(d.receivers, std::move(*part), receives)};
        });
      },
      [shelf, readers](remove_upload& m) {
        run(readers, m.answer, [shelf, who = m.who, in_case = m.in_case, id = m.id]() -> outcome<done_t> {
          if (auto u = shelf->uploads().find(in_case, id, who.user); !u)
            return u.error();
          const auto held = shelf->uploads().hold(id);
          return held ? shelf->uploads().remove(in_case, id) : outcome<done_t>{upload_busy()};
        });
      },
      [d, p](finish_upload& m) { finish_resumable(d, p, m); },
      [self, d](sweep_uploads&) {
        self->delayed_send(self, d.sweep_every, sweep_uploads{});
        const bool taken = d.readers->submit([d, to = files_actor{self}] {
          auto complete = d.shelf->uploads().sweep();
          if (!complete)
            return log::warn("files", "unfinished uploads could not be looked at: " + complete.error().detail);
          for (auto& u : *complete)
            caf::anon_send(to, finish_upload{u.who, u.in_case, u.id, {}, {}});
        });
        if (!taken)
          log::warn("files", "unfinished uploads are looked at later: too much work waits");
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
      [shelf, readers](read_across_files& m) { run(readers, m.answer, [shelf, id = m.in_case] { return shelf->across(id); }); },
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
