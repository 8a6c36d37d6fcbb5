#include "tdm/store/duckdb/detail/layout.hpp"

#include <fmt/format.h>

#include <chrono>

#include "tdm/store/duckdb/detail/files.hpp"  // percent_escape

namespace tdm::store::duckdb::detail {
namespace {

using std::chrono::days;
using std::chrono::minutes;
using std::chrono::sys_days;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr minutes kByMonth{5};  // and shorter
constexpr minutes kByYear{60};  // and shorter

std::string_view dataset(Layer layer) { return layer == Layer::validated ? "validated_ohlcv" : "raw_ohlcv"; }

}  // namespace

Period period_of(Timeframe timeframe, TimePoint open_time) {
  const year_month_day day{std::chrono::floor<days>(open_time)};
  if (timeframe.nominal_length() <= kByMonth) {
    const year_month month{day.year(), day.month()};
    return {fmt::format("{:04}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month())),
            TimeRange::of(sys_days{month / 1}, sys_days{(month + std::chrono::months{1}) / 1})};
  }
  if (timeframe.nominal_length() <= kByYear)
    return {fmt::format("{:04}", static_cast<int>(day.year())),
            TimeRange::of(sys_days{day.year() / 1 / 1}, sys_days{(day.year() + std::chrono::years{1}) / 1 / 1})};
  return {"all", TimeRange::of(TimePoint::min(), TimePoint::max())};
}

std::string Layout::segment(Layer layer, const Series& series, const Period& period, TimePoint first,
                            std::string_view sha256) {
  std::string compact;
  for (const char c : to_iso(first))
    if (c != '-' && c != ':') compact += c;
  const auto& id = series.instrument;
  return fmt::format("dataset={}/ex={}/mk={}/sym={}/pk={}/tf={}/period={}/{}-{}.parquet", dataset(layer),
                     id.exchange.text(), id.market.text(), percent_escape(id.symbol.text()),
                     to_string(series.price_kind), series.timeframe.name(), period.name, compact, sha256.substr(0, 16));
}

std::string Layout::superseded(std::string_view sha256) { return fmt::format(".superseded/{}.parquet", sha256); }

std::string Layout::manifest(const Series& series) const {
  return fmt::format("{}/{}.json", manifests(), percent_escape(series.text()));
}

std::string Layout::instruments(std::string_view exchange, std::string_view market) const {
  return fmt::format("{}/_instruments-{}.{}.json", manifests(), percent_escape(exchange), percent_escape(market));
}

}  // namespace tdm::store::duckdb::detail
