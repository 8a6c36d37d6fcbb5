#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tdm/config/config.hpp"
#include "tdm/core/clock.hpp"
#include "tdm/ingest/ingest.hpp"   // Connectors, IngestOptions
#include "tdm/query/engine.hpp"    // EngineOptions
#include "tdm/store/store.hpp"     // Store
#include "tdm/validate/rules.hpp"  // RuleSet

// The configuration as what each room wants. Every mistake that only the rooms can see is a configuration error at the
// place of its key.
namespace tdm::app::detail {

Result<std::shared_ptr<store::Store>> open_store(const config::Config& config, const Clock& clock);

// One connector per exchange that is built in, whether the configuration speaks of it or not. A section of another
// exchange is logged once per process and otherwise ignored.
Result<ingest::Connectors> make_connectors(const config::Config& config, const store::Store& store,
                                           const boost::asio::any_io_executor& executor, const Clock& clock);

Result<validate::RuleSet> make_rules(const config::Config& config);
ingest::IngestOptions ingest_options(const config::Config& config);
query::EngineOptions engine_options(const config::Config& config);

// HTTPS_PROXY, spelled in upper or in lower case, as by curl.
std::optional<std::string> proxy_of_environment();

std::vector<std::string> exchange_names();
std::vector<std::string> backend_names();

}  // namespace tdm::app::detail
