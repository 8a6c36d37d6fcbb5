#include "sim/bybit/kline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <vector>

#include "sim/bybit/envelope.hpp"
#include "sim/bybit/intervals.hpp"
#include "sim/bybit/parameters.hpp"
#include "sim/decimal_text.hpp"

namespace tdm::sim::bybit {
namespace {

constexpr std::size_t kBytesOfRow = 112;

bool serves(PriceKind kind, std::string_view category) {
  switch (kind) {
    case PriceKind::last: return category == "linear" || category == "inverse" || category == "spot";
    case PriceKind::mark:
    case PriceKind::index: return category == "linear" || category == "inverse";
    case PriceKind::premium: return category == "linear";
  }
  return false;
}

bool is_category(std::string_view text) {
  return text == "spot" || text == "linear" || text == "inverse" || text == "option";
}

void append_row(std::string& to, const DatedBar& row, const Listing& listing, PriceKind kind) {
  const int scale = price_scale(listing, kind);
  to += "[\"";
  append_decimal(to, to_ms(row.open_time), 0);
  for (const std::int64_t price : {row.bar.open, row.bar.high, row.bar.low, row.bar.close}) {
    to += "\",\"";
    append_decimal(to, price, scale);
  }
  if (kind == PriceKind::last) {
    to += "\",\"";
    append_decimal(to, row.bar.volume, listing.lot.scale);
    to += "\",\"";
    append_decimal(to, row.bar.turnover, listing.turnover_scale());
  }
  to += "\"],";
}

Answer page(const History& history, PriceKind kind, const std::vector<DatedBar>& rows, TimePoint now) {
  const Listing& listing = history.listing();
  std::string result;
  result.reserve(128 + rows.size() * kBytesOfRow);
  result +=
      fmt::format(R"({{"symbol":"{}","category":"{}","list":[)", listing.id.symbol.text(), listing.id.market.text());
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) append_row(result, *row, listing, kind);
  if (!rows.empty()) result.pop_back();
  result += "]}";
  Answer answer = success(result, now);
  answer.rows = static_cast<std::int64_t>(rows.size());
  if (!rows.empty()) {
    answer.first = rows.front().open_time;
    answer.last = rows.back().open_time;
  }
  return answer;
}

}  // namespace

Answer kline(const World& world, PriceKind kind, const net::ServerRequest& request, TimePoint now) {
  std::string_view category = parameter(request, "category");
  if (category.empty()) category = "linear";
  if (!is_category(category)) return refusal(10'001, "params error: category invalid", now);
  if (!serves(kind, category)) return not_found();

  const History* history = world.find("bybit", category, parameter(request, "symbol"));
  if (history == nullptr) return refusal(10'001, "params error: symbol invalid", now);
  const auto timeframe = timeframe_of(parameter(request, "interval"));
  if (!timeframe) return refusal(10'001, "Invalid period!", now);
  const auto window = kline_window(request, now);
  if (!window) return refusal(10'001, window.error().message, now);

  const auto& [start, last, limit, forward] = *window;
  const TimePoint first = timeframe->open_of(start);  // the candle that contains it
  return page(*history, kind,
              forward ? history->oldest(kind, *timeframe, first, last, limit, now)
                      : history->newest(kind, *timeframe, first, last, limit, now),
              now);
}

}  // namespace tdm::sim::bybit
