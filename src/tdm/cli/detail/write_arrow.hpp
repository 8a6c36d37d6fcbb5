#pragma once

#include <memory>
#include <ostream>

#include "tdm/query/market_data.hpp"  // Answer

namespace tdm::cli::detail {

// Arrow alone in a source of its own: its headers are the slowest to compile.
Result<void> write_arrow_stream(const std::shared_ptr<const query::Answer>& answer, std::ostream& out);
Result<void> write_feather(const std::shared_ptr<const query::Answer>& answer, std::ostream& out);
Result<void> write_parquet(const std::shared_ptr<const query::Answer>& answer, std::ostream& out);

}  // namespace tdm::cli::detail
