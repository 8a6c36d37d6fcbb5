#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "tdm/net/http_client.hpp"

namespace tdm::net {

namespace {

char lower(char c) { return 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

bool is_alphanumeric(char c) { return ('0' <= c && c <= '9') || ('a' <= lower(c) && lower(c) <= 'z'); }

std::unexpected<Error> refuse(std::string_view parameter, std::string_view text, std::string_view reason) {
  return fail(ErrorCode::invalid_argument,
              std::string{parameter} + ": '" + std::string{text} + "' is no URL we can use: " + std::string{reason},
              std::string{parameter});
}

std::uint16_t default_port(std::string_view scheme) {
  return static_cast<std::uint16_t>(scheme == "https" ? 443 : scheme == "http" ? 80 : 0);
}

// Splits "host", "host:port" and "[v6]:port"; the port's text is empty when there is none.
bool split_authority(std::string_view authority, std::string_view& host, std::string_view& port) {
  port = {};
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return false;
    host = authority.substr(1, close - 1);
    const auto rest = authority.substr(close + 1);
    if (rest.empty()) return true;
    port = rest.substr(1);
    return rest.front() == ':' && !port.empty();
  }
  const auto colon = authority.find(':');
  host = authority.substr(0, colon);
  if (colon == std::string_view::npos) return true;
  port = authority.substr(colon + 1);
  return !port.empty();
}

}  // namespace

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (equal_ignoring_case(key, name)) return value;
  return std::nullopt;
}

Result<Url> Url::parse(std::string_view text, std::string_view parameter) {
  const auto unusable = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; };
  if (std::ranges::any_of(text, unusable)) return refuse(parameter, text, "it holds spaces or control characters");

  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return refuse(parameter, text, "it must begin with http://, https:// or unix:/");
  Url url;
  std::ranges::transform(text.substr(0, colon), std::back_inserter(url.scheme), lower);
  auto rest = text.substr(colon + 1);

  if (url.scheme == "unix") {
    if (rest.starts_with("//")) rest.remove_prefix(2);
    if (!rest.starts_with('/') || rest.size() < 2) return refuse(parameter, text, "unix: needs an absolute path");
    url.host = rest;
    return url;
  }
  if (url.scheme != "http" && url.scheme != "https")
    return refuse(parameter, text, "it must begin with http://, https:// or unix:/");
  if (!rest.starts_with("//")) return refuse(parameter, text, "'//' must follow the scheme");
  rest.remove_prefix(2);
  if (rest.find_first_of("?#") != std::string_view::npos)
    return refuse(parameter, text, "a base URL has no query and no fragment");

  const auto slash = rest.find('/');
  const auto authority = rest.substr(0, slash);
  if (authority.contains('@')) return refuse(parameter, text, "user names and passwords do not belong in it");
  std::string_view host, port;
  if (!split_authority(authority, host, port) || host.empty()) return refuse(parameter, text, "it names no host");
  const bool v6 = authority.starts_with('[');
  const auto allowed = [v6](char c) {
    return is_alphanumeric(c) || c == '.' || (v6 ? c == ':' || c == '%' : c == '-' || c == '_');
  };
  if (!std::ranges::all_of(host, allowed)) return refuse(parameter, text, "the host holds characters that no host has");
  std::ranges::transform(host, std::back_inserter(url.host), lower);

  url.port = default_port(url.scheme);
  if (!port.empty()) {
    const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (failed != std::errc{} || end != port.data() + port.size() || url.port == 0)
      return refuse(parameter, text, "the port must be a number from 1 to 65535");
  }
  if (slash != std::string_view::npos) url.path = rest.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  return url;
}

std::string Url::origin() const {
  if (scheme == "unix") return "unix:" + host;
  std::string text = scheme + "://" + (host.contains(':') ? "[" + host + "]" : host);
  if (port != default_port(scheme)) text += ":" + std::to_string(port);
  return text;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

}  // namespace tdm::net
