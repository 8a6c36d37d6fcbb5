#include "tests/support/decode_conformance.hpp"

#include <sstream>

#include "tdm/sources/bybit/detail/decode.hpp"
#include "tdm/sources/bybit/tests/support.hpp"

namespace tdm::sources::bybit {
namespace {

// "rest_testnet_kline_spot_D_BTCUSDT_2023-2024.result.json": the channel and the category stand in the name.
std::vector<support::RecordedDocument> recordings() {
  std::vector<support::RecordedDocument> documents;
  if (!std::filesystem::exists(testing::recordings())) return documents;
  for (const auto& entry : std::filesystem::directory_iterator{testing::recordings()}) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with("rest_") && !name.starts_with("ws_")) continue;
    const auto* const market = name.contains("spot") ? "spot" : name.contains("option") ? "option" : "linear";
    std::istringstream text{support::read_recorded(entry.path())};
    int number = 0;
    for (std::string line; std::getline(text, line);)
      if (++number; !line.empty())
        documents.push_back(
            {fmt::format("{}:{}", name, number), {market, name.starts_with("rest_") ? "rest" : "ws", ""}, line});
  }
  return documents;
}

const support::DecodeBench kBench{"bybit", decode, recordings};

}  // namespace
}  // namespace tdm::sources::bybit

namespace tdm::support {
INSTANTIATE_TEST_SUITE_P(Bybit, DecodeConformance, ::testing::Values(sources::bybit::kBench));
}
