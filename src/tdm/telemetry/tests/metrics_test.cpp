#include "tdm/telemetry/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <thread>

namespace tdm::telemetry {
namespace {

bool shows(const std::string& line, std::string_view environment = "local") {
  const auto text = "\n" + exposition(environment);
  return text.find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, AskingTwiceGivesTheSameObject) {
  auto& one = counter("tdm_test_same_total", "Things.", {{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(&one, &counter("tdm_test_same_total", "Things.", {{"b", "2"}, {"a", "1"}}));
  EXPECT_NE(&one, &counter("tdm_test_same_total", "Things.", {{"a", "1"}}));
}

TEST(Metrics, ExpositionIsWhatPrometheusReads) {
  counter("tdm_test_requests_total", "Requests, by \\ and\nline.", {{"path", "a\"b\\c\nd"}}).add(3);
  gauge("tdm_test_lag_seconds", "Lag.").set(-1.5);
  gauge("tdm_test_odd", "Odd numbers.", {{"n", "1"}}).set(std::numeric_limits<double>::infinity());
  gauge("tdm_test_odd", "Odd numbers.", {{"n", "2"}}).set(std::nan(""));
  EXPECT_TRUE(shows("# HELP tdm_test_requests_total Requests, by \\\\ and\\nline."));
  EXPECT_TRUE(shows("# TYPE tdm_test_requests_total counter"));
  EXPECT_TRUE(shows(R"(tdm_test_requests_total{environment="local",path="a\"b\\c\nd"} 3)"));
  EXPECT_TRUE(shows("# TYPE tdm_test_lag_seconds gauge"));
  EXPECT_TRUE(shows(R"(tdm_test_lag_seconds{environment="production"} -1.5)", "production"));
  EXPECT_TRUE(shows(R"(tdm_test_odd{environment="local",n="1"} +Inf)"));
  EXPECT_TRUE(shows(R"(tdm_test_odd{environment="local",n="2"} NaN)"));
}

TEST(Metrics, HistogramsAreCumulative) {
  auto& seconds = histogram("tdm_test_seconds", "Time.", {{"route", "/x"}});
  for (const double value : {0.001, 0.0011, 0.4, 100.0, -1.0, std::nan("")}) seconds.observe(value);
  const auto snapshot = seconds.snapshot();
  ASSERT_EQ(snapshot.counts.size(), Histogram::bounds().size() + 1);
  EXPECT_EQ(snapshot.counts.front(), 2u);  // the bound belongs to its bucket, and what is below zero to the first
  EXPECT_EQ(snapshot.counts[snapshot.counts.size() - 2], 4u);
  EXPECT_EQ(snapshot.counts.back(), 5u);
  EXPECT_NEAR(snapshot.sum, 100.4021, 1e-9);
  EXPECT_TRUE(shows("# TYPE tdm_test_seconds histogram"));
  EXPECT_TRUE(shows(R"(tdm_test_seconds_bucket{environment="local",route="/x",le="0.001"} 2)"));
  EXPECT_TRUE(shows(R"(tdm_test_seconds_bucket{environment="local",route="/x",le="60"} 4)"));
  EXPECT_TRUE(shows(R"(tdm_test_seconds_bucket{environment="local",route="/x",le="+Inf"} 5)"));
  EXPECT_TRUE(shows(R"(tdm_test_seconds_count{environment="local",route="/x"} 5)"));
  EXPECT_TRUE(shows(R"(tdm_test_seconds_sum{environment="local",route="/x"} 100.4021)"));
}

TEST(Metrics, SurviveAnObservationOfForEver) {
  auto& seconds = histogram("tdm_test_forever_seconds", "Time.");
  seconds.observe(std::numeric_limits<double>::infinity());
  EXPECT_EQ(seconds.snapshot().sum, 1e9);
}

TEST(Metrics, ThreadsLoseNothing) {
  {
    constexpr int kThreads = 4;
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([] {
        for (int n = 0; n < 1000; ++n) {
          counter("tdm_test_threads_total", "Things.").add();
          histogram("tdm_test_threads_seconds", "Time.").observe(0.01);
        }
      });
  }
  EXPECT_EQ(counter("tdm_test_threads_total", "Things.").value(), 4000u);
  EXPECT_EQ(histogram("tdm_test_threads_seconds", "Time.").snapshot().counts.back(), 4000u);
}

TEST(MetricsDeathTest, AWrongNameOrKindIsADefect) {
  EXPECT_DEATH(counter("requests_total", "Things."), "");
  EXPECT_DEATH(counter("tdm_Requests", "Things."), "");
  counter("tdm_test_kind_total", "Things.");
  EXPECT_DEATH(gauge("tdm_test_kind_total", "Things."), "");
}

// Last: it uses up the room for label sets.
TEST(MetricsZ, BeyondTheLimitOneObjectTakesTheRest) {
  const auto at = [](int i) -> Counter& {
    return counter("tdm_test_many_total", "Things.", {{"i", std::to_string(i)}});
  };
  for (int i = 0; i < 11'000; ++i) at(i).add();
  EXPECT_NE(&at(0), &at(1));
  EXPECT_EQ(&at(10'998), &at(10'999));
  EXPECT_EQ(at(0).value(), 1u);
  EXPECT_GE(at(10'999).value(), 1000u);
  EXPECT_TRUE(exposition("local").find(R"(tdm_test_many_total{environment="local",overflow="true"})") !=
              std::string::npos);
}

}  // namespace
}  // namespace tdm::telemetry
