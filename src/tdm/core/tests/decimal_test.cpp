#include "tdm/core/decimal.hpp"

#include <gtest/gtest.h>

#include <charconv>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace tdm {
namespace {

Decimal decimal(std::string_view text) {
  auto parsed = Decimal::parse(text);
  EXPECT_TRUE(parsed) << text << ": " << parsed.error().message;
  return parsed.value_or(Decimal{});
}

// Expected texts and doubles come from Python's decimal module and its correctly rounded float().
TEST(Decimal, TextAndNearestDouble) {
  const struct {
    std::string_view text, canonical;
    double nearest;
  } cases[] = {
      {"0", "0", 0x0p+0},
      {"-0", "0", 0x0p+0},
      {"0.000", "0", 0x0p+0},
      {"1", "1", 0x1.0000000000000p+0},
      {"-1", "-1", -0x1.0000000000000p+0},
      {"1.0", "1", 0x1.0000000000000p+0},
      {"100", "100", 0x1.9000000000000p+6},
      {"0.1", "0.1", 0x1.999999999999ap-4},
      {"0.30000000000000004", "0.30000000000000004", 0x1.3333333333334p-2},
      {"27000.50", "27000.5", 0x1.a5e2000000000p+14},
      {"1e-7", "0.0000001", 0x1.ad7f29abcaf48p-24},
      {"1.5E+3", "1500", 0x1.7700000000000p+10},
      {"1e38", "100000000000000000000000000000000000000", 0x1.2ced32a16a1b1p+126},
      {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999", 0x1.2ced32a16a1b1p+126},
      {"0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001", 0x1.b38fb9daa78e4p-127},
      {"1e-60", "0.000000000000000000000000000000000000000000000000000000000001", 0x1.9b604aaaca626p-200},
      {"-1.7976931348623157", "-1.7976931348623157", -0x1.cc359e067a348p+0},
      {"9007199254740993", "9007199254740993", 0x1.0000000000000p+53},
      {"9007199254740992.5", "9007199254740992.5", 0x1.0000000000000p+53},
      {"9007199254740993.00000000000000000001", "9007199254740993.00000000000000000001", 0x1.0000000000001p+53},
      {"123456789012345678901234567890.12345678", "123456789012345678901234567890.12345678", 0x1.8ee90ff6c373ep+96},
      {"0.5e-59", "0.000000000000000000000000000000000000000000000000000000000005", 0x1.011c2eaabe7d8p-197},
      {"12345678901234567890e18", "12345678901234567890000000000000000000", 0x1.29361ede00466p+123},
      {"0e99999", "0", 0x0p+0},
      {"007.50", "7.5", 0x1.e000000000000p+2},
      {"4.35", "4.35", 0x1.1666666666666p+2},
      {"2.675", "2.675", 0x1.5666666666666p+1},
      {"1.005", "1.005", 0x1.0147ae147ae14p+0},
      {"8.41E+21", "8410000000000000000000", 0x1.c7e83209e90b2p+72},
      {"5e-30", "0.000000000000000000000000000005", 0x1.95a5efea6b347p-98},
      {"3.0517578125e-5", "0.000030517578125", 0x1.0000000000000p-15},
      {"0.1000000000000000055511151231257827021", "0.1000000000000000055511151231257827021", 0x1.999999999999ap-4},
      {"1.00000000000000011102230246251565404", "1.00000000000000011102230246251565404", 0x1.0000000000000p+0},
      {"72057594037927945", "72057594037927945", 0x1.0000000000001p+56},
      {"72057594037927944.0000001", "72057594037927944.0000001", 0x1.0000000000001p+56},
      {"-53321819e-6", "-53.321819", -0x1.aa9315d701d9fp+5},
      {"-233e4", "-2330000", -0x1.1c6c800000000p+21},
      {"-96e-32", "-0.00000000000000000000000000000096", -0x1.3789ae03e7d66p-100},
      {"12654235116155940781618495931e-55", "0.0000000000000000000000000012654235116155940781618495931",
       0x1.91075a18a7d71p-90},
      {"231647525534192e8", "23164752553419200000000", 0x1.39f0e150cdcd9p+74},
      {"-8648350305641395e-33", "-0.000000000000000008648350305641395", -0x1.3f115bf68f49cp-57},
      {"82423884969653287101226916697848e-59", "0.00000000000000000000000000082423884969653287101226916697848",
       0x1.05363328ebb62p-90},
      {"61462704e4", "614627040000", 0x1.1e3540b600000p+39},
      {"-589325288095e2", "-58932528809500", -0x1.acca639030e00p+45},
      {"-64e-30", "-0.000000000000000000000000000064", -0x1.4484bfeebc2a0p-94},
      {"-2171e37", "-21710000000000000000000000000000000000000", -0x1.fe664f462c90bp+133},
      {"-37824896383465787133150983930103105e-51", "-0.000000000000000037824896383465787133150983930103105",
       -0x1.5cdf82ee5d37fp-55},
      {"-573829973763116566701065133387262e-25", "-57382997.3763116566701065133387262", -0x1.b5cc2ab02afb0p+25},
      {"-278108013267736026064746872343e-53", "-0.00000000000000000000000278108013267736026064746872343",
       -0x1.ae59ef321dfcep-79},
      {"-60097882081219136193990916998543534624e-2", "-600978820812191361939909169985435346.24",
       -0x1.cefa2c952b4c8p+118},
      {"-179911838425135427849e23", "-17991183842513542784900000000000000000000000", -0x1.9d0eacc3745c0p+143},
      {"-9412411824493534874016400524278680e-46", "-0.000000000000941241182449353487401640052427868",
       -0x1.08ef93344ba0ap-40},
      {"-90598e-42", "-0.000000000000000000000000000000000000090598", -0x1.ed432e9dae7b7p-124},
      {"-1450533158692322602563421607e-32", "-0.00001450533158692322602563421607", -0x1.e6b7d97d38180p-17},
      {"6433036541458e-9", "6433.036541458", 0x1.921095ac7ef0fp+12},
      {"11429401965569816934060883561595148e-21", "11429401965569.816934060883561595148", 0x1.4ca3ae36803a2p+43},
      {"748236629946804436995777387e34", "7482366299468044369957773870000000000000000000000000000000000",
       0x1.2a009f4c4ce27p+202},
      {"-58951343320e-55", "-0.000000000000000000000000000000000000000000005895134332", -0x1.0d3dfce24c367p-147},
      {"2769367632016328e-1", "276936763201632.8", 0x1.f7bebacab0c1ap+47},
      {"-2727e25", "-27270000000000000000000000000", -0x1.6074dc78bc66ap+94},
  };
  for (const auto& [text, canonical, nearest] : cases) {
    const auto value = decimal(text);
    EXPECT_EQ(value.to_text(), canonical) << text;
    EXPECT_EQ(value.to_double(), nearest) << text;
    EXPECT_EQ(decimal(canonical), value) << text;
    EXPECT_EQ(value.is_zero(), canonical == "0") << text;
    EXPECT_EQ(value.is_negative(), canonical.front() == '-') << text;
  }
}

// The text of a result, empty for the one error that arithmetic has.
std::string text_of(const Result<Decimal>& result) {
  if (result) return result->to_text();
  return result.error().code == ErrorCode::corrupt_data ? "" : "another error";
}

// From the same source: sign of a - b, a + b and a * b, empty where the result does not fit.
TEST(Decimal, OrderSumAndProduct) {
  const struct {
    std::string_view a, b;
    int order;
    std::string_view sum, product;
  } cases[] = {
      {"0.1", "0.2", -1, "0.3", "0.02"},
      {"1", "-1", 1, "0", "-1"},
      {"1e38", "-1", 1, "99999999999999999999999999999999999999", "-100000000000000000000000000000000000000"},
      {"19e37", "-95000000000000000000000000000000000001", 1, "94999999999999999999999999999999999999", ""},
      {"5e38", "5e38", 0, "1000000000000000000000000000000000000000", ""},
      {"99999999999999999999999999999999999999", "1", 1, "100000000000000000000000000000000000000",
       "99999999999999999999999999999999999999"},
      {"1e38", "1e-60", 1, "", "0.0000000000000000000001"},
      {"0", "-3", 1, "-3", "0"},
      {"5e-60", "5e-60", 0, "0.00000000000000000000000000000000000000000000000000000000001", ""},
      {"2e-60", "5", -1, "", "0.00000000000000000000000000000000000000000000000000000000001"},
      {"1e-60", "0.1", -1, "", ""},
      {"12345678901234567890", "98765432109876543210", -1, "111111111011111111100",
       "1219326311370217952237463801111263526900"},
      {"5000000000000000000", "2000000000000000000", 1, "7000000000000000000",
       "10000000000000000000000000000000000000"},
      {"1e38", "1e38", 0, "200000000000000000000000000000000000000", ""},
      {"31250000000000000000000000000000000000", "32", 1, "31250000000000000000000000000000000032",
       "1000000000000000000000000000000000000000"},
      {"-0.5", "-0.5", 0, "-1", "0.25"},
      {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999", 0, "", ""},
      {"27000.5", "0.001", 1, "27000.501", "27.0005"},
      {"64220587915890627622301289161433614364e-19", "16067203619019335e-40", 1, "", ""},
      {"90819783e-14", "-419229004892490163298058991519e-17", 1, "-4192290048924.90163207239208519",
       "-3807428.7251641894960364281930954420377"},
      {"-73906950613374514e0", "-900e-16", -1, "-73906950613374514.00000000000009", "6651.62555520370626"},
      {"63916316858524240024219200073649054278e-23", "-941e-36", 1, "", ""},
      {"-38692499751048221230327798861287948109e-3", "9881984132117707090e-17", -1, "", ""},
      {"45997309919066911309211059788701515077e-3", "821537233110111510783513048307e-24", 1, "", ""},
      {"-960e-24", "-40424025604105736957e-4", 1, "", "0.000003880706457994150747872"},
      {"-731447799776256051258033521579e-2", "95108673588170483e-36", -1, "", ""},
      {"6e-38", "62186669e-8", -1, "0.62186669000000000000000000000000000006",
       "0.0000000000000000000000000000000000000373120014"},
      {"64356929292040478614e-22", "83252590845092817253826383960805750567e-13", -1, "", ""},
      {"-391e-18", "-88280853200993542e-19", 1, "-0.0088280853200997452", "0.0000000000000000034517813601588474922"},
      {"-116377052293896826062467291878e-24", "-68030874130371444302e2", 1, "", ""},
      {"-6558280231030475581e-34", "-303928965358860285474468610536e-24", 1, "", ""},
      {"-61682115670461643972903408199037916842e-36", "-72347478e1", 1, "", ""},
      {"19871165172989276871980479194824058785e-20", "-65571541e-4", 1, "198711651729886211.56570479194824058785", ""},
      {"1967146374678032191e-35", "1740722141124543337e-4", -1, "", "0.003424255249234927355054295360660561367"},
      {"573614422099627719196685235358e0", "-205e-4", 1, "573614422099627719196685235357.9795",
       "-11759095653042368243532047324.839"},
      {"47807495251434926103e-4", "3e-1", 1, "4780749525143492.9103", "1434224857543047.78309"},
      {"364971624182278405199410378285e-23", "-60313060e6", 1, "-60313056350283.75817721594800589621715",
       "-220125554676032083894.963501101259021"},
      {"1e7", "5816838311135072949e-18", 1, "10000005.816838311135072949", "58168383.11135072949"},
      {"5200512504932090605e4", "-42978759e-12", 1, "52005125049320906049999.999957021241",
       "-2235115736259626334.78459195"},
      {"47470793272716525e-11", "-3e-36", 1, "", "-0.00000000000000000000000000000142412379818149575"},
      {"-584e-33", "73634685523100591765905274004730460361e-20", -1, "", ""},
      {"-269184530726205665488065705331e-16", "256735639514169447936385695852e9", -1, "", ""},
      {"175e-28", "-35399502418200383e8", 1, "", "-0.06194912923185067025"},
      {"14160438732554005e-21", "2e-34", 1, "0.0000141604387325540050000000000002",
       "0.000000000000000000000000000000000000002832087746510801"},
      {"4807571632895081908e-8", "-2e8", 1, "47875716328.95081908", "-9615143265790163816"},
      {"601e-37", "7e-2", -1, "0.0700000000000000000000000000000000601", "0.000000000000000000000000000000000004207"},
      {"9030233718038756104e-35", "-2e-24", 1, "0.00000000000000009030233518038756104",
       "-0.00000000000000000000000000000000000000018060467436077512208"},
      {"-461099162119213930513790385457e-14", "-615e3", -1, "-4610991621807139.30513790385457",
       "2835759847033165672659.81087056055"},
  };
  for (const auto& [a_text, b_text, order, sum_text, product_text] : cases) {
    const auto a = decimal(a_text);
    const auto b = decimal(b_text);
    EXPECT_EQ(a <=> b, order <=> 0) << a_text << " " << b_text;
    EXPECT_EQ(b <=> a, 0 <=> order) << a_text << " " << b_text;
    EXPECT_EQ(a == b, order == 0) << a_text << " " << b_text;
    for (const auto& sum : {add(a, b), add(b, a)}) EXPECT_EQ(text_of(sum), sum_text) << a_text << " + " << b_text;
    for (const auto& product : {multiply(a, b), multiply(b, a)})
      EXPECT_EQ(text_of(product), product_text) << a_text << " * " << b_text;
  }
}

TEST(Decimal, RefusesWhatIsNoNumberWithTheReason) {
  const struct {
    std::string text;
    std::string_view reason;
  } cases[] = {
      {"", "empty"},
      {"-", "digit"},
      {"+", "digit"},
      {"+1", "digit"},
      {".5", "digit"},
      {"-.5", "digit"},
      {"5.", "after the point"},
      {"1.e5", "after the point"},
      {"1.2.3", "unexpected"},
      {"1,2", "unexpected"},
      {" 1", "digit"},
      {"1 ", "unexpected"},
      {"1_000", "unexpected"},
      {"0x10", "unexpected"},
      {"--1", "digit"},
      {"1-", "unexpected"},
      {"NaN", "digit"},
      {"nan", "digit"},
      {"Infinity", "digit"},
      {"-inf", "digit"},
      {"null", "digit"},
      {"1e", "exponent"},
      {"1e+", "exponent"},
      {"1e1.5", "exponent"},
      {"1e5x", "exponent"},
      {"e5", "digit"},
      {"1e400", "range"},
      {"1e-400", "range"},
      {"1e99999999999999999999", "range"},
      {"1e-99999999999999999999", "range"},
      {"1e-61", "range"},
      {"123456789012345678901234567890123456789", "38 digits"},
      {"0.123456789012345678901234567890123456789", "38 digits"},
      {"1" + std::string(38, '0') + ".5", "38 digits"},
      {"1" + std::string(80, '0'), "range"},
      {std::string(5000, '1'), "too long"},
      {std::string("1\0", 2), "unexpected"},
  };
  for (const auto& [text, reason] : cases) {
    const auto value = Decimal::parse(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, ErrorCode::corrupt_data) << text;
    EXPECT_NE(value.error().message.find(reason), std::string::npos) << text << ": " << value.error().message;
    EXPECT_LT(value.error().message.size(), 160u);
  }
}

TEST(Decimal, ZerosThatCarryNothingNeedNoDigits) {
  EXPECT_EQ(decimal("1." + std::string(200, '0')).to_text(), "1");
  EXPECT_EQ(decimal(std::string(200, '0') + "1").to_text(), "1");
  EXPECT_EQ(decimal("1" + std::string(60, '0')).to_text(), "1" + std::string(60, '0'));
  EXPECT_EQ(decimal("0." + std::string(200, '0')).to_text(), "0");
  EXPECT_EQ(decimal("1" + std::string(70, '0') + "e-70").to_text(), "1");
}

TEST(Decimal, EqualityIsOfValue) {
  EXPECT_EQ(decimal("1.0"), decimal("1.00"));
  EXPECT_EQ(decimal("1e2"), decimal("100"));
  EXPECT_EQ(decimal("-0"), decimal("0e9"));
  EXPECT_NE(decimal("0.1"), decimal("0.10000000000000000000000000000000000001"));
  EXPECT_LT(decimal("-1e38"), decimal("-1e-60"));
  EXPECT_LT(decimal("1e-60"), decimal("1e75"));
}

TEST(Decimal, ScaledIntegers) {
  EXPECT_EQ(decimal("27000.5").to_scaled(2).value(), 2'700'050);
  EXPECT_EQ(decimal("27000.50").to_scaled(1).value(), 270'005);
  EXPECT_EQ(decimal("-0.00000001").to_scaled(8).value(), -1);
  EXPECT_EQ(decimal("0").to_scaled(1000).value(), 0);
  EXPECT_EQ(decimal("12e3").to_scaled(-3).value(), 12);
  EXPECT_EQ(decimal("9223372036854775807").to_scaled(0).value(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(decimal("-9223372036854775808").to_scaled(0).value(), std::numeric_limits<std::int64_t>::min());
  for (const auto& [text, scale] : {std::pair{"0.05", 1}, std::pair{"123", -1}, std::pair{"9223372036854775808", 0},
                                    std::pair{"-9223372036854775809", 0}, std::pair{"1", 19}, std::pair{"1", 1000},
                                    std::pair{"1", -1000}, std::pair{"1e60", 0}}) {
    const auto scaled = decimal(text).to_scaled(scale);
    ASSERT_FALSE(scaled) << text << " at " << scale;
    EXPECT_EQ(scaled.error().parameter, "scale");
  }
  EXPECT_EQ(Decimal::from_scaled(2'700'050, 2).to_text(), "27000.5");
  EXPECT_EQ(Decimal::from_scaled(-5, -3).to_text(), "-5000");
  EXPECT_EQ(Decimal::from_scaled(std::numeric_limits<std::int64_t>::min(), 18).to_text(), "-9.223372036854775808");
}

TEST(Decimal, ScaledIntegersComeBack) {
  std::mt19937_64 random{5};
  std::uniform_int_distribution<std::int64_t> any{std::numeric_limits<std::int64_t>::min()};
  for (int i = 0; i < 20'000; ++i) {
    const auto coefficient = any(random) / (std::int64_t{1} << (random() % 63U));
    const auto scale = static_cast<int>(random() % 60);
    const auto value = Decimal::from_scaled(coefficient, scale);
    ASSERT_EQ(value.to_scaled(scale).value(), coefficient);
    ASSERT_EQ(decimal(value.to_text()), value);
  }
}

std::string random_text(std::mt19937_64& random) {
  std::string text = random() % 2 == 0 ? "-" : "";
  const auto digits = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) text += static_cast<char>('0' + random() % 10);
  };
  digits(1 + random() % 18);
  if (random() % 2 == 0) {
    text += '.';
    digits(1 + random() % 18);
  }
  if (random() % 3 == 0) text += (random() % 2 == 0 ? "e" : "E") + std::to_string(static_cast<int>(random() % 40) - 20);
  return text;
}

TEST(Decimal, IsTheNearestDoubleOfAnyText) {
  std::mt19937_64 random{21};
  for (int i = 0; i < 50'000; ++i) {
    const auto text = random_text(random);
    double nearest = 0;
    std::from_chars(text.data(), text.data() + text.size(), nearest);
    const auto value = decimal(text);
    ASSERT_EQ(value.to_double(), nearest == 0 ? 0 : nearest) << text;
    ASSERT_EQ(decimal(value.to_text()).to_text(), value.to_text()) << text;
  }
}

TEST(Decimal, ArithmeticKeepsItsLaws) {
  std::mt19937_64 random{22};
  for (int i = 0; i < 20'000; ++i) {
    const auto a = decimal(random_text(random));
    const auto b = decimal(random_text(random));
    const auto minus_b = multiply(b, decimal("-1")).value();
    if (const auto sum = add(a, b)) {
      const auto back = add(*sum, minus_b);
      ASSERT_TRUE(back);
      ASSERT_EQ(*back, a);
      ASSERT_EQ(*sum <=> a, b <=> Decimal{});
    }
    if (const auto product = multiply(a, b)) {
      ASSERT_EQ(product->is_zero(), a.is_zero() || b.is_zero());
      ASSERT_EQ(product->is_negative(), !product->is_zero() && a.is_negative() != b.is_negative());
      const auto twice = multiply(*product, decimal("2"));
      ASSERT_EQ(text_of(twice), text_of(add(*product, *product)));
    }
    ASSERT_EQ(a <=> b, multiply(b, decimal("-1")).value() <=> multiply(a, decimal("-1")).value());
  }
}

}  // namespace
}  // namespace tdm
