#include "sim/bybit/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "sim/bybit/envelope.hpp"
#include "sim/bybit/intervals.hpp"
#include "sim/bybit/parameters.hpp"

namespace tdm::sim::bybit {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kPrefix = "/v5/market/";

bool belongs(const Recording& recording, std::string_view endpoint, std::string_view category,
             std::string_view symbol) {
  return recording.endpoint == endpoint && (category.empty() || recording.category == category) &&
         (symbol.empty() || recording.symbol.empty() || recording.symbol == symbol);
}

// Rows of several recordings of one series as one, newest first, each open time once.
std::vector<RecordedRow> merged(std::vector<RecordedRow> rows) {
  std::ranges::sort(rows, std::ranges::greater{}, &RecordedRow::open_time);
  const auto tail = std::ranges::unique(rows, {}, &RecordedRow::open_time);
  rows.erase(tail.begin(), tail.end());
  return rows;
}

Json json_row(const RecordedRow& row) {
  Json written = Json::array({std::to_string(to_ms(row.open_time))});
  for (const std::string& value : row.values) written.push_back(value);
  return written;
}

bool has_status(const Json& row, std::string_view wanted) {
  const std::string status = row.value("status", "");
  return wanted.empty() || status == wanted || (wanted == "Trading" && status == "1");  // as spot said it in 2023
}

}  // namespace

Result<std::unique_ptr<const Recordings>> Recordings::load(const std::string& folder) {
  std::error_code failure;
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator{folder, failure}) files.insert(entry.path());
  if (failure) return fail(ErrorCode::invalid_argument, fmt::format("{}: {}", folder, failure.message()), "replay");
  auto recordings = std::make_unique<Recordings>();
  for (const auto& file : files) {
    auto recording = load_recording(file.string());
    if (!recording) return std::unexpected{recording.error()};
    if (*recording) recordings->recordings_.push_back(**std::move(recording));
  }
  if (recordings->recordings_.empty()) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: no recorded REST answer is there", folder), "replay");
  }
  return recordings;
}

Answer Recordings::answer(const net::ServerRequest& request, std::string_view path, TimePoint now) const {
  if (!path.starts_with(kPrefix)) return not_found();
  const std::string_view endpoint = path.substr(kPrefix.size());
  if (endpoint == "time") return server_time(now);
  if (endpoint == "instruments-info") return instruments_info(request, now);
  if (endpoint.ends_with("kline")) return kline(request, endpoint, now);
  return whole(request, endpoint, now);
}

Answer Recordings::kline(const net::ServerRequest& request, std::string_view endpoint, TimePoint now) const {
  std::string_view category = parameter(request, "category");
  if (category.empty()) category = "linear";
  const std::string_view symbol = parameter(request, "symbol");
  const auto timeframe = timeframe_of(parameter(request, "interval"));
  if (!timeframe) return refusal(10'001, "Invalid period!", now);
  const auto window = kline_window(request, now);
  if (!window) return refusal(10'001, window.error().message, now);

  std::optional<Timeframe> source;  // the longest recorded one that the asked one is made of
  for (const Recording& recording : recordings_) {
    if (symbol.empty() || !belongs(recording, endpoint, category, symbol)) continue;
    const bool serves = *recording.timeframe == *timeframe || timeframe->is_multiple_of(*recording.timeframe);
    if (serves && (!source || *source < *recording.timeframe)) source = recording.timeframe;
  }
  std::vector<RecordedRow> rows;
  for (const Recording& recording : recordings_) {
    if (source && belongs(recording, endpoint, category, symbol) && recording.timeframe == source) {
      rows.insert(rows.end(), recording.rows.begin(), recording.rows.end());
    }
  }
  auto bars = aggregate(merged(std::move(rows)), *timeframe);
  if (!bars) return refusal(10'016, bars.error().message, now);
  std::erase_if(*bars, [&](const RecordedRow& row) {
    return timeframe->close_of(row.open_time) <= window->start || window->last < row.open_time || now < row.open_time;
  });
  if (bars->size() > window->limit) {
    const auto spare = static_cast<std::ptrdiff_t>(bars->size() - window->limit);
    window->forward ? bars->erase(bars->begin(), bars->begin() + spare) : bars->erase(bars->end() - spare, bars->end());
  }

  Json result{{"symbol", symbol}, {"category", category}, {"list", Json::array()}};
  for (const RecordedRow& row : *bars) result["list"].push_back(json_row(row));
  Answer answer = success(result.dump(), now);
  answer.rows = static_cast<std::int64_t>(bars->size());
  if (!bars->empty()) {
    answer.first = bars->back().open_time;
    answer.last = bars->front().open_time;
  }
  return answer;
}

Answer Recordings::instruments_info(const net::ServerRequest& request, TimePoint now) const {
  const std::string_view category = parameter(request, "category");
  const auto limit = limit_parameter(request, 0, 1'000);
  const Recording* best = nullptr;  // the page of that limit, else the longest
  const auto size = [](const Recording& recording) { return recording.result.value("list", Json::array()).size(); };
  for (const Recording& recording : recordings_) {
    if (!belongs(recording, "instruments-info", category, {})) continue;
    if (limit && recording.limit == static_cast<std::int64_t>(*limit)) {
      best = &recording;
      break;
    }
    if (best == nullptr || size(*best) < size(recording)) best = &recording;
  }
  Json result{{"category", category}, {"list", Json::array()}};
  if (category != "spot") result["nextPageCursor"] = "";
  if (best == nullptr || !parameter(request, "cursor").empty()) return success(result.dump(), now);

  const std::string_view symbol = parameter(request, "symbol");
  const std::string_view base = parameter(request, "baseCoin");
  for (const Json& row : best->result.value("list", Json::array())) {
    const bool wanted = (symbol.empty() || row.value("symbol", "") == symbol) &&
                        (base.empty() || row.value("baseCoin", "") == base) &&
                        has_status(row, parameter(request, "status"));
    if (wanted) result["list"].push_back(row);
  }
  if (symbol.empty() && base.empty() && best->result.contains("nextPageCursor")) {
    result["nextPageCursor"] = best->result["nextPageCursor"];
  }
  Answer answer = success(result.dump(), now);
  answer.rows = static_cast<std::int64_t>(result["list"].size());
  return answer;
}

// Answers of which nothing is chosen: the first recording of that endpoint, category and symbol.
Answer Recordings::whole(const net::ServerRequest& request, std::string_view endpoint, TimePoint now) const {
  for (const Recording& recording : recordings_) {
    if (belongs(recording, endpoint, parameter(request, "category"), parameter(request, "symbol"))) {
      return success(recording.result.dump(), now);
    }
  }
  return not_found();
}

}  // namespace tdm::sim::bybit
