#include "agent/base/metric.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/base/metrics.h"
#include "agent/base/process_usage.h"
#include "agent/base/unique_fd.h"

namespace gitferry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metric, SaysWhatItMeansAndItsValues) {
  EXPECT_EQ(metric_text(MetricKind::Gauge, {"g", "What it is", {"repo", "branch"}},
                        {{{"robot", "main"}, 1}, {{"robot", "release/1.x"}, 0.5}}),
            "# HELP g What it is\n# TYPE g gauge\n"
            "g{repo=\"robot\",branch=\"main\"} 1\ng{repo=\"robot\",branch=\"release/1.x\"} 0.5\n");
  EXPECT_EQ(metric_text(MetricKind::Counter, {"c", "h", {}}, {{{}, 1796000000.125}}),
            "# HELP c h\n# TYPE c counter\nc 1796000000.125\n");
}

TEST(Metric, S30_NothingInANameStartsALineOrEndsAValue) {
  const auto text = metric_text(MetricKind::Gauge, {"g", "h", {"branch"}},
                                {{{"a\"} 1\nevil{x=\"\\"}, 2}, {{"gr\u00fc\u00df/\u4e2d"}, 3}});
  EXPECT_THAT(text, HasSubstr("g{branch=\"a\\\"} 1\\nevil{x=\\\"\\\\\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("\nevil")));
  EXPECT_THAT(text, HasSubstr("g{branch=\"gr\u00fc\u00df/\u4e2d\"} 3\n"));
}

TEST(Metric, WhatIsNotUtf8IsEscapedAndStaysDistinct) {
  const auto text = metric_text(MetricKind::Gauge, {"g", "h", {"b"}}, {{{"x\xff"}, 1}, {{"x\xfe"}, 2}});
  EXPECT_THAT(text, HasSubstr("g{b=\"x%FF\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("g{b=\"x%FE\"} 2\n"));
}

TEST(Metric, ACounterCountsBySets) {
  Counter counter({"c", "h", {"repo", "outcome"}});
  counter.add({"robot", "synced"});
  counter.add({"robot", "synced"}, 2);
  counter.add({"", "noop"}, 0);
  EXPECT_EQ(counter.value({"robot", "synced"}), 3);
  EXPECT_EQ(counter.value({"robot", "noop"}), 0);
  EXPECT_EQ(counter.text(),
            "# HELP c h\n# TYPE c counter\nc{repo=\"\",outcome=\"noop\"} "
            "0\nc{repo=\"robot\",outcome=\"synced\"} 3\n");
}

TEST(Metric, ACounterWithoutLabelsIsThereFromTheBeginning) {
  EXPECT_EQ(Counter({"c", "h", {}}).text(), "# HELP c h\n# TYPE c counter\nc 0\n");
}

TEST(Metric, BeyondItsLimitACounterKeepsSumsRightAndSaysSo) {
  Counter counter({"c", "h", {"repo", "outcome"}}, 2);
  counter.add({"a", "x"});
  counter.add({"b", "x"});
  EXPECT_FALSE(counter.has_overflown());
  for (int i = 0; i < 100; ++i) counter.add({"r" + std::to_string(i), "x"});
  counter.add({"a", "x"});
  EXPECT_TRUE(counter.has_overflown());
  EXPECT_EQ(counter.value({"", ""}), 100);
  EXPECT_EQ(counter.value({"a", "x"}), 2);
  const auto text = counter.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 + 3) << text;
  EXPECT_THAT(text, HasSubstr("c{repo=\"\",outcome=\"\"} 100\n"));
}

TEST(Metric, ACounterForgetsWhatIsNotKept) {
  Counter counter({"c", "h", {"repo", "outcome"}}, 2);
  counter.add({"gone", "x"});
  counter.add({"robot", "x"});
  counter.add({"too-many", "x"});
  counter.keep_if([](std::string_view name) { return name == "robot"; });
  EXPECT_EQ(counter.value({"gone", "x"}), 0);
  EXPECT_EQ(counter.value({"robot", "x"}), 1);
  EXPECT_EQ(counter.value({"", ""}), 1) << "what had no room is nobody's";
}

TEST(Metric, CountsFromManyThreads) {
  Counter counter({"c", "h", {"repo"}});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) counter.add({i % 2 == 0 ? "a" : "b"});
      });
    }
  }
  EXPECT_EQ(counter.value({"a"}), 2000);
  EXPECT_EQ(counter.value({"b"}), 2000);
}

TEST(Metric, AHistogramHasAllItsSeriesFromTheBeginning) {
  Histogram histogram({"h", "how long", {"phase"}}, {0.5, 1}, {"listing", "push"});
  histogram.observe(0.75, "push");
  histogram.observe(-3, "push");
  histogram.observe(5, "push");
  histogram.observe(5, "nonsense");
  EXPECT_EQ(histogram.count("push"), 3U);
  const auto text = histogram.text();
  EXPECT_THAT(text, HasSubstr("# TYPE h histogram\n"));
  EXPECT_THAT(text, HasSubstr("h_bucket{phase=\"push\",le=\"0.5\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("h_bucket{phase=\"push\",le=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("h_bucket{phase=\"push\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("h_sum{phase=\"push\"} 5.75\n"));
  EXPECT_THAT(text, HasSubstr("h_count{phase=\"listing\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("nonsense")));
}

TEST(Metric, ALevelFallsWhenItsSharesEnd) {
  Level level;
  auto some = std::make_unique<Level::Share>(level, 3);
  {
    const Level::Share one(level, 1);
    EXPECT_EQ(level.now(), 4);
  }
  EXPECT_EQ(level.now(), 3);
  some.reset();
  EXPECT_EQ(level.now(), 0);
}

TEST(Metric, TheListHasEachNameOnceAndNothingOverflown) {
  Metrics all;
  EXPECT_THAT(all.overflown(), ElementsAre());
  for (int i = 0; i < 2000; ++i) all.retries.add({std::to_string(i)});
  EXPECT_THAT(all.overflown(), ElementsAre("gitferry_sync_retries_total"));
  const auto text = all.text();
  for (const std::string name : {"gitferry_sync_runs_total", "gitferry_push_to_sync_seconds"}) {
    const auto first = text.find("# TYPE " + name + " ");
    ASSERT_NE(first, std::string::npos) << name;
    EXPECT_EQ(text.find("# TYPE " + name + " ", first + 1), std::string::npos) << name;
  }
}

TEST(ProcessUsage, IsThatOfThisProcess) {
  const auto before = process_usage();
  ASSERT_TRUE(before);
  EXPECT_GT(before->resident_bytes, 1'000'000);
  EXPECT_GT(before->virtual_bytes, before->resident_bytes);
  EXPECT_GE(before->threads, 1);
  EXPECT_GT(before->descriptor_limit, before->open_descriptors);
  const auto now =
      static_cast<double>(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
  EXPECT_LE(before->started_at_seconds, now + 1);
  EXPECT_GT(before->started_at_seconds, now - 3600);
  const UniqueFd one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::jthread another([](const std::stop_token& stop) {
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  const auto with_more = process_usage();
  ASSERT_TRUE(with_more);
  EXPECT_EQ(with_more->open_descriptors, before->open_descriptors + 1);
  EXPECT_EQ(with_more->threads, before->threads + 1);
  EXPECT_EQ(with_more->started_at_seconds, before->started_at_seconds);
  EXPECT_GE(with_more->cpu_seconds, before->cpu_seconds);
}

}  // namespace
}  // namespace gitferry
