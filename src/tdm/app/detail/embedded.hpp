#pragma once

#include <boost/asio/thread_pool.hpp>
#include <memory>

#include "tdm/app/detail/holder_server.hpp"
#include "tdm/app/engine.hpp"     // Door
#include "tdm/ingest/ingest.hpp"  // WriterHub, Filler
#include "tdm/store/store.hpp"    // Store

namespace tdm::app::detail {

// All rooms of one store in this process. Opening it reads the configuration and nothing else: the store's files, the
// database and the network are touched when a call needs them.
class Embedded final : public Door {
 public:
  static Result<std::shared_ptr<Embedded>> open(config::Config config, const Clock& clock = system_clock());
  ~Embedded() override;

  query::MarketData& data() override { return *data_; }
  const config::Config& config() const override { return config_; }

  std::shared_ptr<query::MarketData> shared_data() const { return data_; }
  ingest::WriterHub& hub() { return *hub_; }
  // What other processes asked of this one is cut off; they wait for the lock.
  void stop_listening() { holder_server_->release(); }

 private:
  explicit Embedded(config::Config config) : config_{std::move(config)} {}
  Result<void> build(const Clock& clock);
  std::shared_ptr<serve::Api> holder_api() const;

  const config::Config config_;
  boost::asio::thread_pool io_{kIoThreads};
  std::shared_ptr<store::Store> store_;
  std::unique_ptr<HolderServer> holder_server_;
  std::shared_ptr<ingest::WriterHub> hub_;
  std::shared_ptr<ingest::Filler> local_;
  std::shared_ptr<query::MarketData> data_;

  // The connectors' coroutines wait more than they compute.
  static constexpr std::size_t kIoThreads = 2;
};

}  // namespace tdm::app::detail
