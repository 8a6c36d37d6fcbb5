#include "tdm/cli/cli.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tdm/cli/tests/fake_data.hpp"

namespace tdm::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr const char* kBtc = "bybit.linear.BTCUSDT@1h";

Gap hole_of_three_hours() {
  return {.id = 7,
          .series = series_of(kBtc),
          .range = TimeRange::of(at("2023-01-01"), at("2023-01-01T03:00:00Z")),
          .bars = 3,
          .cause = GapCause::unknown,
          .evidence = "bybit answered",
          .looks = 2,
          .accepted_reason = "known"};
}

class CommandLine : public testing::Test {
 protected:
  CommandLine() : folder_{fs::temp_directory_path() / fmt::format("tdm_cli_test_{}", getpid())} {
    fs::create_directories(folder_);
    services_.version = "1.2.3";
    services_.open = [this](const DoorRequest& door) -> Result<std::shared_ptr<query::MarketData>> {
      door_ = door;
      return data_;
    };
    services_.serve = [this](const ServeRequest& request, std::stop_token) -> Result<void> {
      served_ = request;
      return {};
    };
    services_.decode = [this](const Recording& recording, const LineSink& sink) -> Result<void> {
      if (recording.exchange != "bybit")
        return fail(ErrorCode::unknown_exchange, "no exchange 'bibit'", "exchange", {"bybit"});
      decoded_.push_back(recording);
      sink(fmt::format(R"({{"kind":"control","line":{}}})", recording.line));
      return {};
    };
    config_ = file("config.yaml", "storage: {type: duckdb, db_path: a, parquet_path: b}\n");
  }
  ~CommandLine() override { fs::remove_all(folder_); }

  int run(std::vector<std::string> words) {
    out_.str("");
    err_.str("");
    std::vector<const char*> argv{"tdm"};
    for (const auto& word : words) argv.push_back(word.c_str());
    return cli::run(static_cast<int>(argv.size()), argv.data(), services_,
                    {out_, err_, out_is_terminal_, err_is_terminal_}, stop_.get_token());
  }

  std::string file(const std::string& name, std::string_view text) const {
    std::ofstream{folder_ / name, std::ios::binary} << text;
    return (folder_ / name).string();
  }

  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }

  fs::path folder_;
  std::string config_;
  std::shared_ptr<FakeData> data_ = std::make_shared<FakeData>();
  Services services_;
  std::stop_source stop_;
  bool out_is_terminal_ = false;
  bool err_is_terminal_ = false;
  std::ostringstream out_, err_;
  std::optional<DoorRequest> door_;
  std::optional<ServeRequest> served_;
  std::vector<Recording> decoded_;
};

// ---- usage

TEST_F(CommandLine, EveryCommandHasHelpConfigAndExitStatuses) {
  for (const char* command : {"serve", "backfill", "import", "rm", "update", "list", "query", "export", "coverage",
                              "gaps", "verify", "decode", "version"}) {
    EXPECT_EQ(run({command, "--help"}), 0) << command;
    EXPECT_THAT(out(), AllOf(HasSubstr("--help"), HasSubstr("--config FILE"))) << command;
    EXPECT_EQ(err(), "") << command;
    EXPECT_EQ(run({command, "--no-such-option"}), 2) << command;
    EXPECT_EQ(out(), "") << command;
    EXPECT_THAT(err(), StartsWith("tdm: ")) << command;
  }
  for (const char* command : {"check", "show", "schema"}) {
    EXPECT_EQ(run({"config", command, "--help"}), 0);
    EXPECT_THAT(out(), HasSubstr("--config FILE"));
  }
  EXPECT_EQ(run({"gaps", "accept", "--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("--reason"));
  EXPECT_FALSE(door_) << "help opens no store";
}

TEST_F(CommandLine, MistakesInUsageNameTheNearestWord) {
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({"bakfill"}), 2);
  EXPECT_THAT(err(), HasSubstr("did you mean backfill?"));
  EXPECT_EQ(run({"backfill", kBtc, "--strat", "2023-01-01"}), 2);
  EXPECT_THAT(err(), HasSubstr("did you mean --start?"));
  EXPECT_EQ(run({"backfill", kBtc}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("--start is required"), HasSubstr("tdm backfill --help")));
  EXPECT_EQ(run({"query", "--start", "2023", "--end", "2023"}), 2);
  EXPECT_EQ(run({"serve", "--port", "70000"}), 2);
  EXPECT_EQ(run({"config"}), 2);
}

TEST_F(CommandLine, ErrorsDecideTheExitStatus) {
  for (const auto& [code, status] : std::map<ErrorCode, int>{{ErrorCode::configuration, 2},
                                                             {ErrorCode::invalid_argument, 2},
                                                             {ErrorCode::unknown_symbol, 1},
                                                             {ErrorCode::incomplete_data, 1},
                                                             {ErrorCode::unavailable, 1},
                                                             {ErrorCode::corrupt_data, 1}}) {
    data_->read_error = Error{.code = code, .message = "it failed"};
    EXPECT_EQ(run({"query", kBtc, "--start", "2023", "--end", "2023"}), status) << to_string(code);
    EXPECT_EQ(out(), "");
  }
  data_->read_error =
      Error{.code = ErrorCode::unknown_symbol, .message = "no BTCUSTD", .suggestions = {"BTCUSDT", "BTCUSD"}};
  EXPECT_EQ(run({"query", kBtc, "--start", "2023", "--end", "2023"}), 1);
  EXPECT_EQ(err(), "tdm: no BTCUSTD; did you mean BTCUSDT, BTCUSD?\n");
}

TEST_F(CommandLine, VersionOpensNothing) {
  EXPECT_EQ(run({"version"}), 0);
  EXPECT_EQ(out(), "tdm 1.2.3\n");
  EXPECT_EQ(run({"version", "--json"}), 0);
  EXPECT_EQ(json::parse(out()), json({{"version", "1.2.3"}}));
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_EQ(out(), "tdm 1.2.3\n");
  EXPECT_FALSE(door_);
}

TEST_F(CommandLine, TheDoorIsTheOneThatIsNamed) {
  services_.default_url = "http://from-environment";
  EXPECT_EQ(run({"list"}), 0);
  EXPECT_EQ(door_->url, "http://from-environment");
  EXPECT_EQ(run({"list", "--config", config_}), 0);
  EXPECT_EQ(door_->url, std::nullopt);
  EXPECT_EQ(door_->config_path, config_);
  EXPECT_EQ(run({"list", "--url", "http://named"}), 0);
  EXPECT_EQ(door_->url, "http://named");
}

TEST_F(CommandLine, ServeHandsItsOptionsOn) {
  EXPECT_EQ(run({"serve", "--host", "::1", "--port", "0", "--config", config_}), 0);
  EXPECT_EQ(served_->host, "::1");
  EXPECT_EQ(served_->port, 0);
  EXPECT_EQ(served_->config_path, config_);
}

// ---- config

TEST_F(CommandLine, ConfigCheckJudgesForm) {
  for (const char* name : {"local", "dev", "prod"})
    EXPECT_EQ(run({"config", "check", fmt::format("{}/config/{}.yaml", TDM_SOURCE_DIR, name)}), 0) << err();
  const auto wrong = file("wrong.yaml", "storage:\n  type: duckdbb\n");
  EXPECT_EQ(run({"config", "check", wrong}), 2);
  EXPECT_EQ(out(), "");
  EXPECT_THAT(err(), StartsWith(fmt::format("configuration error: {}:2:9: storage.type:", wrong)));
  EXPECT_EQ(run({"config", "check", "--config", wrong}), 2);
  services_.environment.config_path = wrong;
  EXPECT_EQ(run({"config", "check"}), 2);
  EXPECT_EQ(run({"config", "check", "--json", config_}), 0);
  EXPECT_EQ(json::parse(out())["ok"], true);
}

TEST_F(CommandLine, ConfigShowPrintsWhatLoadsAgain) {
  EXPECT_EQ(run({"config", "show", config_}), 0);
  EXPECT_TRUE(config::load_text(out(), "shown"));
  EXPECT_EQ(run({"config", "show", "--json", config_}), 0);
  EXPECT_EQ(json::parse(out())["api"]["port"], 8000);
  EXPECT_EQ(run({"config", "schema"}), 0);
  EXPECT_EQ(out(), config::json_schema());
}

// ---- backfill and update

TEST_F(CommandLine, ADryRunSaysThePriceAndFetchesNothing) {
  EXPECT_EQ(run({"backfill", kBtc, "--start", "2023-01-01", "--dry-run"}), 0);
  EXPECT_THAT(out(), AllOf(HasSubstr("9 requests"), HasSubstr("about 1 s"), HasSubstr("640 kB"), HasSubstr("8,760"),
                           HasSubstr("[2023-01-01T00:00:00Z, 2024-01-01T00:00:00Z)")));
  EXPECT_TRUE(data_->filled.empty());
  EXPECT_EQ(run({"backfill", "bybit.linear.*@1h", "--start", "2023-01-01", "--dry-run", "--json"}), 0);
  const auto price = json::parse(out());
  EXPECT_EQ(price["series"].size(), 2u);
  EXPECT_EQ(price["series"][0]["requests"], 9);
  EXPECT_EQ(price["total"]["requests"], 18);
  EXPECT_EQ(price["total"]["missing_bars"], 17'520);
}

TEST_F(CommandLine, BackfillSaysThePriceFirstAndReportsEachSeries) {
  EXPECT_EQ(run({"backfill", "bybit.linear.*USDT@1h", "--start", "2023-01-01", "--end", "2023-12-31"}), 0);
  EXPECT_THAT(err(), HasSubstr("in all: 2 series, 17,520 bars missing, 18 requests"));
  EXPECT_THAT(out(),
              AllOf(HasSubstr("bybit.linear.BTCUSDT@1h"), HasSubstr("bybit.linear.ETHUSDT@1h"), HasSubstr("done")));
  EXPECT_THAT(data_->filled, UnorderedElementsAre("backfill bybit.linear.BTCUSDT@1h 2023-01-01 2023-12-31",
                                                  "backfill bybit.linear.ETHUSDT@1h 2023-01-01 2023-12-31"));
  EXPECT_EQ(run({"backfill", kBtc, "--start", "2023-01-01", "--json"}), 0);
  EXPECT_EQ(json::parse(out())["series"][0]["stored"], 8'760);
}

TEST_F(CommandLine, OneFailedSeriesDoesNotStopTheOthers) {
  data_->failures[kBtc] = {.code = ErrorCode::unavailable, .message = "bybit does not answer"};
  EXPECT_EQ(run({"backfill", "bybit.linear.*@1h", "--start", "2023-01-01", "--json"}), 1);
  EXPECT_THAT(err(), HasSubstr("1 of 2 series failed; the first said: bybit does not answer"));
  const auto series = json::parse(out())["series"];
  EXPECT_EQ(series[0]["error"]["code"], "unavailable");
  EXPECT_EQ(series[1]["stored"], 8'760);
}

TEST_F(CommandLine, AFullDiskStopsAll) {
  data_->instruments_known.clear();
  for (int i = 0; i < 40; ++i) data_->instruments_known.push_back(fmt::format("bybit.linear.A{}USDT", i));
  for (const auto& name : data_->instruments_known)
    data_->failures[name + "@1h"] = {.code = ErrorCode::storage_full, .message = "no space is left"};
  EXPECT_EQ(run({"backfill", "bybit.linear.*@1h", "--start", "2023-01-01"}), 1);
  EXPECT_LE(data_->filled.size(), 8u);
  EXPECT_THAT(out(), HasSubstr("not begun"));
}

TEST_F(CommandLine, AStopKeepsWhatIsThereAndExitsWithOne) {
  data_->during_fill = [this](const query::OnProgress&, const std::stop_token&) { stop_.request_stop(); };
  EXPECT_EQ(run({"backfill", kBtc, "--start", "2023-01-01"}), 1);
  EXPECT_THAT(err(), HasSubstr("stopped; what was fetched is kept"));
}

TEST_F(CommandLine, ATerminalSeesABar) {
  err_is_terminal_ = true;
  data_->during_fill = [](const query::OnProgress& on_progress, const std::stop_token&) {
    on_progress({.total_bars = 8'760, .done_bars = 4'380, .requests = 5, .planned = true});
    std::this_thread::sleep_for(std::chrono::milliseconds{500});
  };
  EXPECT_EQ(run({"backfill", kBtc, "--start", "2023-01-01"}), 0);
  EXPECT_THAT(err(), AllOf(HasSubstr("[##########----------]  50 %  4,380/8,760 bars"), HasSubstr("bars/s"),
                           HasSubstr("left")));
}

TEST_F(CommandLine, UpdateTakesWhatIsStoredAndWhatIsCollected) {
  data_->stored = {kBtc};
  const auto collecting = file("collecting.yaml",
                               "storage: {type: duckdb, db_path: a, parquet_path: b}\n"
                               "collect: [{series: bybit.linear.*USDT@1h, since: 2023-06-01}]\n");
  EXPECT_EQ(run({"update", "--config", collecting}), 0);
  EXPECT_THAT(data_->filled,
              UnorderedElementsAre("update bybit.linear.BTCUSDT@1h", "backfill bybit.linear.ETHUSDT@1h 2023-06-01 -"));
}

TEST_F(CommandLine, UpdateWithAPatternTakesStoredSeriesOnly) {
  data_->stored = {kBtc};
  EXPECT_EQ(run({"update", "bybit.linear.*@1h", "--config", config_}), 0);
  EXPECT_THAT(data_->filled, ElementsAre("update bybit.linear.BTCUSDT@1h"));
  EXPECT_EQ(run({"update", "bybit.linear.ETHUSDT@1h", "--config", config_}), 1);
  EXPECT_THAT(err(), HasSubstr("no stored series matches"));
}

TEST_F(CommandLine, AServerKnowsItselfWhatItCollects) {
  data_->stored = {kBtc};
  services_.environment.config_path = "/no/such/file.yaml";
  EXPECT_EQ(run({"update", "--url", "http://server"}), 0) << err();
  EXPECT_THAT(data_->filled, ElementsAre("update bybit.linear.BTCUSDT@1h"));
}

// ---- query

TEST_F(CommandLine, QueryAsksWithTheSeriesTakenApart) {
  data_->answer = answer_of(kBtc, {1.5});
  EXPECT_EQ(run({"query", "bybit.linear.BTCUSDT:mark@1h", "--start", "2023-01-01", "--end", "2023-01-02", "--layer",
                 "raw", "--fetch", "never", "--on-gap", "raise", "--day-start", "08:00"}),
            0);
  EXPECT_EQ(data_->asked->exchange, "bybit");
  EXPECT_EQ(data_->asked->market, "linear");
  EXPECT_EQ(data_->asked->symbol, "BTCUSDT");
  EXPECT_EQ(data_->asked->price_kind, "mark");
  EXPECT_EQ(data_->asked->timeframe, "1h");
  EXPECT_EQ(data_->asked->start, "2023-01-01");
  EXPECT_EQ(data_->asked->end, "2023-01-02");
  EXPECT_EQ(data_->asked->layer, query::Layer::raw);
  EXPECT_EQ(data_->asked->fetch, query::Fetch::never);
  EXPECT_EQ(data_->asked->on_gap, query::OnGap::raise);
  EXPECT_EQ(data_->asked->day_start, "08:00");
}

TEST_F(CommandLine, QueryStatesTheRangeOnStandardErrorAndWarnsOfGaps) {
  data_->answer = answer_of(kBtc, {1.5, 2.5});
  data_->answer->provenance.simulated = true;
  data_->answer->provenance.gap_count = 1;
  data_->answer->provenance.derived = "bybit.linear.BTCUSDT@1m";
  data_->answer->provenance.notes = {"one bar straddles the end"};
  auto gap = hole_of_three_hours();
  gap.cause = GapCause::upstream_missing;
  data_->answer->warn_gaps = {gap};
  EXPECT_EQ(run({"query", kBtc, "--start", "2023-01-01", "--end", "2023-01-02"}), 0);
  EXPECT_THAT(err(), AllOf(HasSubstr("[2023-01-01T00:00:00Z, 2023-01-01T02:00:00Z): 2 rows of 2 expected, 1 gap"),
                           HasSubstr("simulated"), HasSubstr("derived from bybit.linear.BTCUSDT@1m"),
                           HasSubstr("note: one bar straddles the end"),
                           HasSubstr("warning: 3 bars are absent in [2023-01-01T00:00:00Z, 2023-01-01T03:00:00Z): "
                                     "upstream_missing")));
  EXPECT_THAT(out(), Not(HasSubstr("tdm:")));
}

TEST_F(CommandLine, QueryWritesWhatWasAskedFor) {
  data_->answer = answer_of(kBtc, {0.1, 16'543.25});
  const std::vector<std::string> query{"query", kBtc, "--start", "2023", "--end", "2023"};
  const auto with = [&](std::vector<std::string> more) {
    auto words = query;
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  EXPECT_EQ(run(query), 0);
  EXPECT_EQ(out(),
            "open_time                close  quote_volume  finality\n"
            "2023-01-01T00:00:00Z       0.1             -  con,firmed\n"
            "2023-01-01T01:00:00Z  16543.25           0.1  con,firmed\n");
  EXPECT_EQ(run(with({"--format", "csv"})), 0);
  EXPECT_EQ(out(),
            "open_time,close,quote_volume,finality\n"
            "1672531200000,0.1,,\"con,firmed\"\n"
            "1672534800000,16543.25,0.1,\"con,firmed\"\n");
  EXPECT_EQ(run(with({"--json"})), 0);
  const auto answer = json::parse(out());
  EXPECT_EQ(answer["series"]["symbol"], "BTCUSDT");
  EXPECT_EQ(answer["range"]["start"], 1'672'531'200'000);
  EXPECT_EQ(answer["data"][0], json({1'672'531'200'000, 0.1, nullptr, "con,firmed"}));
  EXPECT_EQ(answer["columns"], json({"open_time", "close", "quote_volume", "finality"}));
  EXPECT_TRUE(answer["next_cursor"].is_null());
  EXPECT_EQ(answer["provenance"]["open_rule"], "previous_close");

  const auto path = (folder_ / "bars.csv").string();
  EXPECT_EQ(run(with({"--format", "csv", "--output", path})), 0);
  EXPECT_EQ(out(), "");
  std::ifstream written{path};
  EXPECT_THAT((std::string{std::istreambuf_iterator<char>{written}, {}}), StartsWith("open_time,close"));
  EXPECT_EQ(run(with({"--format", "csv", "--output", "/no/such/folder/bars.csv"})), 1);
  EXPECT_THAT(err(), HasSubstr("/no/such/folder/bars.csv cannot be written: No such file"));
  EXPECT_EQ(run(with({"--format", "cvs"})), 2);
  EXPECT_THAT(err(), HasSubstr("did you mean csv?"));
  out_is_terminal_ = true;
  EXPECT_EQ(run(with({"--format", "parquet"})), 2);
  EXPECT_THAT(err(), HasSubstr("--output"));
}

TEST_F(CommandLine, WordsThatAreNoneAreNamed) {
  const auto query = [&](std::string series, std::string option, std::string value) {
    return run({"query", std::move(series), "--start", "2023", "--end", "2023", std::move(option), std::move(value)});
  };
  EXPECT_EQ(query("bybit.linear.BTCUSDT@7h", "--layer", "raw"), 2);
  EXPECT_THAT(err(), HasSubstr("1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d, 1w, 1M"));
  EXPECT_EQ(query("BTCUSDT", "--layer", "raw"), 2);
  EXPECT_EQ(query(kBtc, "--layer", "rare"), 2);
  EXPECT_EQ(query(kBtc, "--fetch", "maybe"), 2);
  EXPECT_EQ(query(kBtc, "--on-gap", "shrug"), 2);
  EXPECT_FALSE(door_) << "a mistake is found before anything is opened";
}

// ---- what the store has

TEST_F(CommandLine, ListAndCoverageAreTablesOrJson) {
  data_->stored = {kBtc};
  EXPECT_EQ(run({"list"}), 0);
  EXPECT_EQ(out(),
            "series                   first                 last                  rows   bytes  gaps\n"
            "bybit.linear.BTCUSDT@1h  2023-01-01T00:00:00Z  2023-12-31T23:00:00Z  8760  400000     2\n");
  EXPECT_EQ(run({"list", "--json"}), 0);
  EXPECT_EQ(json::parse(out())["series"][0]["last"], 1'704'063'600'000);
  EXPECT_EQ(run({"coverage", kBtc, "--json"}), 0);
  const auto coverage = json::parse(out())["coverage"][0];
  EXPECT_EQ(coverage["expected"], 10);
  EXPECT_EQ(coverage["gap_count"], 1);
  EXPECT_TRUE(coverage["last"].is_null());
}

TEST_F(CommandLine, GapsAreListedAndAccepted) {
  data_->ledger = {hole_of_three_hours()};
  EXPECT_EQ(run({"gaps", kBtc}), 0);
  EXPECT_THAT(out(), AllOf(HasSubstr("2023-01-01T03:00:00Z"), HasSubstr("unknown"), HasSubstr("bybit answered"),
                           HasSubstr("known")));
  EXPECT_EQ(run({"gaps", "--json"}), 0);
  EXPECT_EQ(json::parse(out())["gaps"][0]["bars"], 3);
  EXPECT_EQ(run({"gaps", "accept", kBtc, "2023-01-01..2023-01-02", "--reason", "halted"}), 0);
  EXPECT_THAT(out(), HasSubstr("3 gaps accepted"));
  EXPECT_THAT(data_->filled, ElementsAre("accept bybit.linear.BTCUSDT@1h 2023-01-01..2023-01-02 halted"));
  EXPECT_EQ(run({"gaps", "accept", kBtc, "2023-01-01..2023-01-02"}), 2);
}

TEST_F(CommandLine, VerifyFailsOnlyForWhatDoesNotHold) {
  data_->reports = {{.series = series_of(kBtc), .segments = 2, .rows = 8'760, .problems = {}}};
  EXPECT_EQ(run({"verify"}), 0);
  EXPECT_THAT(out(), HasSubstr("holds"));
  data_->reports[0].problems = {"a.parquet: hash differs"};
  EXPECT_EQ(run({"verify", "--json"}), 1);
  EXPECT_EQ(json::parse(out())["series"][0]["problems"][0], "a.parquet: hash differs");
  EXPECT_EQ(json::parse(out())["ok"], false);
  EXPECT_EQ(run({"verify"}), 1);
  EXPECT_THAT(out(), HasSubstr("bybit.linear.BTCUSDT@1h: a.parquet: hash differs"));
  EXPECT_THAT(err(), HasSubstr("1 problem found"));
}

// ---- import and rm

TEST_F(CommandLine, ImportBringsTheRowsOfAFile) {
  const auto bars = file("bars.csv", "time,open,high,low,close,volume,note\n2023-01-01,1,2,1,1.50,3,x\n");
  EXPECT_EQ(run({"import", bars, "--series", kBtc, "--json"}), 0) << err();
  ASSERT_TRUE(data_->imported);
  EXPECT_EQ(data_->imported->series.text(), kBtc);
  EXPECT_EQ(data_->imported->rows.close[0], "1.50");
  EXPECT_EQ(json::parse(out())["stored"], 1);
  EXPECT_EQ(json::parse(out())["revised"], 1);
  EXPECT_THAT(err(), AllOf(HasSubstr("not imported: note"), HasSubstr("1 confirmed bar are stored as revisions")));
  EXPECT_EQ(run({"import", bars, "--series", kBtc}), 0);
  EXPECT_THAT(out(), HasSubstr("1 row read, 1 stored"));

  EXPECT_EQ(run({"import", bars}), 2);
  EXPECT_EQ(run({"import", bars, "--series", "bybit"}), 2);
  EXPECT_EQ(run({"import", (folder_ / "absent.csv").string(), "--series", kBtc}), 1);
  data_->failures.emplace(kBtc, Error{ErrorCode::unavailable, "the store is being written"});
  EXPECT_EQ(run({"import", bars, "--series", kBtc}), 1);
  EXPECT_THAT(err(), HasSubstr("the store is being written"));
}

TEST_F(CommandLine, RmAsksOnATerminalAndRefusesToGuessElsewhere) {
  EXPECT_EQ(run({"rm", "--config", config_, kBtc}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("8,760 bars (400 kB) would go"), HasSubstr("--yes")));
  std::string answer;
  services_.ask = [&](std::string_view question, const std::stop_token&) {
    EXPECT_THAT(std::string{question}, AllOf(HasSubstr("8,760 bars"), HasSubstr("8,800 raw observations (")));
    return answer == "-" ? std::nullopt : std::optional{answer};
  };
  for (const auto* no : {"", "n", "no", "yeah", "-"}) {
    answer = no;
    EXPECT_EQ(run({"rm", "--config", config_, kBtc}), 1) << no;
    EXPECT_THAT(err(), HasSubstr("nothing was removed"));
  }
  EXPECT_TRUE(data_->removed.empty());
  answer = "y";
  EXPECT_EQ(run({"rm", "--config", config_, kBtc}), 0);
  EXPECT_THAT(data_->removed, ElementsAre(kBtc));
  EXPECT_THAT(out(), HasSubstr("bybit.linear.BTCUSDT@1h: 8,760 bars (400 kB) removed; 8,800 raw observations"));
}

TEST_F(CommandLine, RmWithYesAsksNobodyAndDryRunRemovesNothing) {
  EXPECT_EQ(run({"rm", "--config", config_, kBtc, "--dry-run", "--json"}), 0);
  EXPECT_EQ(json::parse(out())["bars"], 8'760);
  EXPECT_EQ(json::parse(out())["dry_run"], true);
  EXPECT_EQ(run({"rm", "--config", config_, kBtc, "--dry-run", "--raw"}), 0);
  EXPECT_THAT(out(), HasSubstr("and 8,800 raw observations"));
  EXPECT_TRUE(data_->removed.empty());
  EXPECT_EQ(run({"rm", "--config", config_, kBtc, "--yes", "--raw"}), 0);
  EXPECT_THAT(data_->removed, ElementsAre("bybit.linear.BTCUSDT@1h with raw"));
  data_->failures.emplace(kBtc, Error{ErrorCode::not_found, "nothing of it is stored"});
  EXPECT_EQ(run({"rm", "--config", config_, kBtc, "--yes"}), 1);
  EXPECT_EQ(run({"rm"}), 2);
}

TEST_F(CommandLine, RmSaysWhatWouldBringTheSeriesBack) {
  const auto collecting = file("collect.yaml",
                               "storage: {type: duckdb, db_path: a, parquet_path: b}\n"
                               "collect: [{series: 'bybit.linear.*USDT@1h', since: 2023-01-01}]\n");
  EXPECT_EQ(run({"rm", kBtc, "--yes", "--config", collecting}), 0) << err();
  EXPECT_THAT(err(), HasSubstr("collects bybit.linear.*USDT@1h"));
  EXPECT_EQ(run({"rm", kBtc, "--yes", "--config", config_}), 0);
  EXPECT_EQ(err(), "");
}

// ---- decode

TEST_F(CommandLine, DecodeReadsWholeFilesAndLines) {
  const auto whole = file("whole.json", "{\n  \"a\": [1,\n 2]\n}\n");
  const auto lines = file("lines.jsonl", "1700000000.5 {\"a\":1}\n\n{\"a\":2}\n");
  EXPECT_EQ(run({"decode", "bybit", "--market", "linear", "--channel", "rest", "--request", "/v5/x?y=1", whole, lines}),
            0);
  ASSERT_EQ(decoded_.size(), 3u);
  EXPECT_EQ(decoded_[0].target, "/v5/x?y=1");
  EXPECT_EQ(decoded_[0].market, "linear");
  EXPECT_EQ(
      out(),
      "{\"kind\":\"control\",\"line\":1}\n{\"kind\":\"control\",\"line\":1}\n{\"kind\":\"control\",\"line\":3}\n");
  const auto session =
      file("session", "wss://a.example/ws <-> 1.5\n1.6: {\"a\":1}\nhttps://a.example/x?y=2 -> 1.7: []\n");
  EXPECT_EQ(run({"decode", "bybit", "--market", "linear", "--channel", "ws", session}), 0);
  EXPECT_THAT(out(), StartsWith("{\"kind\":\"control\",\"line\":1,\"event\":\"recorder_note\""));
  ASSERT_EQ(decoded_.size(), 5u);
  EXPECT_EQ(decoded_[4].target, "/x?y=2");
  EXPECT_EQ(run({"decode", "bibit", "--market", "linear", "--channel", "rest", whole}), 1);
  EXPECT_THAT(err(), HasSubstr("did you mean bybit?"));
  EXPECT_EQ(run({"decode", "bybit", "--market", "linear", "--channel", "tv", whole}), 2);
  EXPECT_EQ(run({"decode", "bybit", "--market", "linear", "--channel", "rest", "/no/such/file"}), 1);
}

}  // namespace
}  // namespace tdm::cli
