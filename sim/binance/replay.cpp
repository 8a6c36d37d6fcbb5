#include "sim/binance/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "sim/binance/envelope.hpp"
#include "sim/binance/intervals.hpp"
#include "sim/binance/parameters.hpp"

namespace tdm::sim::binance {
namespace {

constexpr std::string_view kArrow = " -> ";

// YYYY-MM-DD.json, where the window of a recorded page begins.
bool names_a_day(const std::filesystem::path& file) {
  return file.extension() == ".json" && parse_time_bound(file.stem().string(), "file").has_value();
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

bool is_row(const Recordings::Json& row) { return row.is_array() && row.size() == 12 && row[0].is_number_integer(); }

// The market of a recorded URL of exchangeInfo; empty when it is none of Binance's.
std::string_view market_of(std::string_view url) {
  if (url == "https://api.binance.com/api/v3/exchangeInfo") return "spot";
  if (url == "https://fapi.binance.com/fapi/v1/exchangeInfo") return "usdm";
  if (url == "https://dapi.binance.com/dapi/v1/exchangeInfo") return "coinm";
  return {};
}

}  // namespace

Result<void> Recordings::load_page(const std::string& file, const std::string& symbol, const std::string& interval) {
  const Json page = Json::parse(text_of(file), nullptr, false);
  if (!page.is_array() || !std::ranges::all_of(page, is_row)) {
    return fail(ErrorCode::corrupt_data, fmt::format("{}: expected an array of rows of twelve", file));
  }
  Rows& rows = klines_[{symbol, interval}];
  for (const Json& row : page) rows.emplace(from_ms(row[0].get<std::int64_t>()), row);
  return {};
}

void Recordings::load_list(std::string_view market, Json body) {
  const auto size = [](const Json& list) { return list.value("symbols", Json::array()).size(); };
  if (market.empty() || !body.is_object() || !body.contains("symbols")) return;
  Json& kept = lists_[std::string{market}];
  if (!kept.is_object() || size(kept) < size(body)) kept = std::move(body);
}

void Recordings::load_lines(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  std::string line;
  while (std::getline(in, line)) {
    const std::size_t arrow = line.find(kArrow);
    const std::size_t colon = arrow == std::string::npos ? arrow : line.find(": ", arrow);
    if (colon == std::string::npos) continue;
    const std::string_view market = market_of(std::string_view{line}.substr(0, arrow));
    if (!market.empty()) load_list(market, Json::parse(line.substr(colon + 2), nullptr, false));
  }
}

Result<std::unique_ptr<const Recordings>> Recordings::load(const std::string& folder) {
  std::error_code failure;
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder, failure}) {
    if (entry.is_regular_file()) files.insert(entry.path());
  }
  if (failure) return fail(ErrorCode::invalid_argument, fmt::format("{}: {}", folder, failure.message()), "replay");
  auto recordings = std::make_unique<Recordings>();
  for (const auto& file : files) {
    const std::string interval = file.parent_path().filename().string();
    if (names_a_day(file) && (timeframe_of(interval) || interval == "3d" || interval == "1s")) {
      const auto symbol = file.parent_path().parent_path().filename().string();
      if (const auto loaded = recordings->load_page(file.string(), symbol, interval); !loaded) {
        return std::unexpected{loaded.error()};
      }
    } else if (file.filename() == "http_spot_market_exchange_info.json") {
      recordings->load_list("spot", Json::parse(text_of(file), nullptr, false));
    } else if (file.extension() == ".0") {
      recordings->load_lines(file.string());
    }
  }
  if (recordings->klines_.empty() && recordings->lists_.empty()) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: no recorded REST answer is there", folder), "replay");
  }
  return recordings;
}

Answer Recordings::kline(const Api& api, std::string_view endpoint, const net::ServerRequest& request,
                         const BinanceSettings& settings, TimePoint now) const {
  const auto symbol = parameter(request, "symbol");
  const auto interval = parameter(request, "interval");
  if (!symbol) return refused(missing_parameter("symbol"));
  if (!interval) return refused(missing_parameter("interval"));
  if (!timeframe_of(*interval) && *interval != "3d") return refused({-1120, "Invalid interval."});
  const bool known = api.spot() && endpoint == "klines" &&
                     std::ranges::any_of(klines_, [&](const auto& series) { return series.first.first == *symbol; });
  if (!known) return refused(invalid_symbol());
  const auto window = window_of(request, api, api.coinm(), settings, now);
  if (!window) return refused(window.error());

  std::vector<const Json*> rows;
  const auto series = klines_.find({std::string{*symbol}, std::string{*interval}});
  if (series != klines_.end()) {
    for (auto row = series->second.lower_bound(window->first); row != series->second.end(); ++row) {
      if (row->first > std::min(window->last, now)) break;
      rows.push_back(&row->second);
    }
  }
  if (rows.size() > window->limit) {
    const auto spare = static_cast<std::ptrdiff_t>(rows.size() - window->limit);
    window->forward ? rows.erase(rows.end() - spare, rows.end()) : rows.erase(rows.begin(), rows.begin() + spare);
  }
  std::string body = "[";
  for (const Json* row : rows) body += row->dump() + ',';
  if (!rows.empty()) body.pop_back();
  body += ']';
  Answer answer = success(std::move(body));
  answer.rows = static_cast<std::int64_t>(rows.size());
  if (!rows.empty()) {
    answer.first = from_ms((*rows.front())[0].get<std::int64_t>());
    answer.last = from_ms((*rows.back())[0].get<std::int64_t>());
  }
  return answer;
}

Answer Recordings::exchange_info(const Api& api, const net::ServerRequest& request, TimePoint now) const {
  const auto list = lists_.find(api.market);
  if (list == lists_.end()) return not_found();
  Json body = list->second;
  body["serverTime"] = to_ms(now);
  if (const auto symbol = parameter(request, "symbol")) {
    Json chosen = Json::array();
    for (const Json& row : body["symbols"]) {
      if (row.value("symbol", "") == *symbol) chosen.push_back(row);
    }
    if (chosen.empty()) return refused(invalid_symbol());
    body["symbols"] = std::move(chosen);
  }
  Answer answer = success(body.dump());
  answer.rows = static_cast<std::int64_t>(body["symbols"].size());
  return answer;
}

}  // namespace tdm::sim::binance
