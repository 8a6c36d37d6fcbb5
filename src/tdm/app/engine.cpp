#include "tdm/app/engine.hpp"

#include <cstdlib>

#include "tdm/app/detail/embedded.hpp"
#include "tdm/app/detail/wiring.hpp"
#include "tdm/remote/remote.hpp"  // connect

namespace tdm::app {
namespace {

// A server's address instead of a store.
class Remote final : public Door {
 public:
  Remote(std::shared_ptr<query::MarketData> data, config::Config config)
      : data_{std::move(data)}, config_{std::move(config)} {}
  query::MarketData& data() override { return *data_; }
  const config::Config& config() const override { return config_; }

 private:
  std::shared_ptr<query::MarketData> data_;
  config::Config config_;  // defaults: the server has its own
};

// What was named wins over the environment.
std::optional<std::string> url_of(const OpenOptions& options) {
  if (options.url || options.config_path) return options.url;
  const char* url = std::getenv("TDM_URL");
  return url == nullptr || *url == '\0' ? std::nullopt : std::optional<std::string>{url};
}

Result<std::shared_ptr<Door>> open_remote(std::string url, const OpenOptions& options) {
  remote::RemoteOptions remote_options;
  remote_options.url = std::move(url);
  remote_options.api_key = options.api_key.value_or("");
  remote_options.timeout = options.timeout;
  remote_options.proxy = detail::proxy_of_environment();
  auto data = remote::connect(remote_options);
  if (!data) return std::unexpected{std::move(data).error()};
  return std::make_shared<Remote>(*std::move(data), config::Config{});
}

}  // namespace

Result<std::shared_ptr<Door>> Door::open(const OpenOptions& options) {
  if (auto url = url_of(options)) return open_remote(*std::move(url), options);
  auto config = config::load(options.config_path, config::environment_of_process());
  if (!config) return std::unexpected{std::move(config).error()};
  return open(*std::move(config));
}

Result<std::shared_ptr<Door>> Door::open(config::Config config) {
  auto embedded = detail::Embedded::open(std::move(config));
  if (!embedded) return std::unexpected{std::move(embedded).error()};
  return *std::move(embedded);
}

}  // namespace tdm::app
