// backfill and update: what fetches many series, says the price first and shows how far it is.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "tdm/cli/detail/command.hpp"
#include "tdm/cli/detail/progress.hpp"
#include "tdm/cli/detail/text.hpp"

namespace tdm::cli::detail {
namespace {

using Json = nlohmann::ordered_json;
using query::Estimate;
using query::MarketData;

// One series is fetched in parallel pages already; several at once keep the pace up where each is short.
constexpr std::size_t kSeriesAtOnce = 4;
constexpr std::size_t kListedEstimates = 20;

struct Job {
  Series series;
  std::int64_t expected = 0;
  std::function<Result<ingest::FillReport>(const query::OnProgress&)> work;
};

struct Outcome {
  Series series;
  std::optional<ingest::FillReport> report{};
  std::optional<Error> error{};  // neither: it was not begun
};

// What makes every other fill pointless as well.
bool ends_all(ErrorCode code) { return code == ErrorCode::cancelled || code == ErrorCode::storage_full; }

std::vector<Outcome> run_jobs(const Context& context, const std::vector<Job>& jobs) {
  std::vector<Outcome> outcomes;
  std::vector<std::int64_t> expected;
  for (const auto& job : jobs) {
    outcomes.push_back({.series = job.series});
    expected.push_back(job.expected);
  }
  ProgressDisplay display{context, expected};
  std::atomic<std::size_t> next{0};
  std::atomic<bool> over{false};
  const auto work = [&] {
    for (auto i = next++; i < jobs.size() && !over && !context.stop.stop_requested(); i = next++) {
      auto report = jobs[i].work([&](const ingest::Progress& progress) { display.update(i, progress); });
      if (report) {
        outcomes[i].report = *report;
        display.finish(i);
        continue;
      }
      if (ends_all(report.error().code)) over = true;
      const auto name = jobs[i].series.text();
      const auto& message = report.error().message;
      if (report.error().code != ErrorCode::cancelled)
        display.say(message.starts_with(name) ? message : fmt::format("{}: {}", name, message));
      outcomes[i].error = std::move(report).error();
    }
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::min(kSeriesAtOnce, jobs.size()); ++i) workers.emplace_back(work);
  }
  return outcomes;
}

Json to_document(const Outcome& outcome) {
  Json document{{"series", outcome.series.text()}};
  if (outcome.report)
    document.update({{"fetched", outcome.report->fetched},
                     {"stored", outcome.report->stored},
                     {"unchanged", outcome.report->unchanged},
                     {"rejected", outcome.report->rejected},
                     {"requests", outcome.report->requests}});
  if (outcome.error)
    document["error"] = {{"code", to_string(outcome.error->code)}, {"message", outcome.error->message}};
  return document;
}

void print_outcomes(const Context& context, const std::vector<Outcome>& outcomes, bool json) {
  if (json) {
    auto documents = Json::array();
    for (const auto& outcome : outcomes) documents.push_back(to_document(outcome));
    context.out() << Json{{"series", std::move(documents)}}.dump() << '\n';
    return;
  }
  using enum Table::Align;
  Table table{{{"series"},
               {"fetched", right},
               {"stored", right},
               {"unchanged", right},
               {"rejected", right},
               {"requests", right},
               {"result"}}};
  for (const auto& outcome : outcomes) {
    const auto report = outcome.report.value_or(ingest::FillReport{});
    const auto number = [&](std::int64_t value) { return outcome.report ? fmt::to_string(value) : std::string{"-"}; };
    table.add({outcome.series.text(), number(report.fetched), number(report.stored), number(report.unchanged),
               number(report.rejected), number(report.requests),
               outcome.report ? "done" : std::string{outcome.error ? to_string(outcome.error->code) : "not begun"}});
  }
  context.out() << table.text();
}

Result<void> verdict(const Context& context, const std::vector<Outcome>& outcomes) {
  if (context.stop.stop_requested())
    return fail(ErrorCode::cancelled, "stopped; what was fetched is kept, and the same command goes on from there");
  const Error* first = nullptr;
  std::int64_t failed = 0;
  for (const auto& outcome : outcomes) {
    if (!outcome.error) continue;
    ++failed;
    if (first == nullptr) first = &*outcome.error;
  }
  if (first == nullptr) return {};
  if (outcomes.size() == 1) return std::unexpected{*first};
  return fail(first->code,
              fmt::format("{} of {} series failed; the first said: {}", failed, outcomes.size(), first->message));
}

Result<void> run_and_report(const Context& context, const std::vector<Job>& jobs, bool json) {
  const auto outcomes = run_jobs(context, jobs);
  print_outcomes(context, outcomes, json);
  return verdict(context, outcomes);
}

// ---- backfill

std::string price_text(const Estimate& estimate) {
  const auto archived = estimate.archive_files == 0 ? std::string{}
                                                    : fmt::format(" ({} from {})", plural(estimate.archive_bars, "bar"),
                                                                  plural(estimate.archive_files, "archive file"));
  return fmt::format("{}{}, about {}, about {}", plural(estimate.requests, "request"), archived,
                     seconds_text(estimate.seconds), bytes_text(estimate.bytes));
}

Estimate sum(const std::vector<Estimate>& estimates) {
  Estimate total = estimates.front();
  for (const auto& estimate : std::span{estimates}.subspan(1)) {
    total.bars += estimate.bars;
    total.missing_bars += estimate.missing_bars;
    total.requests += estimate.requests;
    total.bytes += estimate.bytes;
    total.seconds += estimate.seconds;
    total.archive_files += estimate.archive_files;
    total.archive_bars += estimate.archive_bars;
  }
  return total;
}

std::string estimate_text(const std::vector<Estimate>& estimates) {
  std::string text;
  for (const auto& estimate : std::span{estimates}.first(std::min(kListedEstimates, estimates.size())))
    text += fmt::format("{} {}: {} of {} missing, {}\n", estimate.series.text(), to_string(estimate.range),
                        count_text(estimate.missing_bars), plural(estimate.bars, "bar"), price_text(estimate));
  if (estimates.size() > kListedEstimates) text += fmt::format("and {} more\n", estimates.size() - kListedEstimates);
  const auto total = sum(estimates);
  if (estimates.size() > 1)
    text += fmt::format("in all: {} series, {} missing, {}\n", count_text(static_cast<std::int64_t>(estimates.size())),
                        plural(total.missing_bars, "bar"), price_text(total));
  return text;
}

Json price_document(const Estimate& estimate) {
  return {{"bars", estimate.bars},
          {"missing_bars", estimate.missing_bars},
          {"requests", estimate.requests},
          {"bytes", estimate.bytes},
          {"seconds", estimate.seconds},
          {"archive_files", estimate.archive_files},
          {"archive_bars", estimate.archive_bars}};
}

Json estimate_document(const std::vector<Estimate>& estimates) {
  auto documents = Json::array();
  for (const auto& estimate : estimates) {
    Json document{{"series", estimate.series.text()},
                  {"start", to_ms(estimate.range.begin())},
                  {"end", to_ms(estimate.range.end())}};
    document.update(price_document(estimate));
    documents.push_back(std::move(document));
  }
  return {{"series", std::move(documents)}, {"total", price_document(sum(estimates))}};
}

Result<std::vector<Estimate>> estimate_all(const Context& context, MarketData& data, const BackfillOptions& options) {
  const auto all = data.expand(options.patterns, false, context.stop);
  if (!all) return std::unexpected{all.error()};
  if (all->empty()) return fail(ErrorCode::not_found, "no instrument matches the patterns", "series");
  std::vector<Estimate> estimates;
  for (const auto& series : *all) {
    auto estimate = data.estimate(series, options.span.start, options.span.end, context.stop);
    if (!estimate) return std::unexpected{std::move(estimate).error()};
    estimates.push_back(*std::move(estimate));
  }
  return estimates;
}

// ---- update

Job update_job(const Context& context, MarketData& data, const Series& series) {
  return {.series = series, .work = [&context, &data, series](const query::OnProgress& on_progress) {
            return data.update(series, on_progress, context.stop);
          }};
}

Job begin_job(const Context& context, MarketData& data, const Series& series, const std::string& since) {
  return {.series = series, .work = [&context, &data, series, since](const query::OnProgress& on_progress) {
            return data.backfill(series, since, std::nullopt, on_progress, context.stop);
          }};
}

// Series that the configuration wants kept and that the store has not begun.
Result<void> add_collected(const Context& context, MarketData& data, const config::Config& config,
                           std::vector<Job>& jobs) {
  for (const auto& collect : config.collect) {
    const auto all = data.expand({collect.series}, false, context.stop);
    if (!all) return std::unexpected{all.error()};
    for (const auto& series : *all)
      if (std::ranges::count(jobs, series, &Job::series) == 0)
        jobs.push_back(begin_job(context, data, series, collect.since));
  }
  return {};
}

Result<std::vector<Job>> update_jobs(const Context& context, MarketData& data, const UpdateOptions& options) {
  std::vector<Job> jobs;
  if (!options.patterns.empty()) {
    const auto all = data.expand(options.patterns, true, context.stop);
    if (!all) return std::unexpected{all.error()};
    if (all->empty()) return fail(ErrorCode::not_found, "no stored series matches; tdm backfill begins one", "series");
    for (const auto& series : *all) jobs.push_back(update_job(context, data, series));
    return jobs;
  }
  const auto stored = data.list({});
  if (!stored) return std::unexpected{stored.error()};
  for (const auto& info : *stored) jobs.push_back(update_job(context, data, info.series));
  // A server keeps up to date what its own configuration names.
  const auto door = door_of(context, options.common);
  if (door.url) return jobs;
  const auto config = config::load(door.config_path, context.services.environment);
  if (!config) return std::unexpected{config.error()};
  if (auto done = add_collected(context, data, *config, jobs); !done) return std::unexpected{done.error()};
  return jobs;
}

}  // namespace

Result<void> backfill(const Context& context, const BackfillOptions& options) {
  const auto data = open(context, options.common);
  if (!data) return std::unexpected{data.error()};
  const auto estimates = estimate_all(context, **data, options);
  if (!estimates) return std::unexpected{estimates.error()};
  if (options.dry_run) {
    context.out() << (options.common.json ? estimate_document(*estimates).dump() + "\n" : estimate_text(*estimates));
    return {};
  }
  context.err() << estimate_text(*estimates) << std::flush;
  std::vector<Job> jobs;
  for (const auto& estimate : *estimates)
    jobs.push_back({.series = estimate.series,
                    .expected = estimate.missing_bars,
                    .work = [&, series = estimate.series](const query::OnProgress& on_progress) {
                      return (*data)->backfill(series, options.span.start, options.span.end, on_progress, context.stop);
                    }});
  return run_and_report(context, jobs, options.common.json);
}

Result<void> update(const Context& context, const UpdateOptions& options) {
  const auto data = open(context, options.common);
  if (!data) return std::unexpected{data.error()};
  const auto jobs = update_jobs(context, **data, options);
  if (!jobs) return std::unexpected{jobs.error()};
  if (jobs->empty())
    context.say("the store is empty and the configuration collects nothing; tdm backfill begins a series");
  return run_and_report(context, *jobs, options.common.json);
}

}  // namespace tdm::cli::detail
