#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <utility>

#include "tdm/serve/detail/bars.hpp"
#include "tdm/serve/detail/body.hpp"
#include "tdm/serve/detail/holder.hpp"
#include "tdm/serve/detail/jobs.hpp"
#include "tdm/serve/detail/openapi.hpp"
#include "tdm/serve/detail/problem.hpp"
#include "tdm/serve/detail/route.hpp"
#include "tdm/serve/detail/routes.hpp"
#include "tdm/serve/serve.hpp"
#include "tdm/telemetry/log.hpp"      // log
#include "tdm/telemetry/metrics.hpp"  // counter, histogram

namespace tdm::serve {
namespace {

using Clock = std::chrono::steady_clock;

bool is_request_id(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  return !text.empty() && text.size() <= kLongest && std::ranges::all_of(text, [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           letter == '-' || letter == '_' || letter == '.';
  });
}

// Unique among servers: a random beginning per process, then a count.
std::string next_request_id() {
  static const std::uint32_t process = std::random_device{}();
  static std::atomic<std::uint64_t> count{0};
  return fmt::format("{:08x}-{:x}", process, ++count);
}

std::string request_id_of(const net::ServerRequest& request) {
  const auto given = net::find_header(request.headers, "X-Request-Id");
  return given && is_request_id(*given) ? std::string{*given} : next_request_id();
}

void account(const net::ServerRequest& request, std::string_view route, int status, double seconds,
             std::string_view request_id) {
  const telemetry::Labels labels{{"route", std::string{route}}};
  telemetry::counter("tdm_http_requests_total", "Requests answered",
                     {{"route", std::string{route}}, {"status", std::to_string(status)}})
      .add();
  telemetry::histogram("tdm_http_request_seconds", "From request to reply, without sending", labels).observe(seconds);
  if (telemetry::log_level() > telemetry::Level::info) return;
  telemetry::log(telemetry::Level::info, "request",
                 {{"method", std::string_view{request.method}},
                  {"path", std::string_view{request.path}},
                  {"status", std::int64_t{status}},
                  {"ms", seconds * 1000},
                  {"peer", std::string_view{request.peer}},
                  {"request_id", request_id}});
}

}  // namespace

struct Api::Impl {
  Impl(std::shared_ptr<query::MarketData> data, ApiOptions given)
      : options{std::move(given)},
        jobs{std::make_shared<Jobs>(data, options.backfills_running, options.backfills_kept)} {
    const auto info = data->info();
    routes = public_routes(std::move(data), jobs, options, stopping.get_token());
    description = make_openapi(routes, info ? info->version : "0");
    add_description_routes();
    if (options.holder_routes)
      for (auto& route : holder_routes(options.filler)) routes.push_back(std::move(route));
  }

  void add_description_routes() {
    Route openapi;
    openapi.method = "GET";
    openapi.path = "/openapi.json";
    openapi.handle = [this](const Call&) -> Result<net::ServerReply> {
      net::ServerReply reply;
      reply.headers.emplace_back("Content-Type", "application/json");
      reply.body = description;
      return reply;
    };
    Route docs;
    docs.method = "GET";
    docs.path = "/docs";
    docs.handle = [](const Call&) -> Result<net::ServerReply> {
      net::ServerReply reply;
      reply.headers.emplace_back("Content-Type", "text/html; charset=utf-8");
      reply.body = docs_page();
      return reply;
    };
    routes.push_back(std::move(openapi));
    routes.push_back(std::move(docs));
  }

  ProblemContext context(std::string_view request_id) const { return {request_id, options.hide_error_details}; }

  net::ServerReply call(const Route& route, const net::ServerRequest& request, std::string path_argument,
                        const std::string& request_id) {
    auto arguments = Arguments::parse(route.parameters, request);
    if (!arguments) return problem(arguments.error(), context(request_id));
    const Call call{request, *std::move(arguments), std::move(path_argument), request_id};
    auto reply = route.handle(call);
    if (reply) return *std::move(reply);
    if (status_of(reply.error().code) == 500)
      telemetry::log(
          telemetry::Level::error, "request_failed",
          {{"request_id", std::string_view{request_id}}, {"error", std::string_view{reply.error().message}}});
    return problem(reply.error(), context(request_id));
  }

  net::ServerReply dispatch(const net::ServerRequest& request, std::string_view& route_name,
                            const std::string& request_id) {
    auto match = find_route(routes, request.method, request.path);
    if (match.route != nullptr) {
      route_name = match.route->path;
      return call(*match.route, request, std::move(match.path_argument), request_id);
    }
    if (match.allowed.empty())
      return problem(Error{ErrorCode::not_found, fmt::format("there is no {}; see /docs", request.path), {}, {}, {}},
                     context(request_id));
    auto reply = problem(405, ErrorCode::invalid_argument,
                         fmt::format("{} is not for {}; it takes {}", request.method, request.path, match.allowed),
                         context(request_id));
    reply.headers.emplace_back("Allow", match.allowed);
    return reply;
  }

  ApiOptions options;
  std::stop_source stopping;
  std::shared_ptr<Jobs> jobs;
  std::vector<Route> routes;
  std::string description;
};

Api::Api(std::shared_ptr<query::MarketData> data, ApiOptions options)
    : impl_{std::make_unique<Impl>(std::move(data), std::move(options))} {}

Api::~Api() { stop(); }

net::ServerReply Api::handle(const net::ServerRequest& request) {
  const auto begun = Clock::now();
  const auto request_id = request_id_of(request);
  std::string_view route = "none";
  auto reply = [&]() -> net::ServerReply {
    try {
      return impl_->dispatch(request, route, request_id);
    } catch (const std::exception& error) {
      // A defect of ours must cost one request and not the server.
      telemetry::log(telemetry::Level::error, "request_threw",
                     {{"request_id", std::string_view{request_id}}, {"error", std::string_view{error.what()}}});
      return problem(Error{ErrorCode::internal, error.what(), {}, {}, {}}, impl_->context(request_id));
    }
  }();
  reply.headers.emplace_back("X-Request-Id", request_id);
  account(request, route, reply.status, std::chrono::duration<double>(Clock::now() - begun).count(), request_id);
  return reply;
}

net::ServerReply Api::refuse(int status, std::string_view detail) {
  const auto request_id = next_request_id();
  const auto code = status >= 500 ? ErrorCode::unavailable : ErrorCode::invalid_argument;
  auto reply = problem(status, code, detail, impl_->context(request_id));
  reply.headers.emplace_back("X-Request-Id", request_id);
  return reply;
}

std::string Api::openapi() const { return impl_->description; }

void Api::stop() {
  impl_->stopping.request_stop();
  impl_->jobs->stop();
}

}  // namespace tdm::serve
