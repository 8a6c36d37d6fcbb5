#include <fmt/format.h>

#include "tdm/sources/connector.hpp"                 // ExchangeModule
#include "tdm/sources/deribit/detail/alias.hpp"      // parse_alias
#include "tdm/sources/deribit/detail/connector.hpp"  // DeribitConnector
#include "tdm/sources/deribit/detail/decode.hpp"     // decode
#include "tdm/sources/deribit/detail/protocol.hpp"   // kExchange

namespace tdm::sources::deribit {
namespace {

Result<std::shared_ptr<Connector>> make(const ConnectorOptions& options, asio::any_io_executor executor,
                                        const Clock& clock) {
  return DeribitConnector::make(options, std::move(executor), clock);
}

}  // namespace

const ExchangeModule& module();
const ExchangeModule& module() {
  static const ExchangeModule module{kExchange, make, decode, parse_alias};
  return module;
}

}  // namespace tdm::sources::deribit
