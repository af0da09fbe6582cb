// One live connection without its socket: who is there, which cases are open, what waits to be sent. The socket's
// owner derives from it, feeds it messages, and takes what is to be written.
//
//   socket ── receive(text) ──► live_session ── to_case{…} ──► registry
//   socket ◄── wake(), then take() ── live_session ◄── on_event, replies ── case
//
// Actors call the subscriber's functions from their threads; everything else runs on the connection's own thread.
#pragma once

#include "http/core/rate_limit.hpp"
#include "http/live/encode.hpp"
#include "http/live/feed.hpp"
#include "http/live/frame.hpp"
#include "http/live/live.hpp"
#include "http/live/live_command.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace fm::http {

inline constexpr std::uint16_t close_policy = 1008;
inline constexpr std::uint16_t close_unauthorized = 4401;

/// What all connections of an endpoint share.
struct live_context {
  explicit live_context(const live_deps& d);
  live_deps deps;
  gauge& open;
  counter& objects;
  counter& messages;
  counter& lagged;
};
using live_context_ptr = std::shared_ptr<const live_context>;

class live_session : public subscriber, public list_watcher, public std::enable_shared_from_this<live_session> {
public:
  explicit live_session(live_context_ptr context) : context_(std::move(context)) {}

  // ---- the connection's own thread ------------------------------------------------------------------------
  /// Who it is; from now on a revocation finds this connection.
  void set_who(authenticated who) { who_ = std::make_unique<authenticated>(std::move(who)); }
  bool signed_in() const { return who_ != nullptr; }
  bool is_of(const std::string& token_id) const { return who_ && who_->token_id == token_id; }
  bool is_of(const user_id& id) const { return who_ && who_->who.user == id; }
  /// Says welcome.
  void welcome();
  /// A text message: one or more objects.
  void receive(std::string_view message);
  /// For what is said outside the answer to a command.
  void say(std::string frame);
  /// Once a second, counting up.
  void tick(std::uint32_t now);
  /// The next message to write, if there is one and none is being written; then written() is due.
  bool take(std::string& message);
  /// The message was written. True: more waits.
  bool written();
  /// So much waits to be sent that no more commands should be read.
  bool clogged() const;
  /// The connection is gone: nothing is sent or received any more.
  void end();

  // ---- actor threads --------------------------------------------------------------------------------------
  void on_event(const shared_event_ptr& event) noexcept override;
  void on_presence(const case_id& id, const presence_list& who) noexcept override;
  void on_job(const case_id& id, const std::shared_ptr<const job>& what) noexcept override;
  void on_removed(const case_id& id) noexcept override;
  void on_lost(const case_id& id) noexcept override;
  void on_case_changed(const std::shared_ptr<const case_summary>& summary, bool deleted) noexcept override;

protected:
  /// Any thread: run it on the connection's thread, in order.
  virtual void post(std::function<void()> work) = 0;
  /// Any thread: something waits; take() soon. Not called again before take() or while a message is written.
  virtual void wake() noexcept = 0;
  /// The connection's thread: say goodbye.
  virtual void close(std::uint16_t code, const char* why) = 0;

  const live_context_ptr context_;

private:
  struct open_case {
    case_id id;
    std::uint32_t generation = 0; ///< answers to an earlier open of the same case are not for this one
    case_feed feed;
    bool answered = false;        ///< the open got its ok
    std::uint32_t retry_at = 0;   ///< not before this tick
    std::uint32_t failures = 0;   ///< in a row
    std::string reply_to;         ///< of the open that waits for its answer
  };

  void on_object(std::string_view json);
  void hello(const live_command& c);
  void command(live_command& c);
  void case_command_of(live_command& c, const case_id& id);

  void open(const std::string& reply_to, const case_id& id, std::optional<sequence> after);
  void close_case(const std::string& reply_to, const case_id& id);
  /// Takes the next step of every case that has one.
  void advance();
  void attach_case(const case_id& id, std::uint32_t generation);
  void read_case_snapshot(const case_id& id, std::uint32_t generation);
  void read_case_page(const case_id& id, std::uint32_t generation, sequence after);
  /// Under the lock: a step failed. The case is erased when it is not to be had any more, else tried again later.
  void step_failed(open_case& c, const failure& why);
  bool replay_pending(const case_id& id) const;
  void wake_if_due();

  template <class M>
  void tell(M message);
  template <class T, class F>
  reply<T> posted(F f);
  template <class T, class F>
  reply<T> answer(std::string reply_to, F f);

  // Under the lock.
  open_case* find(const case_id& id) const;
  open_case* find(const case_id& id, std::uint32_t generation) const;
  void erase(const case_id& id);
  bool has_room() const { return outbox_.bytes() <= context_->deps.settings.outbox_bytes_max / 2; }
  void push_all(std::vector<frame_ptr>& frames);
  /// True: wake() is due, after the lock.
  bool must_wake() { return !writing_ && !std::exchange(wake_due_, true); }

  std::unique_ptr<authenticated> who_;
  token_bucket bucket_;
  std::uint32_t in_flight_ = 0;
  std::uint32_t strikes_ = 0; ///< commands refused for their rate since the last tick
  std::uint32_t tick_ = 0;
  std::uint32_t generations_ = 0;
  bool hello_sent_ = false, watching_ = false, closing_ = false;

  std::atomic<bool> behind_ = false; ///< some case may not be live: a glance is due
  mutable std::mutex mutex_; ///< guards what follows
  std::vector<std::unique_ptr<open_case>> cases_;
  outbox outbox_;
  bool writing_ = false, wake_due_ = false, ended_ = false;
};

} // namespace fm::http
