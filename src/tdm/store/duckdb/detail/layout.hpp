#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/store/store.hpp"  // Segment, Series, Layer

// Where everything lies under parquet_path.
namespace tdm::store::duckdb::detail {

// The calendar period one segment belongs to: short timeframes by month, longer ones by year, the longest in one, so
// that a full segment holds some 10,000 rows: neither a crumb nor a rock.
struct Period {
  std::string name;  // 2023-01, 2023, all
  TimeRange range;
};
Period period_of(Timeframe timeframe, TimePoint open_time);

class Layout {
 public:
  explicit Layout(std::string root) : root_{std::move(root)} {}

  const std::string& root() const { return root_; }
  std::string absolute(std::string_view relative) const { return root_ + "/" + std::string{relative}; }

  // dataset=validated_ohlcv/ex=bybit/mk=linear/sym=BTCUSDT/pk=last/tf=1h/period=2023/20230101T000000Z-<hash>.parquet
  static std::string segment(Layer layer, const Series& series, const Period& period, TimePoint first,
                             std::string_view sha256);
  static std::string superseded(std::string_view sha256);  // what was replaced, by hash

  std::string manifests() const { return root_ + "/_manifest"; }
  std::string superseded_folder() const { return root_ + "/.superseded"; }
  std::string manifest(const Series& series) const;
  std::string origins() const { return manifests() + "/_origins.json"; }
  std::string resolutions() const { return manifests() + "/_resolutions.json"; }
  std::string instruments(std::string_view exchange, std::string_view market) const;
  // There while a writer may have left files that no catalogue knows of.
  std::string unclean_mark() const { return manifests() + "/_writing"; }

 private:
  std::string root_;
};

}  // namespace tdm::store::duckdb::detail
