#include <fmt/format.h>

#include "tdm/sources/binance/detail/alias.hpp"      // parse_alias
#include "tdm/sources/binance/detail/connector.hpp"  // BinanceConnector
#include "tdm/sources/binance/detail/decode.hpp"     // decode
#include "tdm/sources/binance/detail/protocol.hpp"   // kExchange
#include "tdm/sources/connector.hpp"                 // ExchangeModule

namespace tdm::sources::binance {
namespace {

Result<std::shared_ptr<Connector>> make(const ConnectorOptions& options, asio::any_io_executor executor,
                                        const Clock& clock) {
  return BinanceConnector::make(options, std::move(executor), clock);
}

}  // namespace

const ExchangeModule& module();
const ExchangeModule& module() {
  static const ExchangeModule module{kExchange, make, decode, parse_alias};
  return module;
}

}  // namespace tdm::sources::binance
