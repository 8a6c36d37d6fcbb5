#include "tdm/serve/detail/openapi.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tdm/serve/detail/problem.hpp"  // status_of

namespace tdm::serve {
namespace {

using Json = nlohmann::ordered_json;

Json ref(std::string_view name) { return {{"$ref", "#/components/schemas/" + std::string{name}}}; }
Json nullable(std::string_view type) { return {{"type", Json::array({type, "null"})}}; }
Json list_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }
Json object(Json properties) {
  Json required = Json::array();
  for (const auto& [name, schema] : properties.items()) required.push_back(name);
  return {{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
}
Json integer() { return {{"type", "integer"}}; }
Json text() { return {{"type", "string"}}; }
Json number() { return {{"type", "number"}}; }

// A bound of a range as users write it. Integers nearer to 1970 would be seconds, larger ones microseconds.
Json time_schema() {
  constexpr std::int64_t kLeast = 100'000'000'000, kMost = 100'000'000'000'000;
  return {{"anyOf",
           Json::array({Json{{"type", "string"}, {"format", "date"}}, Json{{"type", "string"}, {"format", "date-time"}},
                        Json{{"type", "integer"}, {"minimum", kLeast}, {"maximum", kMost}},
                        Json{{"type", "integer"}, {"minimum", -kMost}, {"maximum", -kLeast}}})}};
}

Json page(std::string_view name, Json items) {
  Json properties;
  properties[std::string{name}] = list_of(std::move(items));
  properties["next_cursor"] = nullable("string");
  return object(std::move(properties));
}

Json schemas() {
  Json all;
  all["Problem"] = object({{"type", text()},
                           {"title", text()},
                           {"status", integer()},
                           {"detail", text()},
                           {"code", text()},
                           {"parameter", nullable("string")},
                           {"suggestions", list_of(text())},
                           {"request_id", text()}});
  all["Gap"] = object({{"id", integer()},
                       {"series", text()},
                       {"start", integer()},
                       {"end", integer()},
                       {"bars", integer()},
                       {"cause", text()},
                       {"evidence", text()},
                       {"state", {{"enum", Json::array({"open", "accounted", "closed"})}}},
                       {"first_look", nullable("integer")},
                       {"last_look", nullable("integer")},
                       {"looks", integer()}});
  all["Bars"] = object({{"series", object({{"exchange", text()},
                                           {"market", text()},
                                           {"symbol", text()},
                                           {"price_kind", text()},
                                           {"timeframe", text()}})},
                        {"range", object({{"start", integer()}, {"end", integer()}})},
                        {"provenance", {{"type", "object"}}},
                        {"columns", list_of(text())},
                        {"data", {{"type", Json::array({"array", "object"})}}},
                        {"next_cursor", nullable("string")}});
  all["Instrument"] = object({{"name", text()},
                              {"exchange", text()},
                              {"market", text()},
                              {"symbol", text()},
                              {"base", text()},
                              {"quote", text()},
                              {"settle", text()},
                              {"contract_type", text()},
                              {"status", text()},
                              {"active", {{"type", "boolean"}}},
                              {"tick_size", text()},
                              {"lot_size", text()},
                              {"contract_size", text()},
                              {"launch_time", nullable("integer")},
                              {"delivery_time", nullable("integer")},
                              {"valid_from", nullable("integer")},
                              {"valid_to", nullable("integer")}});
  all["Instruments"] = page("instruments", ref("Instrument"));
  all["SeriesList"] = page("series", object({{"series", text()},
                                             {"first", nullable("integer")},
                                             {"last", nullable("integer")},
                                             {"watermark", nullable("integer")},
                                             {"rows", integer()},
                                             {"bytes", integer()},
                                             {"gaps", integer()}}));
  all["CoverageList"] = page("coverage", object({{"series", text()},
                                                 {"first", nullable("integer")},
                                                 {"last", nullable("integer")},
                                                 {"watermark", nullable("integer")},
                                                 {"expected", integer()},
                                                 {"present", integer()},
                                                 {"confirmed", integer()},
                                                 {"gap_count", integer()}}));
  all["GapList"] = page("gaps", ref("Gap"));
  all["Estimate"] = object({{"series", text()},
                            {"start", integer()},
                            {"end", integer()},
                            {"bars", integer()},
                            {"missing_bars", integer()},
                            {"requests", integer()},
                            {"bytes", integer()},
                            {"seconds", number()},
                            {"archive_files", integer()},
                            {"archive_bars", integer()}});
  all["Backfill"] = object({{"id", text()},
                            {"state", {{"enum", Json::array({"queued", "running", "done", "failed"})}}},
                            {"expected", integer()},
                            {"done", integer()},
                            {"eta_s", number()},
                            {"error", {{"anyOf", Json::array({ref("Problem"), Json{{"type", "null"}}})}}}});
  Json request{{"type", "object"}, {"additionalProperties", false}, {"required", Json::array({"series"})}};
  request["properties"] = {{"series", {{"type", "string"}, {"pattern", kSeriesPattern}, {"maxLength", 256}}},
                           {"start", {{"anyOf", Json::array({time_schema(), Json{{"type", "null"}}})}}},
                           {"end", {{"anyOf", Json::array({time_schema(), Json{{"type", "null"}}})}}}};
  request["example"] = {{"series", "bybit.linear.BTCUSDT@1h"}, {"start", "2023-01-01"}, {"end", "2023-01-31"}};
  all["BackfillRequest"] = std::move(request);
  Json accept{
      {"type", "object"}, {"additionalProperties", false}, {"required", Json::array({"series", "range", "reason"})}};
  for (const auto* name : {"range", "reason"})
    accept["properties"][name] = {{"type", "string"}, {"minLength", 1}, {"maxLength", 1024}};
  accept["properties"]["series"] = {{"type", "string"}, {"pattern", kSeriesPattern}, {"maxLength", 256}};
  all["AcceptRequest"] = std::move(accept);
  all["Accepted"] = object({{"accepted", integer()}});
  all["Info"] = object(
      {{"version", text()}, {"environment", text()}, {"exchanges", list_of(text())}, {"backends", list_of(text())}});
  all["Health"] = object({{"status", text()}, {"version", text()}, {"environment", text()}});
  all["Status"] = object({{"status", text()}});
  all["OpenApi"] = {{"type", "object"}};
  return all;
}

Json schema_of(const Parameter& parameter) {
  switch (parameter.kind) {
    case Parameter::Kind::integer:
      return {{"type", "integer"}, {"minimum", parameter.minimum}, {"maximum", parameter.maximum}};
    case Parameter::Kind::number:
      return {{"type", "number"}, {"minimum", parameter.minimum}, {"maximum", parameter.maximum}};
    case Parameter::Kind::word: return {{"type", "string"}, {"enum", parameter.words}};
    case Parameter::Kind::flag: return {{"type", "boolean"}};
    case Parameter::Kind::time: return time_schema();
    case Parameter::Kind::text: {
      Json schema{{"type", "string"}, {"minLength", 1}, {"maxLength", parameter.maximum > 0 ? parameter.maximum : 256}};
      if (!parameter.pattern.empty()) schema["pattern"] = parameter.pattern;
      return schema;
    }
  }
  std::abort();  // not a kind at all: memory is corrupt
}

Json to_json(const Parameter& parameter) {
  Json document{{"name", parameter.name}, {"in", "query"}, {"description", parameter.meaning}};
  if (parameter.required) document["required"] = true;
  auto schema = schema_of(parameter);
  if (parameter.repeated) schema = {{"type", "array"}, {"items", schema}, {"minItems", 1}, {"maxItems", kRepeats}};
  document["schema"] = std::move(schema);
  if (!parameter.example.empty())
    document["example"] = parameter.repeated ? Json::array({parameter.example}) : Json(parameter.example);
  return document;
}

std::string description_of(int status) {
  static const std::map<int, std::string> texts{{200, "the answer"},
                                                {202, "accepted"},
                                                {304, "unchanged"},
                                                {400, "a parameter is wrong"},
                                                {404, "there is no such thing"},
                                                {405, "not with this method"},
                                                {406, "no such form"},
                                                {409, "gaps or size stop it"},
                                                {411, "a length is needed"},
                                                {413, "too large"},
                                                {415, "JSON is expected"},
                                                {429, "later"},
                                                {500, "a defect"},
                                                {503, "not now"},
                                                {507, "no space is left"}};
  const auto found = texts.find(status);
  return found == texts.end() ? "a problem" : found->second;
}

void add_answer(Json& responses, int status, std::string_view content_type, std::string_view schema) {
  auto& response = responses[std::to_string(status)];
  response["description"] = description_of(status);
  response["headers"]["X-Request-Id"] = {{"schema", text()}, {"description", "names this request in logs"}};
  if (content_type.empty()) return;
  response["content"][std::string{content_type}] =
      schema.empty() ? Json{{"schema", text()}} : Json{{"schema", ref(schema)}};
}

Json responses_of(const Route& route) {
  Json responses;
  for (const auto& answer : route.answers) add_answer(responses, answer.status, answer.content_type, answer.schema);
  std::set<int> problems{400, 405, 500, 503};
  for (const auto code : route.errors) problems.insert(status_of(code));
  if (!route.body_schema.empty()) problems.insert({411, 413, 415});
  for (const int status : problems) add_answer(responses, status, "application/problem+json", "Problem");
  return responses;
}

Json operation_of(const Route& route) {
  Json operation{{"summary", route.summary}};
  std::string id{route.method};
  for (const char letter : route.path) id += letter == '/' ? '_' : letter;
  std::erase_if(id, [](char letter) { return letter == '{' || letter == '}'; });
  operation["operationId"] = id;
  Json parameters = Json::array();
  if (const auto brace = route.path.find('{'); brace != std::string_view::npos)
    parameters.push_back({{"name", route.path.substr(brace + 1, route.path.size() - brace - 2)},
                          {"in", "path"},
                          {"required", true},
                          {"schema", {{"type", "string"}, {"minLength", 1}, {"maxLength", 64}}}});
  for (const auto& parameter : route.parameters) parameters.push_back(to_json(parameter));
  if (!parameters.empty()) operation["parameters"] = std::move(parameters);
  if (!route.body_schema.empty())
    operation["requestBody"] = {{"required", true},
                                {"content", {{"application/json", {{"schema", ref(route.body_schema)}}}}}};
  operation["responses"] = responses_of(route);
  return operation;
}

std::string lower(std::string_view text) {
  std::string lowered;
  for (const char letter : text)
    lowered += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  return lowered;
}

}  // namespace

std::string make_openapi(const std::vector<Route>& routes, std::string_view version) {
  Json document{{"openapi", "3.1.0"},
                {"info",
                 {{"title", "Trading Data Market"},
                  {"version", version},
                  {"description",
                   "Market data you can account for. Times are integer milliseconds UTC; ranges are half-open; "
                   "a date as `end` means the whole day. Errors are RFC 9457 problem documents."},
                  {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}}};
  for (const auto& route : routes)
    document["paths"][std::string{route.path}][lower(route.method)] = operation_of(route);
  document["components"]["schemas"] = schemas();
  return document.dump(1);
}

std::string_view docs_page() {
  return R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Trading Data Market API</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
h2{font:600 1rem ui-monospace,monospace;margin:2rem 0 .3rem;border-top:1px solid #ddd;padding-top:1rem}
table{border-collapse:collapse;width:100%}td{vertical-align:top;padding:.15rem .8rem .15rem 0;border-bottom:1px solid #f0f0f0}
code{font-family:ui-monospace,monospace}.m{color:#777}</style></head>
<body><h1>Trading Data Market API</h1><p id="about"></p><p><a href="/openapi.json">openapi.json</a></p><main></main>
<script>
const make = (tag, text) => Object.assign(document.createElement(tag), {textContent: text});
fetch("/openapi.json").then(answer => answer.json()).then(api => {
  document.getElementById("about").textContent = api.info.description;
  const main = document.querySelector("main");
  for (const [path, methods] of Object.entries(api.paths))
    for (const [method, operation] of Object.entries(methods)) {
      main.append(make("h2", method.toUpperCase() + " " + path), make("p", operation.summary));
      const table = document.createElement("table");
      for (const parameter of operation.parameters ?? []) {
        const row = table.insertRow(), schema = parameter.schema, form = schema.enum?.join(" | ") ?? schema.type ?? "date, instant or ms";
        row.insertCell().append(make("code", parameter.name + (parameter.required ? " *" : "")));
        row.insertCell().append(make("span", form));
        row.insertCell().append(make("span", parameter.description ?? ""));
      }
      main.append(table);
      const p = make("p", "answers " + Object.keys(operation.responses).join(", "));
      p.className = "m";
      main.append(p);
    }
});
</script></body></html>
)html";
}

}  // namespace tdm::serve
