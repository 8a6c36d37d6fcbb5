#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <string>

#include "tdm/sources/connector.hpp"  // Connector

// Coroutines of a connector, run for a thread that waits outside of the executor.
namespace tdm::ingest::detail {

namespace asio = boost::asio;

// Runs `work` on the executor and hands its result to `done` there. The connector lives at least as long.
template <class T, class Done>
void spawn(const asio::any_io_executor& executor, std::shared_ptr<sources::Connector> connector,
           asio::awaitable<Result<T>> work, Done done) {
  asio::co_spawn(
      executor, std::move(work),
      [connector = std::move(connector), done = std::move(done)](const std::exception_ptr& broken, Result<T> result) {
        if (!broken) return done(std::move(result));
        try {
          std::rethrow_exception(broken);
        } catch (const std::exception& e) {
          done(fail(ErrorCode::internal, std::string{"a connector threw: "} + e.what()));
        } catch (...) {
          done(fail(ErrorCode::internal, "a connector threw"));
        }
      });
}

// One page as a coroutine that owns what it needs.
inline asio::awaitable<Result<sources::Page>> fetch_page(std::shared_ptr<sources::Connector> connector, Series series,
                                                         sources::PageRequest request) {
  auto page = co_await connector->fetch(std::move(series), request);
  co_return page;
}

inline asio::awaitable<Result<TimePoint>> ask_time(std::shared_ptr<sources::Connector> connector, std::string market) {
  auto time = co_await connector->market_time(std::move(market));
  co_return time;
}

inline asio::awaitable<Result<std::vector<Instrument>>> ask_instruments(std::shared_ptr<sources::Connector> connector,
                                                                        std::string market) {
  auto instruments = co_await connector->instruments(std::move(market));
  co_return instruments;
}

}  // namespace tdm::ingest::detail
