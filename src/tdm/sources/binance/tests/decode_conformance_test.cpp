#include "tests/support/decode_conformance.hpp"

#include <sstream>

#include "tdm/sources/binance/detail/decode.hpp"
#include "tdm/sources/binance/tests/support.hpp"
#include "tdm/sources/binance/tests/synthetic_frames.hpp"

namespace tdm::sources::binance {
namespace {

using Documents = std::vector<support::RecordedDocument>;

// Sessions of streams: "<receive time>[:] <JSON>" a line. Of the long ones every `step`-th, and their snapshots.
void add_session(Documents& documents, const std::string& name, const std::string& market, int step = 1) {
  std::istringstream text{support::read_recorded(testing::recordings() / name)};
  int number = 0;
  for (std::string line; std::getline(text, line);) {
    const auto start = line.find('{');
    if (++number; start == std::string::npos || line.contains("<->")) continue;
    if (number % step == 0 || line.substr(start).starts_with("{\"lastUpdateId"))
      documents.push_back({fmt::format("{}:{}", name, number), {market, "ws", ""}, line.substr(start)});
  }
}

// "URL -> <receive time>: <JSON>" a line.
void add_answers(Documents& documents, const std::string& name, const std::string& market) {
  std::istringstream text{support::read_recorded(testing::recordings() / name)};
  for (std::string line; std::getline(text, line);) {
    const auto arrow = line.find(" -> ");
    if (arrow == std::string::npos) continue;
    const auto path = line.find('/', std::string_view{"https://"}.size());
    const auto target = line.substr(path, arrow - path);
    documents.push_back({name, {market, "rest", target}, line.substr(line.find('{'))});
  }
}

// "static-klines/BTCUSDT/1h/2023-03-01.json": symbol and interval stand in the path. Unit tests read the small ones.
void add_pages(Documents& documents) {
  constexpr std::uintmax_t kSmall = 60'000;
  const auto folder = testing::recordings() / "static-klines";
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
    if (!entry.is_regular_file() || entry.file_size() > kSmall) continue;
    const auto interval = entry.path().parent_path().filename().string();
    const auto symbol = entry.path().parent_path().parent_path().filename().string();
    documents.push_back({entry.path().string(),
                         {"spot", "rest", fmt::format("/api/v3/klines?symbol={}&interval={}", symbol, interval)},
                         support::read_recorded(entry.path())});
  }
}

Documents recordings() {
  Documents documents;
  for (const auto& frame : testing::synthetic_frames())
    documents.push_back({std::string{frame.name}, frame.request, std::string{frame.text}});
  const auto folder = testing::recordings();
  if (!std::filesystem::exists(folder)) return documents;
  for (const auto& [name, market] : std::vector<std::pair<std::string, std::string>>{
           {"BINANCE", "spot"}, {"BINANCE_US", "spot"}, {"BINANCE_FUTURES", "usdm"}}) {
    add_answers(documents, fmt::format("cryptofeed/{}.0", name), market);
    add_answers(documents, fmt::format("cryptofeed/{}.http.0.0", name), market);
    add_session(documents, fmt::format("cryptofeed/{}.ws.1.0", name), market, 4);
  }
  add_session(documents, "hftbacktest/spot_btcusdt_20240808.gz", "spot", 499);
  add_session(documents, "hftbacktest/usdm_btcusdt_20240808.gz", "usdm", 499);
  add_session(documents, "hftbacktest/cm_btcusd_perp_20240808.gz", "coinm", 499);
  add_pages(documents);
  for (const auto& [name, target] : std::vector<std::pair<std::string, std::string>>{
           {"nautilus/http_spot_market_klines.json", "/api/v3/klines?symbol=BTCUSDT"},
           {"nautilus/http_spot_market_trades.json", "/api/v3/trades?symbol=BTCUSDT"},
           {"nautilus/http_spot_market_agg_trades.json", "/api/v3/aggTrades?symbol=BTCUSDT"},
           {"nautilus/http_spot_market_depth.json", ""},
           {"nautilus/http_spot_market_time.json", ""},
           {"nautilus/http_spot_market_exchange_info.json", ""},
           {"basana/binance_btc_usdt_exchange_info.json", ""}})
    documents.push_back({name, {"spot", "rest", target}, support::read_recorded(folder / name)});
  documents.push_back({"basana/binance_depth_update.json",
                       {"spot", "ws", ""},
                       support::read_recorded(folder / "basana/binance_depth_update.json")});
  return documents;
}

const support::DecodeBench kBench{"binance", decode, recordings};

}  // namespace
}  // namespace tdm::sources::binance

namespace tdm::support {
INSTANTIATE_TEST_SUITE_P(Binance, DecodeConformance, ::testing::Values(sources::binance::kBench));
}
