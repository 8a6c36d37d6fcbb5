#include <fmt/format.h>

#include <algorithm>

#include "tdm/net/http_client.hpp"  // percent_encode
#include "tdm/sources/binance/detail/archive.hpp"
#include "tdm/sources/json_text.hpp"  // lower

namespace tdm::sources::binance {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr days kLongestDay{1};

// A file of the day was seen the next morning before 08:40, a file of the month on its first Monday.
constexpr std::chrono::hours kDayDelay{10};
constexpr std::chrono::hours kMonthDelay{24};

// What a file takes: two requests in turn, four files at a time, at the pace of a modest line.
constexpr double kFileSeconds = 0.05;
constexpr double kBytesPerSecond = 5e6;
constexpr std::int64_t kPackedRowBytes = 50;
constexpr int kRequests = 2;  // the CHECKSUM comes first

std::string_view folder_of(PriceKind kind) {
  switch (kind) {
    case PriceKind::last: return "klines";
    case PriceKind::mark: return "markPriceKlines";
    case PriceKind::index: return "indexPriceKlines";
    case PriceKind::premium: return "premiumIndexKlines";
  }
  std::abort();
}

std::string_view market_folder(std::string_view market) {
  if (market == "usdm") return "futures/um";
  return market == "coinm" ? "futures/cm" : "spot";
}

// The index of a coin-margined contract lies under the pair, not under the contract.
std::string_view filed_as(const Series& series) {
  const std::string_view symbol{series.instrument.symbol.text()};
  const bool under_pair = series.price_kind == PriceKind::index && series.instrument.market.text() == "coinm";
  return under_pair ? symbol.substr(0, symbol.find('_')) : symbol;
}

TimeRange month_of(TimePoint time) {
  const year_month_day date{std::chrono::floor<days>(time)};
  const auto first = date.year() / date.month() / 1;
  return TimeRange::of(sys_days{first}, sys_days{first + std::chrono::months{1}});
}

TimeRange day_of(TimePoint time) {
  const auto day = std::chrono::floor<days>(time);
  return TimeRange::of(day, day + days{1});
}

TimePoint published_month(TimeRange month) {
  const auto day = std::chrono::floor<days>(month.end());
  return day + (std::chrono::Monday - std::chrono::weekday{day}) + kMonthDelay;
}

ArchiveFile file_of(Timeframe timeframe, TimeRange period) {
  ArchiveFile file{.period = period, .bytes = kPackedRowBytes * timeframe.count(period), .requests = kRequests};
  file.seconds = kFileSeconds + static_cast<double>(file.bytes) / kBytesPerSecond;
  return file;
}

}  // namespace

std::vector<ArchiveFile> archive_files(const Series& series, TimeRange range, TimePoint now) {
  const auto timeframe = series.timeframe;
  std::vector<ArchiveFile> files;
  if (timeframe.is_month() || timeframe.nominal_length() > kLongestDay || range.empty()) return files;
  const auto end = std::min(range.end(), now);
  const auto begin = std::max(range.begin(), TimePoint{});  // no exchange had bars before 1970
  for (auto month = month_of(begin); month.begin() < end; month = month_of(month.end()))
    if (published_month(month) <= now) files.push_back(file_of(timeframe, month));
  for (auto day = day_of(begin); day.begin() < end; day = day_of(day.end()))
    if (day.end() + kDayDelay <= now) files.push_back(file_of(timeframe, day));
  return files;
}

std::string archive_name(const Series& series, TimeRange period) {
  const year_month_day date{std::chrono::floor<days>(period.begin())};
  auto name = fmt::format("{}-{}-{:04}-{:02}", filed_as(series), series.timeframe.name(), static_cast<int>(date.year()),
                          static_cast<unsigned>(date.month()));
  if (period.end() - period.begin() <= kLongestDay) name += fmt::format("-{:02}", static_cast<unsigned>(date.day()));
  return name;
}

std::string archive_target(const Series& series, TimeRange period) {
  return fmt::format("/data/{}/{}/{}/{}/{}/{}.zip", market_folder(series.instrument.market.text()),
                     period.end() - period.begin() > kLongestDay ? "monthly" : "daily", folder_of(series.price_kind),
                     net::percent_encode(filed_as(series)), series.timeframe.name(),
                     net::percent_encode(archive_name(series, period)));
}

Result<std::string> parse_checksum(std::string_view text, std::string_view name) {
  constexpr std::size_t kDigits = 64;
  const auto hash = text.substr(0, kDigits);
  const bool is_hash = hash.size() == kDigits && std::ranges::all_of(hash, [](char c) {
                         return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
                       });
  if (!is_hash) return fail(ErrorCode::corrupt_data, "the CHECKSUM file states no SHA-256");
  auto rest = text.substr(kDigits);
  if (const auto last = rest.find_last_not_of("\r\n"); last != std::string_view::npos) rest = rest.substr(0, last + 1);
  const auto begin = rest.find_first_not_of(" *");
  if (begin == 0 || begin == std::string_view::npos || rest.substr(begin) != name)
    return fail(ErrorCode::corrupt_data, "the CHECKSUM file speaks of another file");
  return lower(hash);
}

}  // namespace tdm::sources::binance
