#include "sim/bybit/recording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

#include "sim/bybit/intervals.hpp"
#include "tdm/core/decimal.hpp"

namespace tdm::sim::bybit {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 12> kEndpoints = {"time",
                                                         "instruments-info",
                                                         "kline",
                                                         "mark-price-kline",
                                                         "index-price-kline",
                                                         "premium-index-price-kline",
                                                         "orderbook",
                                                         "tickers",
                                                         "recent-trade",
                                                         "funding-history",
                                                         "open-interest",
                                                         "account-ratio"};

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(by);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::optional<RecordedRow> read_row(const Json& row) {
  if (!row.is_array() || row.size() < 5 || !std::ranges::all_of(row, [](const Json& v) { return v.is_string(); })) {
    return std::nullopt;
  }
  const auto open_ms = whole_number(row[0].get_ref<const std::string&>());
  if (!open_ms) return std::nullopt;
  RecordedRow read{.open_time = from_ms(*open_ms), .values = {}};
  for (std::size_t i = 1; i < row.size(); ++i) read.values.push_back(row[i].get<std::string>());
  return read;
}

Result<std::string> sum(std::string_view a, std::string_view b) {
  const auto left = Decimal::parse(a);
  if (!left) return std::unexpected{left.error()};
  const auto right = Decimal::parse(b);
  if (!right) return std::unexpected{right.error()};
  const auto total = add(*left, *right);
  if (!total) return std::unexpected{total.error()};
  return total->to_text();
}

// `older` comes before everything that is in `bar` already.
Result<void> prepend(RecordedRow& bar, const RecordedRow& older) {
  const auto value = [](const std::string& text) { return Decimal::parse(text).value_or(Decimal{}); };
  bar.values[0] = older.values[0];
  if (value(older.values[1]) > value(bar.values[1])) bar.values[1] = older.values[1];
  if (value(older.values[2]) < value(bar.values[2])) bar.values[2] = older.values[2];
  for (std::size_t i = 4; i < bar.values.size() && i < older.values.size(); ++i) {
    auto total = sum(bar.values[i], older.values[i]);
    if (!total) return std::unexpected{total.error()};
    bar.values[i] = *std::move(total);
  }
  return {};
}

// What the name says beyond the endpoint: "linear_1_BTCUSDT_20261005", "linear_limit2_page1_20261005".
void read_name(Recording& recording, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word.starts_with("limit")) recording.limit = whole_number(std::string_view{word}.substr(5));
    if (!recording.timeframe) recording.timeframe = timeframe_of(word);
  }
}

}  // namespace

Result<std::optional<Recording>> load_recording(const std::string& file) {
  const std::filesystem::path path{file};
  std::string name = path.filename().string();
  if (!name.starts_with("rest_") || !name.ends_with(".json")) return std::nullopt;
  const bool bare = name.ends_with(".result.json");
  name.resize(name.size() - (bare ? std::string_view{".result.json"} : std::string_view{".json"}).size());
  auto words = split(name, '_');
  if (words.size() < 3 || std::ranges::find(kEndpoints, words[2]) == kEndpoints.end()) return std::nullopt;

  std::ifstream in{path, std::ios::binary};
  Json body = Json::parse(in, nullptr, false);
  if (body.is_discarded() || !body.is_object())
    return fail(ErrorCode::corrupt_data, fmt::format("{}: is not a JSON object", file));
  if (!bare && !body.contains("result")) return fail(ErrorCode::corrupt_data, fmt::format("{}: has no 'result'", file));

  Recording recording{.endpoint = words[2] == "funding-history" ? "funding/history" : words[2],
                      .category = {},
                      .symbol = {},
                      .result = bare ? std::move(body) : std::move(body["result"])};
  recording.category = text_of(recording.result, "category");
  recording.symbol = text_of(recording.result, "symbol");
  words.erase(words.begin(), words.begin() + 3);
  read_name(recording, words);
  if (!recording.endpoint.ends_with("kline")) return recording;
  if (!recording.timeframe) return fail(ErrorCode::corrupt_data, fmt::format("{}: its name says no interval", file));
  for (const Json& row : recording.result.value("list", Json::array())) {
    auto read = read_row(row);
    if (!read)
      return fail(ErrorCode::corrupt_data, fmt::format("{}: a row is not a list of texts: {}", file, row.dump()));
    recording.rows.push_back(*std::move(read));
  }
  return recording;
}

Result<std::vector<RecordedRow>> aggregate(const std::vector<RecordedRow>& rows, Timeframe timeframe) {
  std::vector<RecordedRow> bars;
  for (const RecordedRow& row : rows) {
    const TimePoint open_time = timeframe.open_of(row.open_time);
    if (bars.empty() || bars.back().open_time != open_time) {
      bars.push_back({open_time, row.values});
      continue;
    }
    if (const auto added = prepend(bars.back(), row); !added) return std::unexpected{added.error()};
  }
  return bars;
}

}  // namespace tdm::sim::bybit
