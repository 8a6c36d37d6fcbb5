#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "tdm/core/error.hpp"  // Result

namespace tdm::net::detail {

// Undoes `Content-Encoding: gzip` and `deflate` (with and without the zlib frame) piece by piece. Memory is bounded by
// one output piece; the receiver of the pieces sets the limit of the whole.
class Inflater {
 public:
  using Out = std::function<Result<void>(std::string_view)>;
  enum class Coding { gzip, deflate };

  explicit Inflater(Coding coding);
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // corrupt_data when the bytes are no such stream or go on behind its end; an error of `out` is passed on.
  Result<void> feed(std::string_view bytes, const Out& out);
  // To be asked when no more bytes come: corrupt_data when the stream is not at its end.
  Result<void> finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tdm::net::detail
