// Every call that moves bytes makes way first; the rest is passed on.
#include "actors/support/courteous_blobs.hpp"

#include "actors/support/courtesy.hpp"

namespace fm {
namespace {

class courteous_writer final : public blob_writer {
public:
  explicit courteous_writer(std::unique_ptr<blob_writer> to) : to_(std::move(to)) {}
  outcome<done_t> write(std::string_view bytes) override {
    make_way();
    return to_->write(bytes);
  }
  outcome<blob_info> finish() override {
    make_way();
    return to_->finish();
  }

private:
  std::unique_ptr<blob_writer> to_;
};

class courteous_blobs final : public blob_store {
public:
  explicit courteous_blobs(blob_store_ptr to) : to_(std::move(to)) {}
  outcome<std::unique_ptr<blob_writer>> put(std::string_view key, std::string_view type) override {
    auto w = to_->put(key, type);
    if (!w)
      return w;
    return std::unique_ptr<blob_writer>{std::make_unique<courteous_writer>(std::move(*w))};
  }
  outcome<std::string> read(std::string_view key, std::uint64_t offset, std::uint64_t length) const override {
    make_way();
    return to_->read(key, offset, length);
  }
  outcome<blob_info> stat(std::string_view key) const override { return to_->stat(key); }
  outcome<bool> remove(std::string_view key) override { return to_->remove(key); }
  outcome<blob_page> list(std::string_view prefix, std::string_view after, std::size_t limit) const override { return to_->list(prefix, after, limit); }
  outcome<done_t> set_lifecycle(std::string_view prefix, std::optional<std::chrono::days> age) override { return to_->set_lifecycle(prefix, age); }
  outcome<std::uint64_t> sweep() override { return to_->sweep(); }
  outcome<done_t> ping() const override { return to_->ping(); }

private:
  const blob_store_ptr to_;
};
} // namespace

blob_store_ptr make_courteous(blob_store_ptr blobs) { return std::make_shared<courteous_blobs>(std::move(blobs)); }

} // namespace fm
