#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <optional>

#include "tdm/net/http_client.hpp"

namespace tdm::net {

// The coroutine client on a loop that runs in the caller's thread while a call lasts.
struct BlockingHttpClient::Impl {
  Impl(Url for_all, HttpClientOptions options)
      : base{std::move(for_all)}, client{loop.get_executor(), one(std::move(options))} {}

  static HttpClientOptions one(HttpClientOptions options) {
    options.connections_per_origin = 1;
    return options;
  }

  Result<HttpReply> run(HttpRequest request, OnPiece on_piece, const std::stop_token& stop) {
    if (request.base.scheme.empty()) request.base = base;
    std::optional<Result<HttpReply>> reply;
    std::exception_ptr thrown;
    const auto cancel = std::make_shared<asio::cancellation_signal>();
    auto done = [&](std::exception_ptr error, Result<HttpReply> result) {
      thrown = std::move(error);
      reply = std::move(result);
    };
    auto work = client.send_streaming(std::move(request), std::move(on_piece));
    asio::co_spawn(loop, std::move(work), asio::bind_cancellation_slot(cancel->slot(), std::move(done)));
    const std::stop_callback stopped{
        stop, [&] { asio::post(loop, [cancel] { cancel->emit(asio::cancellation_type::terminal); }); }};
    // Not run(): a resolver that was given up may still be at work in its thread.
    loop.restart();
    while (!reply) loop.run_one();
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*reply);
  }

  asio::io_context loop{1};
  Url base;
  HttpClient client;
};

BlockingHttpClient::BlockingHttpClient(Url base, HttpClientOptions options)
    : impl_{std::make_unique<Impl>(std::move(base), std::move(options))} {}
BlockingHttpClient::~BlockingHttpClient() = default;

Result<HttpReply> BlockingHttpClient::send(HttpRequest request, std::stop_token stop) {
  return impl_->run(std::move(request), {}, stop);
}

Result<HttpReply> BlockingHttpClient::send_streaming(HttpRequest request, OnPiece on_piece, std::stop_token stop) {
  return impl_->run(std::move(request), std::move(on_piece), stop);
}

}  // namespace tdm::net
