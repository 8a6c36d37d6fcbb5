#include "sim/simulator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace tdm::sim {
namespace {

constexpr std::size_t kEndlessBytes = std::size_t{1} << 30U;
constexpr std::size_t kEndlessPiece = std::size_t{1} << 16U;

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

std::string_view reason_of(int status) { return status == 200 ? "OK" : "Error"; }

// The answer as it goes over the wire, of which only a part of the body is sent.
std::string head_and_part(const net::ServerReply& reply, double kept) {
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", reply.status, reason_of(reply.status));
  for (const auto& [name, value] : reply.headers) text += fmt::format("{}: {}\r\n", name, value);
  text += fmt::format("Content-Length: {}\r\n\r\n", reply.body.size());
  text +=
      std::string_view{reply.body}.substr(0, static_cast<std::size_t>(static_cast<double>(reply.body.size()) * kept));
  return text;
}

std::string_view content_type(StatusFault::Body body) {
  switch (body) {
    case StatusFault::Body::empty:
    case StatusFault::Body::text: return "text/plain";
    case StatusFault::Body::html: return "text/html";
    case StatusFault::Body::json: return "application/json";
  }
  return "text/plain";
}

std::string error_body(const StatusFault& fault, const SimulatedExchange& exchange, TimePoint now) {
  switch (fault.body) {
    case StatusFault::Body::empty: return {};
    case StatusFault::Body::text: return fault.status == 403 ? "403, access too frequent" : "error";
    case StatusFault::Body::html:
      return fmt::format("<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>\n",
                         fault.status);
    case StatusFault::Body::json: return exchange.error_body(fault, now);
  }
  return {};
}

Answer status_answer(const StatusFault& fault, const SimulatedExchange& exchange, TimePoint now) {
  Answer answer;
  answer.reply.status = fault.status;
  answer.reply.headers = {{"Content-Type", std::string{content_type(fault.body)}}};
  if (fault.retry_after) answer.reply.headers.emplace_back("Retry-After", *fault.retry_after);
  answer.reply.body = error_body(fault, exchange, now);
  return answer;
}

// The right beginning of a body that then never ends.
void make_endless(net::ServerReply& reply) {
  reply.next_piece = [beginning = std::move(reply.body),
                      sent = std::size_t{0}]() mutable -> std::optional<std::string> {
    if (sent >= kEndlessBytes) return std::nullopt;
    std::string piece = sent == 0 ? beginning : std::string(kEndlessPiece, ' ');
    if (piece.empty()) piece.assign(kEndlessPiece, ' ');
    sent += piece.size();
    return piece;
  };
  reply.body.clear();
}

void close_without_answer(net::ServerReply& reply, bool reset, std::chrono::milliseconds after) {
  reply.raw_bytes = std::string{};
  reply.reset_after = reset;
  reply.delay = after;
}

// The faults below an exchange's own way of writing. False: it is not one of them.
bool spoil_transport(Answer& answer, const FaultPlan::Choice& choice, FaultPlan& plan,
                     const SimulatedExchange& exchange, TimePoint now) {
  net::ServerReply& reply = answer.reply;
  return std::visit(Overloaded{[&](const StatusFault& fault) {
                                 answer = status_answer(fault, exchange, now);
                                 return true;
                               },
                               [&](const CutFault& fault) {
                                 reply.raw_bytes = head_and_part(reply, fault.kept);
                                 return true;
                               },
                               [&](const EndlessFault&) {
                                 make_endless(reply);
                                 return true;
                               },
                               [&](const StallFault& fault) {
                                 close_without_answer(reply, false, fault.time);
                                 return true;
                               },
                               [&](const ResetFault&) {
                                 close_without_answer(reply, true, {});
                                 return true;
                               },
                               [&](const DelayFault& fault) {
                                 reply.delay = fault.time;
                                 return true;
                               },
                               [&](const SamePageFault&) {
                                 reply.body = plan.first_body(choice.rule, reply.body);
                                 return true;
                               },
                               [&](const SkewFault&) { return true; },  // took effect before the answer was made
                               [](const auto&) { return false; }},
                    *choice.fault);
}

// "/bybit/v5/x" -> "/v5/x" when the exchange is bybit.
std::optional<std::string_view> path_within(std::string_view path, std::string_view exchange) {
  if (!path.starts_with('/') || !path.substr(1).starts_with(exchange)) return std::nullopt;
  const std::string_view rest = path.substr(1 + exchange.size());
  return rest.empty() || rest.starts_with('/') ? std::optional{rest} : std::nullopt;
}

}  // namespace

Simulator::Simulator(std::vector<std::unique_ptr<SimulatedExchange>> exchanges, const ExchangeClock& clock,
                     const Clock& host, FaultPlan& plan, RequestLog* log)
    : exchanges_{std::move(exchanges)}, clock_{clock}, host_{host}, plan_{plan}, log_{log} {}

net::ServerReply Simulator::reply(const net::ServerRequest& request) {
  const TimePoint now = clock_.now();
  LogEntry entry{.at = host_.now(),
                 .exchange_time = now,
                 .exchange = {},
                 .method = request.method,
                 .target = request.target,
                 .connection = request.peer};
  Answer answer;
  answer.reply.status = 404;
  answer.reply.headers = {{"Content-Type", "text/plain"}};
  answer.reply.body = "no such exchange";
  for (const auto& exchange : exchanges_) {
    const auto path = path_within(request.path, exchange->name());
    if (!path) continue;
    entry.exchange = exchange->name();
    const double elapsed_s = std::chrono::duration<double>(clock_.elapsed()).count();
    const auto choice = plan_.choose(exchange->name(), *path, request, now, elapsed_s);
    const auto* skew = choice ? std::get_if<SkewFault>(choice->fault) : nullptr;
    answer = exchange->answer(request, *path, skew != nullptr ? now + skew->by : now);
    if (!choice) break;
    if (spoil_transport(answer, *choice, plan_, *exchange, now) || exchange->spoil(answer, *choice->fault, now)) {
      entry.fault = choice->label;
    } else {
      plan_.give_back(choice->rule);
    }
    break;
  }
  entry.status = answer.reply.raw_bytes && answer.reply.raw_bytes->empty() ? 0 : answer.reply.status;
  entry.code = answer.code;
  entry.rows = answer.rows;
  entry.first = answer.first;
  entry.last = answer.last;
  entry.weight = answer.weight;
  if (log_ != nullptr) log_->add(entry);
  return std::move(answer.reply);
}

std::vector<std::string_view> Simulator::exchange_names() const {
  std::vector<std::string_view> names;
  names.reserve(exchanges_.size());
  for (const auto& exchange : exchanges_) names.push_back(exchange->name());
  return names;
}

}  // namespace tdm::sim
