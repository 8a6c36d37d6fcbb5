#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/error.hpp"       // Result
#include "tdm/net/http_server.hpp"  // ServerRequest, ServerReply

namespace tdm::serve {

// What a query parameter may be. The same entry parses it and describes it in /openapi.json.
struct Parameter {
  enum class Kind : std::uint8_t { text, integer, number, word, time, flag };

  std::string_view name;
  Kind kind = Kind::text;
  std::string_view meaning;
  bool required = false;
  bool repeated = false;                  // may be given up to kRepeats times
  std::vector<std::string_view> words{};  // of Kind::word
  std::int64_t minimum = 0, maximum = 0;  // of Kind::integer; text: of its length when maximum > 0
  std::string_view pattern{};             // of Kind::text, ECMAScript; what `accepts` tells
  bool (*accepts)(std::string_view) = nullptr;
  std::string_view example{};
};

inline constexpr std::size_t kRepeats = 100;

// How a series is written, for the description; Series::parse judges.
inline constexpr std::string_view kSeriesPattern =
    R"(^[a-z][a-z0-9]{0,15}\.[a-z][a-z0-9]{0,15}\.[A-Za-z0-9_+-]{1,64}(:(last|mark|index|premium))?)"
    R"(@(1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|1w|1M)$)";

// The parameters of one call, each of them valid by itself.
class Arguments {
 public:
  // Unknown, repeated, missing and wrong ones are invalid_argument naming the parameter and what was expected.
  static Result<Arguments> parse(const std::vector<Parameter>& known, const net::ServerRequest& request);

  std::optional<std::string> text(std::string_view name) const;
  std::string required(std::string_view name) const { return text(name).value_or(std::string{}); }
  std::optional<std::int64_t> integer(std::string_view name) const;
  std::optional<double> number(std::string_view name) const;
  bool flag(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

struct Call {
  const net::ServerRequest& request;
  Arguments arguments;
  std::string path_argument;  // what {id} stands for
  std::string request_id;
};

// A schema of /openapi.json by name; the texts stand in openapi.cpp.
struct Answer {
  int status;
  std::string_view content_type;
  std::string_view schema;  // name of a component, or "" for text
};

struct Route {
  std::string_view method;
  std::string_view path;  // one {name} at most, as a whole segment at the end
  std::string_view summary;
  std::vector<Parameter> parameters{};
  std::string_view body_schema{};  // name of a component when the method takes a JSON body
  std::vector<Answer> answers{};
  std::vector<ErrorCode> errors{};  // which problems it can answer with
  std::function<Result<net::ServerReply>(const Call&)> handle{};
};

struct Match {
  const Route* route = nullptr;
  std::string path_argument{};
  std::string allowed{};  // methods of the path, when the path exists and the method does not
};
Match find_route(const std::vector<Route>& routes, std::string_view method, std::string_view path);

}  // namespace tdm::serve
