#pragma once

#include <string>
#include <string_view>

#include "tdm/core/bar.hpp"
#include "tdm/validate/rules.hpp"

namespace tdm::validate::testing {

// A row as an exchange sends it; a field set to nullptr is absent.
struct Row {
  TimePoint open_time{};
  const char* open = "10";
  const char* high = "12.5";
  const char* low = "9.5";
  const char* close = "11";
  const char* volume = "3";
  const char* quote_volume = "33";
  const char* trade_count = nullptr;
  const char* taker_buy_volume = nullptr;
  CloseProof proof = CloseProof::none;
  TimePoint event_time{};
};

inline void add(ObservationColumns& to, const Row& row) {
  const auto text = [](const char* field) {
    return field == nullptr ? std::nullopt : std::optional<std::string_view>{field};
  };
  to.open_time.push_back(row.open_time);
  to.open.append(text(row.open));
  to.high.append(text(row.high));
  to.low.append(text(row.low));
  to.close.append(text(row.close));
  to.volume.append(text(row.volume));
  to.quote_volume.append(text(row.quote_volume));
  to.trade_count.append(text(row.trade_count));
  to.taker_buy_volume.append(text(row.taker_buy_volume));
  to.taker_buy_quote_volume.append_null();
  to.extra.append_null();
  to.close_proof.push_back(row.proof);
  to.event_time.push_back(row.event_time);
  to.received_at.push_back(row.event_time);
  to.channel.push_back(Channel::rest);
  to.ingest_id.push_back(7);
}

inline const TimePoint kStart = from_ms(1'672'531'200'000);  // 2023-01-01, a Sunday
inline const TimePoint kLater = kStart + std::chrono::hours{24 * 40};

inline Context context_of(std::string_view series) {
  Context context{.series = Series::parse(series).value(), .window = {}};
  context.recorded_at = kLater;
  return context;
}

inline std::int64_t count_of(const Judgement& judgement, std::string_view rule) {
  for (const auto& entry : judgement.counts)
    if (entry.rule == rule) return entry.count;
  return 0;
}

}  // namespace tdm::validate::testing
