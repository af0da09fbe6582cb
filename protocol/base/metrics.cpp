// prometheus-cpp's registry behind our three small interfaces.
#include "protocol/base/metrics.hpp"

#include <map>
#include <mutex>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace fm {
namespace {
struct counter_of final : counter {
  explicit counter_of(prometheus::Counter& s) : series(s) {}
  void add(double n) noexcept override { series.Increment(n); }
  prometheus::Counter& series;
};
struct gauge_of final : gauge {
  explicit gauge_of(prometheus::Gauge& s) : series(s) {}
  void add(double n) noexcept override { series.Increment(n); }
  void set(double n) noexcept override { series.Set(n); }
  prometheus::Gauge& series;
};
struct histogram_of final : histogram {
  explicit histogram_of(prometheus::Histogram& s) : series(s) {}
  void observe(double v) noexcept override { series.Observe(v); }
  prometheus::Histogram& series;
};
const prometheus::Histogram::BucketBoundaries buckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                      0.1,    0.25,  0.5,    1,     2.5,  5,     10, 30};
} // namespace

struct metrics::impl {
  template <class Map, class Make>
  auto& find(Map& map, std::string_view name, labels with, Make make) {
    std::string key{name};
    prometheus::Labels set;
    for (auto& [k, v] : with) {
      key += '\0' + k + '\0' + v;
      set.emplace(k, v);
    }
    std::lock_guard lock{mutex};
    auto& slot = map[key];
    if (!slot)
      slot = make(set);
    return *slot;
  }
  mutable std::mutex mutex;
  prometheus::Registry registry;
  std::map<std::string, std::unique_ptr<counter_of>> counters;
  std::map<std::string, std::unique_ptr<gauge_of>> gauges;
  std::map<std::string, std::unique_ptr<histogram_of>> histograms;
};

metrics::metrics() : impl_(std::make_unique<impl>()) {}
metrics::~metrics() = default;

counter& metrics::get_counter(std::string_view name, std::string_view help, labels with) {
  return impl_->find(impl_->counters, name, with, [&](const prometheus::Labels& set) {
    auto& family = prometheus::BuildCounter().Name(std::string{name}).Help(std::string{help}).Register(impl_->registry);
    return std::make_unique<counter_of>(family.Add(set));
  });
}
gauge& metrics::get_gauge(std::string_view name, std::string_view help, labels with) {
  return impl_->find(impl_->gauges, name, with, [&](const prometheus::Labels& set) {
    auto& family = prometheus::BuildGauge().Name(std::string{name}).Help(std::string{help}).Register(impl_->registry);
    return std::make_unique<gauge_of>(family.Add(set));
  });
}
histogram& metrics::get_histogram(std::string_view name, std::string_view help, labels with) {
  return impl_->find(impl_->histograms, name, with, [&](const prometheus::Labels& set) {
    auto& family =
        prometheus::BuildHistogram().Name(std::string{name}).Help(std::string{help}).Register(impl_->registry);
    return std::make_unique<histogram_of>(family.Add(set, buckets));
  });
}
std::string metrics::text() const { return prometheus::TextSerializer{}.Serialize(impl_->registry.Collect()); }

} // namespace fm
