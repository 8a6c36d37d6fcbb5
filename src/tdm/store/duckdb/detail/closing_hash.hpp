#pragma once

#include <string>

#include "tdm/core/error.hpp"  // Result

// DuckDB's block checksum is an XOR over words: damage that repeats itself, such as a page of zeros, cancels out and
// may crash it. So whoever closes the database leaves its hash beside it, and whoever opens it compares. After a crash
// there is no hash, and DuckDB's own checks must do.
namespace tdm::store::duckdb::detail {

// corrupt_data when the file is not the one that was closed last. Forgets the hash, durably, so that the file may
// change.
Result<void> take_closing_hash(const std::string& db_path);
// Without it the next opening compares nothing.
Result<void> leave_closing_hash(const std::string& db_path);

}  // namespace tdm::store::duckdb::detail
