// Any bytes as an answer or a message of Bybit: at least one line, each of them a JSON object with a kind. The first
// byte chooses the channel and whether the request is known.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "tdm/sources/registry.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const auto* module = tdm::sources::find_exchange("bybit");
  if (module == nullptr) std::abort();
  const auto choice = data[0];
  tdm::sources::DecodeRequest request;
  request.market = (choice & 2U) != 0 ? "inverse" : "linear";
  request.channel = (choice & 1U) != 0 ? "ws" : "rest";
  if ((choice & 4U) != 0) request.target = "/v5/market/kline?category=linear&symbol=BTCUSDT&interval=1";
  const std::string_view document{reinterpret_cast<const char*>(data + 1), size - 1};
  int lines = 0;
  module->decode(request, document, 1, [&](std::string_view line) {
    const auto parsed = nlohmann::json::parse(line, nullptr, false);
    if (!parsed.is_object() || !parsed.contains("kind")) std::abort();
    ++lines;
  });
  if (lines == 0) std::abort();
  return 0;
}
