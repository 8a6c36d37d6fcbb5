#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "tdm/core/gap.hpp"           // Gap
#include "tdm/core/instrument.hpp"    // Instrument, Series
#include "tdm/ingest/ingest.hpp"      // Progress, FillReport, store::Resolution
#include "tdm/net/http_client.hpp"    // HttpReply
#include "tdm/query/market_data.hpp"  // Provenance, Coverage, ...

// The documents of the HTTP API and of the holder's socket, read back into values. Pure. A document of another shape is
// corrupt_data that names what was missing.
namespace tdm::remote {

using Json = nlohmann::json;

Result<Json> parse_document(std::string_view text);

// What a reply that is no success means: the problem document's code by name, its parameter, suggestions and
// Retry-After; a body that is none (a proxy's page) is judged by its status.
// `url`: what was asked for, which the error then tells with the answer.
Error error_of(const net::HttpReply& reply, std::string url = {});
Error error_of_document(const Json& problem);
std::optional<ErrorCode> parse_error_code(std::string_view name);

// Calls one of the readers below, which throw when the document is of another shape.
template <class T>
Result<T> read_document(const Json& document, T (*read)(const Json&));

query::Provenance read_provenance(const Json& document);
Gap read_gap(const Json& document);
Instrument read_instrument(const Json& document);
query::SeriesInfo read_series_info(const Json& document);
query::Coverage read_coverage(const Json& document);
query::Estimate read_estimate(const Json& document);
query::ServerInfo read_server_info(const Json& document);
ingest::Progress read_progress(const Json& document);
ingest::FillReport read_report(const Json& document);

std::int64_t read_accepted(const Json& document);
store::Footprint read_footprint(const Json& document);
store::Resolution read_resolution(const Json& document);

// A backfill on the server.
struct Job {
  std::string id, state;  // queued | running | done | failed
  std::int64_t expected = 0, done = 0;
  double eta_seconds = 0;
  std::optional<Error> error;
};
Job read_job(const Json& document);

}  // namespace tdm::remote
