#include "agent/base/metric.h"

#include <algorithm>
#include <new>
#include <utility>

#include <fmt/format.h>
#include <prometheus/client_metric.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

/// Between the label values of a set: no value has a control character.
constexpr char kSeparator = '\x1f';

std::string key_of(std::initializer_list<std::string_view> labels) {
  std::string key;
  bool is_first = true;
  for (const auto label : labels) {
    if (!std::exchange(is_first, false)) key += kSeparator;
    key += label;
  }
  return key;
}

std::string label_value(std::string_view value) {
  if (is_valid_utf8(value)) return std::string(value);
  std::string escaped;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) {
      escaped += fmt::format("%{:02X}", byte);
    } else {
      escaped += c;
    }
  }
  return escaped;
}

prometheus::MetricFamily family_of(const MetricHead& head, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = head.name;
  family.help = head.help;
  family.type = type;
  return family;
}

std::string serialised(prometheus::MetricFamily family) {
  std::vector<prometheus::MetricFamily> families;
  families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace

std::string metric_text(MetricKind kind, const MetricHead& head, const std::vector<MetricSample>& samples) {
  const bool is_counter = kind == MetricKind::Counter;
  auto family = family_of(head, is_counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge);
  family.metric.reserve(samples.size());
  for (const auto& sample : samples) {
    auto& metric = family.metric.emplace_back();
    metric.label.reserve(head.labels.size());
    for (std::size_t i = 0; i < std::min(head.labels.size(), sample.labels.size()); ++i) {
      metric.label.push_back({std::string(head.labels[i]), label_value(sample.labels[i])});
    }
    (is_counter ? metric.counter.value : metric.gauge.value) = sample.value;
  }
  return serialised(std::move(family));
}

Counter::Counter(MetricHead head, std::size_t limit) : head_(std::move(head)), limit_(limit) {
  // It is there from the beginning, or the first increase would not be seen as one.
  if (head_.labels.empty()) sets_.lock()->emplace(std::string(), 0);
}

void Counter::add(std::initializer_list<std::string_view> labels, double amount) {
  try {
    add_to(key_of(labels), amount);
  } catch (const std::bad_alloc&) {
    has_overflown_ = true;  // who counts a failure must not fail by it
  }
}

void Counter::add_to(std::string key, double amount) {
  auto sets = sets_.lock();
  const auto found = sets->find(key);
  if (found != sets->end()) {
    found->second += amount;
    return;
  }
  if (sets->size() >= limit_) {
    has_overflown_ = true;
    key.assign(head_.labels.empty() ? 0 : head_.labels.size() - 1, kSeparator);
  }
  (*sets)[key] += amount;
}

void Counter::keep_if(const std::function<bool(std::string_view)>& is_kept) {
  auto sets = sets_.lock();
  std::erase_if(*sets, [&](const auto& set) {
    const auto first = std::string_view(set.first).substr(0, set.first.find(kSeparator));
    return !first.empty() && !is_kept(first);
  });
}

double Counter::value(std::initializer_list<std::string_view> labels) const {
  auto sets = sets_.lock();
  const auto found = sets->find(key_of(labels));
  return found == sets->end() ? 0 : found->second;
}

std::string Counter::text() const {
  std::vector<MetricSample> samples;
  {
    auto sets = sets_.lock();
    samples.reserve(sets->size());
    for (const auto& [key, value] : *sets) {
      auto& sample = samples.emplace_back();
      sample.value = value;
      if (head_.labels.empty()) continue;
      for (const auto label : split(key, kSeparator)) sample.labels.emplace_back(label);
    }
  }
  return metric_text(MetricKind::Counter, head_, samples);
}

struct Histogram::Series {
  std::string_view value;
  std::unique_ptr<prometheus::Histogram> buckets;
};

Histogram::Histogram(MetricHead head, const std::vector<double>& bounds, std::vector<std::string_view> values)
    : head_(std::move(head)) {
  if (values.empty()) values.emplace_back();
  for (const auto value : values) series_.push_back({value, std::make_unique<prometheus::Histogram>(bounds)});
}

Histogram::~Histogram() = default;

void Histogram::observe(double seconds, std::string_view value) {
  for (auto& series : series_) {
    if (series.value == value) series.buckets->Observe(std::max(seconds, 0.0));
  }
}

std::string Histogram::text() const {
  auto family = family_of(head_, prometheus::MetricType::Histogram);
  for (const auto& series : series_) {
    auto metric = series.buckets->Collect();
    if (!head_.labels.empty()) {
      metric.label.push_back({std::string(head_.labels.front()), std::string(series.value)});
    }
    family.metric.push_back(std::move(metric));
  }
  return serialised(std::move(family));
}

std::uint64_t Histogram::count(std::string_view value) const {
  for (const auto& series : series_) {
    if (series.value == value) return series.buckets->Collect().histogram.sample_count;
  }
  return 0;
}

}  // namespace gitferry
