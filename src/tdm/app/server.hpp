#pragma once

#include <functional>
#include <stop_token>

#include "tdm/config/config.hpp"  // Config

namespace tdm::app {

// `tdm serve`: holds the store's lock, serves the API on api.host:api.port and keeps `collect` up to date until `stop`;
// then lets requests in flight end and returns within ten seconds. `on_listening` is told the port.
Result<void> run_server(config::Config config, const std::stop_token& stop,
                        const std::function<void(std::uint16_t port)>& on_listening = {});

}  // namespace tdm::app
