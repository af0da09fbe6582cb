// The process's metrics: counters, gauges and histograms by name, shown in Prometheus text.
// The library behind it stays in metrics.cpp so that including this costs nothing.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace fm {

struct counter {
  virtual ~counter() = default;
  virtual void add(double n = 1) noexcept = 0;
};
struct gauge {
  virtual ~gauge() = default;
  virtual void add(double n) noexcept = 0;
  virtual void set(double n) noexcept = 0;
};
struct histogram {
  virtual ~histogram() = default;
  /// Seconds unless the name says otherwise.
  virtual void observe(double value) noexcept = 0;
};

/// Thread-safe. Asking twice for the same name and labels gives the same series.
class metrics {
public:
  using labels = std::initializer_list<std::pair<std::string, std::string>>;

  metrics();
  ~metrics();
  metrics(const metrics&) = delete;
  metrics& operator=(const metrics&) = delete;

  counter& get_counter(std::string_view name, std::string_view help, labels with = {});
  gauge& get_gauge(std::string_view name, std::string_view help, labels with = {});
  histogram& get_histogram(std::string_view name, std::string_view help, labels with = {});
  /// The Prometheus text exposition format, version 0.0.4.
  std::string text() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};
using metrics_ptr = std::shared_ptr<metrics>;

} // namespace fm
