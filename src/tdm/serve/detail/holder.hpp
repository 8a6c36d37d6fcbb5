#pragma once

#include <memory>
#include <vector>

#include "tdm/ingest/ingest.hpp"       // Filler
#include "tdm/serve/detail/route.hpp"  // Route

namespace tdm::serve {

// The routes of the store holder's socket: what only the holder of the lock may do, asked for by other processes of the
// same user. They are in no OpenAPI description.
//
//   POST /holder/v1/fill                 {series, start_ms, end_ms, to_now} -> application/x-ndjson: lines of
//                                        {"progress":{…}}, the last one {"report":{…}} or {"error":{…}}
//   POST /holder/v1/refresh_instruments  {exchange, market, max_age_s} -> {}
//   POST /holder/v1/remember             {exchange, symbol, instrument, decided_at_us} -> the stored one
//   POST /holder/v1/accept_gaps          {series, start_ms, end_ms, reason} -> {"accepted":N}
//   POST /holder/v1/import               {series, after_us, quote_volume, rows} -> lines as of a fill. Rows by column:
//                                        open_time_us integers, the others texts or null; one that is absent is null
//   POST /holder/v1/remove               {series, with_raw} -> {rows, bytes, raw_rows, raw_bytes}: what went
std::vector<Route> holder_routes(std::shared_ptr<ingest::Filler> filler);

}  // namespace tdm::serve
