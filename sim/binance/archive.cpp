#include "sim/binance/archive.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "sim/binance/envelope.hpp"
#include "sim/binance/intervals.hpp"
#include "sim/binance/kline.hpp"
#include "sim/binance/zip_file.hpp"
#include "tdm/net/sha256.hpp"  // sha256

namespace tdm::sim::binance {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using Kind = ArchiveFault::Kind;

constexpr std::size_t kKeptFiles = 64;
constexpr std::size_t kBombBytes = std::size_t{32} << 20U;
constexpr std::size_t kListedKeys = 1'000;  // S3's page
constexpr std::string_view kHeader =
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,"
    "ignore\n";

struct Folder {
  std::string_view path;  // between /data/ and daily or monthly
  std::string_view market;
};
constexpr std::array<Folder, 3> kFolders{{{"spot", "spot"}, {"futures/um", "usdm"}, {"futures/cm", "coinm"}}};

constexpr std::array<std::pair<std::string_view, PriceKind>, 4> kKinds{{{"klines", PriceKind::last},
                                                                        {"markPriceKlines", PriceKind::mark},
                                                                        {"indexPriceKlines", PriceKind::index},
                                                                        {"premiumIndexKlines", PriceKind::premium}}};

std::optional<Timeframe> archived_timeframe(std::string_view word) {
  return word == "1M" ? std::nullopt : timeframe_of(word == "1mo" ? "1M" : word);  // §8: a month is 1mo in paths
}

std::optional<int> number_of(std::string_view text) {
  int value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc{} && end == text.data() + text.size() && value > 0 ? std::optional{value} : std::nullopt;
}

// "2023-01" or "2023-01-31".
std::optional<TimeRange> period_of(std::string_view text, bool daily) {
  if (text.size() != (daily ? 10U : 7U) || text[4] != '-' || (daily && text[7] != '-')) return std::nullopt;
  const auto year = number_of(text.substr(0, 4)), month = number_of(text.substr(5, 2));
  const auto day = daily ? number_of(text.substr(8, 2)) : std::optional{1};
  if (!year || !month || !day) return std::nullopt;
  const auto date = std::chrono::year{*year} / *month / *day;
  if (!date.ok()) return std::nullopt;
  const auto end = daily ? sys_days{date} + days{1} : sys_days{date + std::chrono::months{1}};
  return TimeRange::of(sys_days{date}, end);
}

// §8: a day's file comes the next day from 08:30 on, a month's on the first Monday.
TimePoint published(TimeRange period, bool daily) {
  if (daily) return period.end() + std::chrono::minutes{510};
  const auto day = std::chrono::floor<days>(period.end());
  return day + (std::chrono::Monday - std::chrono::weekday{day});
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    parts.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return parts;
}

Answer file_answer(std::string body, std::string_view type) {
  Answer answer;
  answer.reply.headers = {{"Content-Type", std::string{type}}};
  answer.reply.body = std::move(body);
  return answer;
}

Answer xml(int status, std::string_view body) {
  auto answer = file_answer(fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", body), "application/xml");
  answer.reply.status = status;
  return answer;
}

// §8: a missing file is 404 with S3's XML.
Answer no_such_key(std::string_view key) {
  return xml(404, fmt::format("<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
                              "<Key>{}</Key></Error>",
                              key));
}

std::string_view parameter_of(const net::ServerRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.query)
    if (key == name) return value;
  return {};
}

std::string without_rows(const std::string& csv, TimeRange rows, bool microseconds) {
  std::string left;
  for (std::size_t begin = 0; begin < csv.size();) {
    const auto end = csv.find('\n', begin) + 1;
    std::int64_t open = 0;
    std::from_chars(csv.data() + begin, csv.data() + end, open);
    if (!rows.contains(microseconds ? from_us(open) : from_ms(open))) left.append(csv, begin, end - begin);
    begin = end;
  }
  return left;
}

// What lies directly below a prefix.
class Shelf {
 public:
  Shelf(std::string_view prefix, TimePoint now) : prefix_{prefix}, now_{now} {}

  void add(const History& history) {
    const auto& id = history.listing().id;
    const auto* const folder = std::ranges::find(kFolders, std::string_view{id.market.text()}, &Folder::market);
    for (const bool daily : {true, false}) {
      const auto base =
          fmt::format("data/{}/{}/klines/{}/", folder->path, daily ? "daily" : "monthly", id.symbol.text());
      for (const auto timeframe : Timeframe::all()) {
        if (daily && timeframe.nominal_length() > days{1}) continue;
        const std::string word{timeframe.is_month() ? "1mo" : timeframe.name()};
        add_files(history, fmt::format("{}{}/{}-{}-", base, word, id.symbol.text(), word), daily);
      }
    }
  }

  std::string page(std::string_view marker) const {
    std::string body;
    std::size_t count = 0;
    std::string_view last;
    bool more = false;
    for (const auto& name : names_) {
      if (name <= marker) continue;
      more = count == kListedKeys;
      if (more) break;
      body += name.ends_with('/') ? fmt::format("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", name)
                                  : fmt::format("<Contents><Key>{}</Key></Contents>", name);
      last = name;
      ++count;
    }
    return fmt::format(
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>data.binance.vision</Name>"
        "<Prefix>{}</Prefix><Marker>{}</Marker>{}<MaxKeys>{}</MaxKeys><Delimiter>/</Delimiter>"
        "<IsTruncated>{}</IsTruncated>{}</ListBucketResult>",
        prefix_, marker, more ? fmt::format("<NextMarker>{}</NextMarker>", last) : "", kListedKeys, more, body);
  }

 private:
  // `stem`: a file's path up to its period.
  void add_files(const History& history, const std::string& stem, bool daily) {
    if (!stem.starts_with(prefix_) && !prefix_.starts_with(stem)) return;
    // Everything below a folder is that folder.
    if (const auto slash = stem.find('/', prefix_.size()); slash != std::string::npos) {
      names_.insert(stem.substr(0, slash + 1));
      return;
    }
    const auto end = std::min(now_, history.listing().delivery.value_or(now_));
    for (auto period = period_at(history.begin(), daily); period.begin() < end;
         period = period_at(period.end(), daily)) {
      if (published(period, daily) > now_) break;
      const std::chrono::year_month_day date{std::chrono::floor<days>(period.begin())};
      auto name =
          fmt::format("{}{:04}-{:02}", stem, static_cast<int>(date.year()), static_cast<unsigned>(date.month()));
      if (daily) name += fmt::format("-{:02}", static_cast<unsigned>(date.day()));
      for (const std::string_view extension : {".zip", ".zip.CHECKSUM"})
        if (const auto key = name + std::string{extension}; key.starts_with(prefix_)) names_.insert(key);
    }
  }

  static TimeRange period_at(TimePoint time, bool daily) {
    const auto day = std::chrono::floor<days>(time);
    if (daily) return TimeRange::of(day, day + days{1});
    const std::chrono::year_month_day date{day};
    const auto first = date.year() / date.month() / 1;
    return TimeRange::of(sys_days{first}, sys_days{first + std::chrono::months{1}});
  }

  std::string_view prefix_;
  TimePoint now_;
  std::set<std::string> names_;
};

}  // namespace

struct Archive::Place {
  const History* history = nullptr;
  PriceKind kind = PriceKind::last;
  Timeframe timeframe;
  TimeRange period;
  bool daily = false;
  bool is_checksum = false;
  std::string name;  // BTCUSDT-1m-2023-01
  std::string path;  // of the zip
};

Archive::Archive(const World& world, std::vector<ArchiveFault> faults) : world_{world}, faults_{std::move(faults)} {}

std::optional<std::string_view> Archive::path_within(std::string_view path) {
  constexpr std::string_view kPrefix = "/archive";
  if (!path.starts_with(kPrefix)) return std::nullopt;
  path.remove_prefix(kPrefix.size());
  return path.empty() || path.starts_with('/') ? std::optional{path} : std::nullopt;
}

// /data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2023-01.zip[.CHECKSUM]
std::optional<Archive::Place> Archive::find(std::string_view path) const {
  constexpr std::string_view kRoot = "/data/", kChecksum = ".CHECKSUM", kZip = ".zip";
  bool is_checksum = false;
  if (path.ends_with(kChecksum)) {
    is_checksum = true;
    path.remove_suffix(kChecksum.size());
  }
  if (!path.starts_with(kRoot) || !path.ends_with(kZip)) return std::nullopt;
  for (const auto& folder : kFolders) {
    const auto below = path.substr(kRoot.size());
    if (!below.starts_with(folder.path) || !below.substr(folder.path.size()).starts_with('/')) continue;
    const auto parts = parts_of(below.substr(folder.path.size() + 1));
    if (parts.size() != 5 || (parts[0] != "daily" && parts[0] != "monthly")) return std::nullopt;
    const bool daily = parts[0] == "daily";
    const auto kind = std::ranges::find(kKinds, parts[1], &std::pair<std::string_view, PriceKind>::first);
    const auto timeframe = archived_timeframe(parts[3]);
    const auto stem = fmt::format("{}-{}-", parts[2], parts[3]);
    if (kind == kKinds.end() || !timeframe || !parts[4].starts_with(stem)) return std::nullopt;
    if (folder.market == "spot" && kind->second != PriceKind::last) return std::nullopt;
    if (daily && timeframe->nominal_length() > days{1}) return std::nullopt;  // §8
    const auto name = parts[4].substr(0, parts[4].size() - kZip.size());
    const auto period = period_of(name.substr(stem.size()), daily);
    // The index of a coin-margined contract lies under the pair (§8).
    const bool under_pair = folder.market == "coinm" && kind->second == PriceKind::index;
    const auto* history =
        world_.find("binance", folder.market, under_pair ? fmt::format("{}_PERP", parts[2]) : std::string{parts[2]});
    if (!period || history == nullptr) return std::nullopt;
    return Place{history, kind->second, *timeframe, *period, daily, is_checksum, std::string{name}, std::string{path}};
  }
  return std::nullopt;
}

const ArchiveFault* Archive::fault_of(std::string_view name) const {
  for (const auto& fault : faults_) {
    const std::string_view wanted{fault.file};
    const bool any_end = wanted.ends_with('*');
    if (any_end ? name.starts_with(wanted.substr(0, wanted.size() - 1)) : name == wanted) return &fault;
  }
  return nullptr;
}

std::shared_ptr<const Archive::File> Archive::make(const Place& place) const {
  const auto& listing = place.history->listing();
  const bool spot = listing.id.market.text() == "spot";
  // §8: spot changed to microseconds with 2025 and never had a header, futures have one in files since about 2022-05.
  const bool microseconds = spot && place.period.begin() >= sys_days{std::chrono::year{2025} / 1 / 1};
  const bool header = !spot && place.period.begin() >= sys_days{std::chrono::year{2022} / 5 / 1};
  const auto* const fault = fault_of(place.name);
  auto csv = kline_csv(*place.history, place.kind, place.timeframe, place.period, microseconds, place.period.end());
  auto file = std::make_shared<File>();
  if (csv.empty()) return file;
  if (fault != nullptr && fault->kind == Kind::lacks_rows) csv = without_rows(csv, fault->rows, microseconds);
  file->rows = std::ranges::count(csv, '\n');
  if (header) csv.insert(0, kHeader);
  if (fault != nullptr && fault->kind == Kind::wrong_header) csv.insert(0, "time,o,h,l,c,v\n");
  if (fault != nullptr && fault->kind == Kind::bomb) csv.assign(kBombBytes, '0');
  std::vector<std::pair<std::string, std::string>> members{{place.name + ".csv", std::move(csv)}};
  if (fault != nullptr && fault->kind == Kind::two_members) members.emplace_back("readme.txt", "hello");
  file->zip = zip_file(members);
  file->checksum = net::sha256(file->zip);
  return file;
}

std::shared_ptr<const Archive::File> Archive::file_of(const Place& place) {
  {
    const std::scoped_lock guard{mutex_};
    if (const auto found = files_.find(place.path); found != files_.end()) return found->second;
  }
  auto file = make(place);
  const std::scoped_lock guard{mutex_};
  if (!files_.emplace(place.path, file).second) return files_.at(place.path);
  kept_.push_back(place.path);
  if (kept_.size() > kKeptFiles) {
    files_.erase(kept_.front());
    kept_.erase(kept_.begin());
  }
  return file;
}

bool Archive::first_look(const std::string& name) {
  const std::scoped_lock guard{mutex_};
  if (std::ranges::find(seen_, name) != seen_.end()) return false;
  seen_.push_back(name);
  return true;
}

Answer Archive::answer(const net::ServerRequest& request, std::string_view path, TimePoint now) {
  if (request.method != "GET") return xml(405, "<Error><Code>MethodNotAllowed</Code></Error>");
  if (path.empty() || path == "/") return list(request, now);
  const auto place = find(path);
  if (!place || published(place->period, place->daily) > now) return no_such_key(path.substr(1));
  const auto* const fault = fault_of(place->name);
  const auto is = [&](Kind kind) { return fault != nullptr && fault->kind == kind; };
  if (is(Kind::missing)) return no_such_key(path.substr(1));
  const auto file = file_of(*place);
  if (file->zip.empty()) return no_such_key(path.substr(1));
  if (place->is_checksum) {
    const bool other = is(Kind::wrong_checksum) || (is(Kind::reissued) && first_look(place->path));
    const auto hash = other ? net::sha256(place->name) : file->checksum;
    return file_answer(fmt::format("{}  {}.zip\n", hash, place->name), "binary/octet-stream");
  }
  if (is(Kind::html)) return file_answer("<html><body>Please try again later.</body></html>", "text/html");
  auto answer = file_answer(file->zip, "application/zip");
  answer.rows = file->rows;
  return answer;
}

// The folders and files below a prefix, as S3 lists a bucket: the symbols that ever were, the dead too, and of a symbol
// and interval the files that are published. M: lostleaf/binance_datatool asks ?delimiter=/&prefix=…; pages by
// `marker`: S3's documentation.
Answer Archive::list(const net::ServerRequest& request, TimePoint now) const {
  Shelf shelf{parameter_of(request, "prefix"), now};
  for (const auto& history : world_.histories())
    if (history->listing().id.exchange.text() == "binance") shelf.add(*history);
  return xml(200, shelf.page(parameter_of(request, "marker")));
}

}  // namespace tdm::sim::binance
