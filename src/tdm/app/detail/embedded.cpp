#include "tdm/app/detail/embedded.hpp"

#include "tdm/app/detail/shared_filler.hpp"
#include "tdm/app/detail/wiring.hpp"
#include "tdm/query/engine.hpp"   // make_engine
#include "tdm/remote/remote.hpp"  // make_holder_filler

namespace tdm::app::detail {

Result<std::shared_ptr<Embedded>> Embedded::open(config::Config config, const Clock& clock) {
  const std::shared_ptr<Embedded> embedded{new Embedded{std::move(config)}};
  if (auto built = embedded->build(clock); !built) return std::unexpected{std::move(built).error()};
  return embedded;
}

Result<void> Embedded::build(const Clock& clock) {
  auto store = open_store(config_, clock);
  if (!store) return std::unexpected{std::move(store).error()};
  store_ = *std::move(store);
  auto connectors = make_connectors(config_, *store_, io_.get_executor(), clock);
  if (!connectors) return std::unexpected{std::move(connectors).error()};
  auto rules = make_rules(config_);
  if (!rules) return std::unexpected{std::move(rules).error()};

  holder_server_ = std::make_unique<HolderServer>(store_->holder_socket(), [this] { return holder_api(); });
  hub_ = std::make_shared<ingest::WriterHub>(
      store_, [server = holder_server_.get()] { server->hold(); },
      [server = holder_server_.get()] { server->release(); });
  local_ = ingest::make_local_filler(store_, hub_, *connectors, *std::move(rules), clock, io_.get_executor(),
                                     ingest_options(config_));
  auto filler = make_shared_filler(hub_, local_, remote::make_holder_filler(store_->holder_socket()),
                                   config_.limits.lock_timeout);
  data_ = query::make_engine(store_, std::move(filler), *std::move(connectors), clock, engine_options(config_));
  return {};
}

Embedded::~Embedded() {
  holder_server_.reset();  // it uses all the others, and ends what others asked for
  data_.reset();
  local_.reset();
  hub_.reset();
  io_.join();
}

std::shared_ptr<serve::Api> Embedded::holder_api() const {
  serve::ApiOptions options;
  options.environment = config_.environment;
  options.page_rows = config_.limits.page_rows;
  options.read_through_bars = config_.limits.read_through_bars;
  options.holder_routes = true;
  options.filler = local_;
  return std::make_shared<serve::Api>(data_, std::move(options));
}

}  // namespace tdm::app::detail
