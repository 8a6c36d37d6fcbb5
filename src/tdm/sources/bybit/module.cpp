#include <fmt/format.h>

#include "tdm/sources/bybit/detail/alias.hpp"      // parse_alias
#include "tdm/sources/bybit/detail/connector.hpp"  // BybitConnector
#include "tdm/sources/bybit/detail/decode.hpp"     // decode
#include "tdm/sources/bybit/detail/protocol.hpp"   // kExchange
#include "tdm/sources/connector.hpp"               // ExchangeModule

namespace tdm::sources::bybit {
namespace {

Result<std::shared_ptr<Connector>> make(const ConnectorOptions& options, asio::any_io_executor executor,
                                        const Clock& clock) {
  return BybitConnector::make(options, std::move(executor), clock);
}

}  // namespace

const ExchangeModule& module();
const ExchangeModule& module() {
  static const ExchangeModule module{kExchange, make, decode, parse_alias};
  return module;
}

}  // namespace tdm::sources::bybit
