#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/guarded.h"

namespace gitferry {

/// What Prometheus calls a metric: a name with what it means, and a value for each set of label values. Its
/// library is known in metric.cpp alone.
struct MetricHead {
  std::string_view name;
  std::string_view help;
  std::vector<std::string_view> labels;  ///< their names
};

/// A value of a metric that is made for one reading, since it is known elsewhere.
struct MetricSample {
  std::vector<std::string> labels;  ///< values, in the order of MetricHead::labels
  double value = 0;
};

enum class MetricKind { Counter, Gauge };

/// Prometheus' text (exposition format 0.0.4) of one metric. What is not UTF-8 in a label is escaped as in
/// addresses (%FF), for one such value would have the whole reading refused.
std::string metric_text(MetricKind kind, const MetricHead& head, const std::vector<MetricSample>& samples);

/// Counts, by sets of label values. Values come from closed lists and from bindings, never from what somebody
/// sent. What comes beyond `limit` sets is counted under the set of empty values, so that sums stay right;
/// has_overflown() tells.
///
/// Threading: from any thread.
class Counter {
 public:
  explicit Counter(MetricHead head, std::size_t limit = 1000);

  /// Never throws: without memory nothing is counted.
  void add(std::initializer_list<std::string_view> labels = {}, double amount = 1);
  /// Forgets the sets whose first value is not empty and does not pass: series of what is bound no longer.
  void keep_if(const std::function<bool(std::string_view)>& is_kept);
  [[nodiscard]] bool has_overflown() const { return has_overflown_; }
  [[nodiscard]] double value(std::initializer_list<std::string_view> labels = {}) const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] const MetricHead& head() const { return head_; }

 private:
  void add_to(std::string key, double amount);

  const MetricHead head_;
  const std::size_t limit_;
  /// By the label values, joined: ten thousand repositories are to cost little.
  mutable Guarded<std::map<std::string, double, std::less<>>> sets_;
  std::atomic<bool> has_overflown_{false};
};

/// How many things go on right now.
class Level {
 public:
  /// `count` of them, for as long as the object lives.
  class Share {
   public:
    Share(Level& level, std::size_t count) : level_(level), count_(static_cast<std::int64_t>(count)) {
      level_.now_ += count_;
    }
    ~Share() { level_.now_ -= count_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

   private:
    Level& level_;
    const std::int64_t count_;
  };

  [[nodiscard]] std::int64_t now() const { return now_; }

 private:
  std::atomic<std::int64_t> now_{0};
};

/// How long something took, in seconds, in buckets; one series for each value of its only label, which are
/// all there from the beginning.
///
/// Threading: from any thread.
class Histogram {
 public:
  /// `head.labels` has at most one name; without one `values` is empty.
  Histogram(MetricHead head, const std::vector<double>& bounds, std::vector<std::string_view> values = {});
  ~Histogram();
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;

  /// `value`: one of the label's. Nothing is counted for another, and what lies below zero, after a turn of
  /// the clock, counts as zero.
  void observe(double seconds, std::string_view value = {});
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::uint64_t count(std::string_view value = {}) const;

 private:
  struct Series;
  const MetricHead head_;
  std::vector<Series> series_;
};

}  // namespace gitferry
