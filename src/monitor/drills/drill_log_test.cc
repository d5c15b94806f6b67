// Drills through their public face: kept over a restart, the newest of each endpoint, and what is
// refused.
#include "monitor/drills/drill_log.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

constexpr const char* kReport = R"({
  "endpoint": "e", "grade": "B", "caught": 1, "faults_played": 2, "false_pages": 0,
  "from": "2024-01-01T00:00:00Z", "start": "2024-01-02T00:00:00Z", "until": "2024-01-09T00:00:00Z",
  "faults": [
    {"fault": "nulls:x", "what": "x is missing", "group": "input", "caught": true, "by": "alert a",
     "harmed": 3, "delay_seconds": 60.0, "suggestion": null,
     "noticed": [{"monitor": "m", "alert": "a", "delay_seconds": 60.0}]},
    {"fault": "labels:none", "what": "no outcomes come", "group": "labels", "caught": false,
     "by": null, "harmed": 9, "delay_seconds": null, "noticed": [],
     "suggestion": {"metric": "completeness", "window": "day", "under": 0.5, "min_rows": 50,
                    "delay_seconds": 86400}}],
  "controls": [{"fault": "nothing", "what": "as it was", "group": "control", "caught": false,
                "by": null, "harmed": 0, "delay_seconds": null, "noticed": []}]})";

JsonObject report(std::string_view from = {}, std::string_view to = {}) {
  std::string text = kReport;
  if (!from.empty()) text.replace(text.find(from), from.size(), to);
  return MUST(base::parse_json_object(text));
}

class DrillLogTest : public ::testing::Test {
 protected:
  DrillLogTest() { open(); }
  void open() {
    db_.reset();
    db_ = MUST(store::open_sqlite({.file = folder_.path() / "db"}, clock_, random_));
    MUST(db_->migrate({DrillLog::migrations()}));
  }
  DrillLog log(std::size_t kept = 50) { return DrillLog(*db_, clock_, kept); }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'700'000'000'000'000}};
  base::SeededRandom random_{3};
  std::unique_ptr<store::Db> db_;
};

TEST_F(DrillLogTest, KeepsTheNewestOfEachEndpoint) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(MUST(log(2).keep("e", report(), "ann")).id, i + 1);
  EXPECT_EQ(MUST(log(2).keep("f", report("\"e\"", "\"f\""), "bob")).id, 1);
  open();
  const auto kept = MUST(log().of_endpoint("e"));
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].id, 3);
  EXPECT_EQ(kept[1].id, 2);
  EXPECT_EQ(kept[0].report, report());
  EXPECT_EQ(kept[0].actor, "ann");
  EXPECT_EQ(kept[0].time, clock_.now());
  EXPECT_EQ(base::to_text(kept[0].summary()["grade"]), "\"B\"");
  EXPECT_EQ(MUST(log().of_endpoint("f")).size(), 1u);
  EXPECT_EQ(log().get("e", 1).error().code, Code::kNotFound);
  EXPECT_EQ(MUST(log().get("e", 2)).id, 2);
}

TEST_F(DrillLogTest, SaysWhatIsWrongWithAReportAndWhere) {
  struct Case {
    const char* from;
    const char* to;
    const char* said;
  };
  const std::vector<Case> cases = {
      {"\"endpoint\": \"e\"", "\"endpoint\": \"g\"", "endpoint must be the one in the path"},
      {"\"grade\": \"B\"", "\"grade\": \"F\"", "grade must be A to E"},
      {"\"grade\": \"B\"", "\"grade\": \"\"", "grade must be A to E"},
      {"\"caught\": 1", "\"caught\": -1", "caught must not be negative"},
      {"\"caught\": 1", "\"caught\": \"one\"", "caught"},
      {"2024-01-02T00:00:00Z", "tomorrow", "start"},
      {"\"faults\": [", "\"defects\": [", "faults must be a list"},
      {"\"controls\": [", "\"controls\": [7, ", "controls[0] must be an object"},
      {"\"fault\": \"labels:none\", ", "", "faults[1]"},
      {"\"caught\": true", "\"caught\": null", "caught is missing"},
      {"\"under\": 0.5", "\"under\": 0.5, \"over\": 1", "suggestion needs over or under"},
      {"\"monitor\": \"m\"", "\"monitor\": 1", "noticed[0]"},
      {"\"delay_seconds\": 60.0", "\"delay_seconds\": -1.5", "delay_seconds must not be negative"},
  };
  for (const Case& one : cases) {
    const auto refused = log().keep("e", report(one.from, one.to), "ann");
    ASSERT_FALSE(refused) << one.to;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument) << one.to;
    EXPECT_NE(refused.error().message.find(one.said), std::string::npos) << refused.error().message;
  }
  EXPECT_TRUE(MUST(log().of_endpoint("e")).empty());
}

}  // namespace
}  // namespace slipway::monitor
