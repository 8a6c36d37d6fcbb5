#pragma once

#include <string>

#include "tdm/core/error.hpp"  // Result

namespace tdm::net::detail {

// The name under which a unix socket can be bound or reached: a path of any length, although the kernel's address holds
// 107 bytes. A longer one is named through its folder's descriptor, which lives as long as this does.
class UnixPath {
 public:
  static Result<UnixPath> make(const std::string& path);
  UnixPath(UnixPath&& other) noexcept;
  UnixPath& operator=(UnixPath&&) = delete;
  ~UnixPath();

  const std::string& text() const { return text_; }

 private:
  explicit UnixPath(std::string text, int directory) : text_{std::move(text)}, directory_{directory} {}
  std::string text_;
  int directory_ = -1;
};

}  // namespace tdm::net::detail
