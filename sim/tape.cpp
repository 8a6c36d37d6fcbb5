#include "sim/tape.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "sim/detail/random.hpp"

namespace tdm::sim {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr double kUsualNotional = 1'500;     // of a trade, in quote currency
constexpr double kMinuteDeviation = 8.3e-4;  // of a price, at a volatility of 0.6
constexpr double kFarthest = 3;              // bound of the logarithm: prices stay within a factor of 20 of the start
constexpr int kPremiumScale = 6;

// One key per purpose, so that no two decisions share their bits.
enum Purpose : std::uint64_t {
  quietness = 1,
  spread,
  trade_count,
  trade_detail,
  sample_detail,
  kind_basis,
  premium_level
};

constexpr std::int64_t minute_of(TimePoint t) {
  return std::chrono::floor<std::chrono::minutes>(t).time_since_epoch().count();
}

constexpr std::int64_t power_of_ten(int exponent) {
  std::int64_t value = 1;
  while (exponent-- > 0) value *= 10;
  return value;
}

constexpr double triangle(std::uint64_t bits) {  // [-1, 1), mostly near 0
  return static_cast<double>(static_cast<std::int64_t>((bits & 0xFFFFU) + ((bits >> 16U) & 0xFFFFU)) - 65'535) / 65'536;
}

std::uint64_t bits_of(std::uint64_t key, Purpose purpose, std::int64_t minute) {
  return random_bits(key ^ (static_cast<std::uint64_t>(purpose) << 56U), static_cast<std::uint64_t>(minute));
}

}  // namespace

void append(TapeBar& earlier, const TapeBar& later) {
  if (!later.present) return;
  if (!earlier.present) {
    earlier = later;
    return;
  }
  if (earlier.trades == 0 && later.trades > 0) {
    earlier.open = later.open;
    earlier.high = later.high;
    earlier.low = later.low;
  } else if (later.trades > 0 || earlier.trades == 0) {
    earlier.high = std::max(earlier.high, later.high);
    earlier.low = std::min(earlier.low, later.low);
  }
  earlier.close = later.close;
  earlier.volume += later.volume;
  earlier.buy_volume += later.buy_volume;
  earlier.turnover += later.turnover;
  earlier.buy_turnover += later.buy_turnover;
  earlier.trades += later.trades;
}

int price_scale(const Listing& listing, PriceKind kind) {
  return kind == PriceKind::premium ? kPremiumScale : listing.tick.scale;
}

Tape::Tape(Listing listing, std::uint64_t seed)
    : listing_{std::move(listing)},
      path_{key_of(seed, listing_.base)},
      key_{key_of(seed, listing_.id.text())},
      first_minute_{listing_.first_bar ? minute_of(*listing_.first_bar) : 0},
      end_minute_{listing_.delivery ? minute_of(*listing_.delivery) : std::numeric_limits<std::int64_t>::max()} {
  const auto unit = static_cast<double>(power_of_ten(listing_.tick.scale));
  scaled_price_ =
      listing_.start_price * unit * std::exp(-listing_.volatility * path_.at(minute_of(listing_.priced_at)));
  const double lot = static_cast<double>(listing_.lot.step) / static_cast<double>(power_of_ten(listing_.lot.scale));
  const double lot_value =
      lot * (listing_.inverse() ? static_cast<double>(listing_.contract_size) : listing_.start_price);
  base_lots_ = std::max<std::int64_t>(1, std::llround(kUsualNotional / lot_value));
}

bool Tape::has_bar(std::int64_t minute) const {
  if (minute < first_minute_ || minute >= end_minute_) return false;
  const TimePoint t{std::chrono::minutes{minute}};
  return std::ranges::none_of(listing_.gaps, [&](const TimeRange& gap) { return gap.contains(t); });
}

bool Tape::quiet(std::int64_t minute) const {
  return listing_.zero_trade_probability > 0 && minute != first_minute_ &&
         uniform(bits_of(key_, quietness, minute)) < listing_.zero_trade_probability;
}

// Whether the minute sets a price of its own: a quiet one keeps the last.
bool Tape::moves(PriceKind kind, std::int64_t minute) const {
  return has_bar(minute) && (kind != PriceKind::last || !quiet(minute));
}

std::optional<std::int64_t> Tape::last_move_before(PriceKind kind, std::int64_t minute) const {
  for (--minute; minute >= first_minute_; --minute) {
    if (moves(kind, minute)) return minute;
  }
  return std::nullopt;
}

std::int64_t Tape::snap(double scaled_price) const {
  const std::int64_t step = listing_.tick.step;
  return std::max<std::int64_t>(1, std::llround(scaled_price / static_cast<double>(step))) * step;
}

std::int64_t Tape::close_at(PriceKind kind, std::int64_t minute, double log_price) const {
  if (kind == PriceKind::premium) return std::llround(150 * gauss(bits_of(key_, premium_level, minute)));
  const double price = scaled_price_ * std::exp(std::clamp(log_price * listing_.volatility, -kFarthest, kFarthest));
  if (kind == PriceKind::last) return snap(price * (1 + 2e-5 * gauss(bits_of(key_, spread, minute))));
  const auto basis = bits_of(key_ + static_cast<std::uint64_t>(kind), kind_basis, minute);
  return std::max<std::int64_t>(1, std::llround(price * (1 + 1e-4 * gauss(basis))));
}

Int128 Tape::turnover_of(std::int64_t price, std::int64_t quantity) const {
  // Each trade is rounded by itself, so sums agree.
  if (!listing_.inverse()) {
    const std::int64_t unit = power_of_ten(listing_.tick.scale + listing_.lot.scale - listing_.turnover_scale());
    return unit == 1 ? Int128{price} * quantity : (Int128{price} * quantity + unit / 2) / unit;
  }
  const Int128 coins = Int128{quantity} * listing_.contract_size * power_of_ten(listing_.turnover_scale()) *
                       power_of_ten(listing_.tick.scale) / power_of_ten(listing_.lot.scale);
  return (coins + price / 2) / price;
}

int Tape::trades_between(std::int64_t minute, std::int64_t open, std::int64_t close, Trade* into) const {
  const std::uint64_t bits = bits_of(key_, trade_count, minute);
  const int count = 1 + static_cast<int>(bits % 5) + ((bits >> 32U) % 8 == 0 ? 3 : 0);
  const double swing = static_cast<double>(close) * kMinuteDeviation * listing_.volatility;
  const std::uint64_t detail = bits_of(key_, trade_detail, minute);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t draw = random_bits(detail, static_cast<std::uint64_t>(i));
    const double line = static_cast<double>(open) +
                        static_cast<double>(close - open) * static_cast<double>(i + 1) / static_cast<double>(count);
    Trade& trade = into[i];
    trade.price = i + 1 == count ? close : snap(line + swing * triangle(draw));
    const auto share = static_cast<std::int64_t>((draw >> 32U) & 0xFFFFU);
    const auto doublings =
        static_cast<unsigned>(__builtin_ctzll((draw >> 48U) | 0x40U));  // few: one trade in 2^n is so large
    trade.quantity = (1 + base_lots_ * share / 65'536 * static_cast<std::int64_t>(std::uint64_t{1} << doublings)) *
                     listing_.lot.step;
    trade.turnover = turnover_of(trade.price, trade.quantity);
    trade.buy = (draw >> 31U & 1U) != 0;
    const auto jitter = static_cast<std::int64_t>(uniform(random_bits(draw, 0)) * kMinuteMs);
    trade.time_ms = minute * kMinuteMs + (i * kMinuteMs + jitter) / count;
  }
  return count;
}

TapeBar Tape::trade_bar(std::int64_t minute, std::optional<std::int64_t> open, std::int64_t close,
                        std::int64_t until_ms) const {
  std::array<Trade, kMostTrades> trades;
  const int count = trades_between(minute, open.value_or(close), close, trades.data());
  const bool silent = trades[0].time_ms > until_ms;
  if (!open && silent) return {};  // nothing has ever traded
  const bool own_open = listing_.open_rule == OpenRule::first_trade && !silent;
  const std::int64_t first = own_open ? trades[0].price : open.value_or(trades[0].price);
  TapeBar bar{.open = first, .high = first, .low = first, .close = first, .present = true};
  for (int i = 0; i < count && trades[static_cast<std::size_t>(i)].time_ms <= until_ms; ++i) {
    const Trade& trade = trades[static_cast<std::size_t>(i)];
    bar.high = std::max(bar.high, trade.price);
    bar.low = std::min(bar.low, trade.price);
    bar.close = trade.price;
    bar.volume += trade.quantity;
    bar.turnover += trade.turnover;
    if (trade.buy) {
      bar.buy_volume += trade.quantity;
      bar.buy_turnover += trade.turnover;
    }
    ++bar.trades;
  }
  return bar;
}

TapeBar Tape::sample_bar(PriceKind kind, std::int64_t minute, std::optional<std::int64_t> open, std::int64_t close,
                         std::int64_t until_ms) const {
  const bool premium = kind == PriceKind::premium;
  const std::int64_t before = open.value_or(close);
  const double swing = premium ? 40 : static_cast<double>(close) * kMinuteDeviation * listing_.volatility * 0.5;
  const std::uint64_t detail = bits_of(key_ + static_cast<std::uint64_t>(kind), sample_detail, minute);
  TapeBar bar{.open = before, .high = before, .low = before, .close = before, .present = true};
  for (int i = 0; i < kSamples && minute * kMinuteMs + i * (kMinuteMs / kSamples) <= until_ms; ++i) {
    const double line = static_cast<double>(before) + static_cast<double>(close - before) * (i + 1.0) / kSamples;
    const auto draw = random_bits(detail, static_cast<std::uint64_t>(i));
    const std::int64_t free = std::llround(line + swing * triangle(draw));
    const std::int64_t price = i + 1 == kSamples ? close : (premium ? free : std::max<std::int64_t>(1, free));
    if (i == 0 && premium) bar.high = bar.low = price;  // they cover the interval only, the open lies before it
    if (i == 0 && listing_.open_rule == OpenRule::first_trade) bar.open = bar.high = bar.low = price;
    bar.high = std::max(bar.high, price);
    bar.low = std::min(bar.low, price);
    bar.close = price;
  }
  return bar;
}

TapeBar Tape::bar(PriceKind kind, std::int64_t minute, std::optional<std::int64_t> open, std::int64_t close,
                  std::int64_t until_ms) const {
  return kind == PriceKind::last ? trade_bar(minute, open, close, until_ms)
                                 : sample_bar(kind, minute, open, close, until_ms);
}

std::vector<TapeBar> Tape::minutes(PriceKind kind, std::int64_t first, std::int64_t last) const {
  std::vector<TapeBar> bars(static_cast<std::size_t>(std::max<std::int64_t>(0, last - first)));
  if (bars.empty() || last <= first_minute_ || first >= end_minute_) return bars;
  std::vector<double> logs(bars.size());
  path_.fill(first, logs);
  std::optional<std::int64_t> price;
  if (const auto before = last_move_before(kind, first)) price = close_at(kind, *before, path_.at(*before));
  for (std::int64_t minute = std::max(first, first_minute_); minute < std::min(last, end_minute_); ++minute) {
    const auto index = static_cast<std::size_t>(minute - first);
    if (moves(kind, minute)) {
      const std::int64_t close = close_at(kind, minute, logs[index]);
      bars[index] = bar(kind, minute, price, close, std::numeric_limits<std::int64_t>::max());
      price = close;
    } else if (price && has_bar(minute)) {
      bars[index] = TapeBar{.open = *price, .high = *price, .low = *price, .close = *price, .present = true};
    }
  }
  return bars;
}

TapeBar Tape::partial(PriceKind kind, std::int64_t minute, std::int64_t offset_ms) const {
  if (!has_bar(minute)) return {};
  std::optional<std::int64_t> price;
  if (const auto before = last_move_before(kind, minute)) price = close_at(kind, *before, path_.at(*before));
  if (moves(kind, minute)) {
    return bar(kind, minute, price, close_at(kind, minute, path_.at(minute)), minute * kMinuteMs + offset_ms);
  }
  if (!price) return {};
  return TapeBar{.open = *price, .high = *price, .low = *price, .close = *price, .present = true};
}

std::vector<Trade> Tape::trades(std::int64_t minute) const {
  if (!moves(PriceKind::last, minute)) return {};
  const std::int64_t close = close_at(PriceKind::last, minute, path_.at(minute));
  const auto before = last_move_before(PriceKind::last, minute);
  const std::int64_t open = before ? close_at(PriceKind::last, *before, path_.at(*before)) : close;
  std::vector<Trade> trades(kMostTrades);
  trades.resize(static_cast<std::size_t>(trades_between(minute, open, close, trades.data())));
  return trades;
}

}  // namespace tdm::sim
