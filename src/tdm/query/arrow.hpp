#pragma once

#include <memory>

#include "tdm/query/market_data.hpp"  // Answer

namespace arrow {
class RecordBatch;
}

namespace tdm::query {

// The frame of an answer as one Arrow record batch that views its memory and keeps the answer alive: doubles, integers,
// text, times as timestamp[us, UTC]; schema metadata `tdm.provenance` holds the provenance as JSON.
std::shared_ptr<arrow::RecordBatch> to_record_batch(std::shared_ptr<const Answer> answer);

}  // namespace tdm::query
