#include "sim/request_log.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace tdm::sim {
namespace {

constexpr std::chrono::milliseconds kFlushEvery{50};

std::string quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string line_of(const LogEntry& entry) {
  std::string line = fmt::format(
      R"({{"time_us":{},"exchange_time_ms":{},"exchange":"{}","method":{},"target":{},"status":{})", to_us(entry.at),
      to_ms(entry.exchange_time), entry.exchange, quoted(entry.method), quoted(entry.target), entry.status);
  const auto out = std::back_inserter(line);
  if (entry.code) fmt::format_to(out, R"(,"retCode":{})", *entry.code);
  fmt::format_to(out, R"(,"rows":{})", entry.rows);
  if (entry.first) fmt::format_to(out, R"(,"first":{})", to_ms(*entry.first));
  if (entry.last) fmt::format_to(out, R"(,"last":{})", to_ms(*entry.last));
  if (entry.weight) fmt::format_to(out, R"(,"weight":{})", *entry.weight);
  if (!entry.fault.empty()) fmt::format_to(out, R"(,"fault":{})", quoted(entry.fault));
  fmt::format_to(out, R"(,"connection":{}}})", quoted(entry.connection));
  line.push_back('\n');
  return line;
}

}  // namespace

Result<std::unique_ptr<RequestLog>> RequestLog::open(const std::string& file) {
  std::FILE* const opened = std::fopen(file.c_str(), "we");
  if (opened == nullptr) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: {}", file, std::strerror(errno)), "log");
  }
  return std::unique_ptr<RequestLog>{new RequestLog{opened}};
}

RequestLog::RequestLog(std::FILE* file) : file_{file}, writer_{[this] { write_now_and_then(); }} {}

RequestLog::~RequestLog() {
  {
    const std::scoped_lock lock{mutex_};
    closing_ = true;
  }
  ended_.notify_one();
  writer_.join();
  std::fclose(file_);
}

void RequestLog::add(const LogEntry& entry) {
  const std::string line = line_of(entry);
  const std::scoped_lock lock{mutex_};
  pending_ += line;
}

void RequestLog::write_now_and_then() {
  std::unique_lock lock{mutex_};
  while (true) {
    ended_.wait_for(lock, kFlushEvery, [this] { return closing_; });
    const bool last = closing_;
    const std::string lines = std::exchange(pending_, {});
    lock.unlock();
    if (!lines.empty()) {
      std::fwrite(lines.data(), 1, lines.size(), file_);
      std::fflush(file_);
    }
    if (last) return;
    lock.lock();
  }
}

}  // namespace tdm::sim
