#pragma once

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "tdm/core/error.hpp"  // Result
#include "tdm/core/time.hpp"   // TimePoint

namespace tdm::sim {

// What was asked and what was answered.
struct LogEntry {
  TimePoint at;             // the host's time
  TimePoint exchange_time;  // the simulated one
  std::string_view exchange, method, target, connection;
  int status = 0;
  std::optional<int> code{};
  std::int64_t rows = 0;
  std::optional<TimePoint> first{}, last{};
  std::optional<std::int64_t> weight{};
  std::string_view fault{};  // empty: the answer was right
};

// One JSON object a line, in the order of answering; written at least every 100 ms and when closed. Safe from several
// threads.
class RequestLog {
 public:
  static Result<std::unique_ptr<RequestLog>> open(const std::string& file);
  ~RequestLog();
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  void add(const LogEntry& entry);

 private:
  explicit RequestLog(std::FILE* file);
  void write_now_and_then();

  std::FILE* file_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::string pending_;
  bool closing_ = false;
  std::thread writer_;
};

}  // namespace tdm::sim
