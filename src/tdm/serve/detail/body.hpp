#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "tdm/core/error.hpp"       // Result
#include "tdm/net/http_server.hpp"  // ServerRequest, ServerReply

namespace tdm::serve {

using Json = nlohmann::ordered_json;

// The JSON object that a request carries; each field is asked for by name and type, and unknown ones are refused.
class Body {
 public:
  static Result<Body> parse(const net::ServerRequest& request, std::initializer_list<std::string_view> known);

  Result<std::string> text(std::string_view name) const;
  Result<std::optional<std::string>> optional_text(std::string_view name) const;  // an integer is taken as its text
  Result<std::int64_t> integer(std::string_view name) const;
  Result<bool> flag(std::string_view name) const;
  Result<std::optional<std::int64_t>> optional_integer(std::string_view name) const;
  Result<const Json*> object(std::string_view name) const;

 private:
  explicit Body(Json object) : object_(std::move(object)) {}
  Json object_;
};

net::ServerReply json_reply(const Json& document, int status = 200);

}  // namespace tdm::serve
