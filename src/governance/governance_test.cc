// Who sees what, and whose rows don't come back.
#include "governance/governance.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::governance {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

const std::vector<TagPolicy> kPolicies = {
    {.tag = "pii", .mask = Mask::kHash, .readable_by = {"stewards"}},
    {.tag = "secret"},
    {.tag = "patient", .mask = Mask::kNone}};

const ColumnTags kTags = {{"email", {"pii"}},
                          {"diagnosis", {"pii", "secret"}},
                          {"patient_id", {"patient"}},
                          {"free", {}}};

Frame patients() {
  Column id = Column::of_type("patient_id", ColumnType::kInt64);
  Column email = Column::of_type("email", ColumnType::kString);
  Column diagnosis = Column::of_type("diagnosis", ColumnType::kDouble);
  Column seen = Column::of_type("seen", ColumnType::kTimestamp);
  for (int i = 0; i < 4; ++i) {
    id.append_int(i % 2);
    i == 3 ? email.append_null() : email.append_string(i % 2 == 0 ? "a@x" : "b@x");
    diagnosis.append_double(i);
    seen.append_int(i * 10);
  }
  Frame frame;
  for (Column* column : {&id, &email, &diagnosis, &seen}) MUST(frame.add(std::move(*column)));
  return frame;
}

TEST(Tags, AreReadWithTheirPlace) {
  const auto policies = parse_tags(
      "project: p\ntags:\n  pii: {mask: hash, readable_by: [stewards]}\n  secret: {}\n"
      "  patient: {mask: none}\n");
  ASSERT_TRUE(policies) << policies.error().message;
  EXPECT_EQ(*policies, kPolicies);
  EXPECT_TRUE(MUST(parse_tags("project: p")).empty());
  const auto wrong = parse_tags("tags:\n  pii: {mask: blur}\n");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("line 2"), std::string::npos) << wrong.error().message;
  EXPECT_FALSE(parse_tags("tags: {pii: {hidden: true}}"));
}

TEST(Tags, ThePlanSaysWhatChanges) {
  std::vector<TagPolicy> after = kPolicies;
  after[0].readable_by.clear();
  after.erase(after.begin() + 1);
  after.push_back({.tag = "new"});
  std::map<std::string, std::string> changes;
  for (const PolicyChange& change : plan(kPolicies, after)) changes[change.name] = change.change;
  EXPECT_EQ(changes, (std::map<std::string, std::string>{{"pii", "updated"},
                                                         {"secret", "removed"},
                                                         {"patient", "unchanged"},
                                                         {"new", "created"}}));
}

TEST(Masks, GoByRoleAndTheStrictestTag) {
  EXPECT_TRUE(masks_of(kPolicies, kTags, {.sees_all = true}).empty());
  EXPECT_EQ(masks_of(kPolicies, kTags, {}),
            (Masks{{"email", Mask::kHash}, {"diagnosis", Mask::kHide}}));
  EXPECT_EQ(masks_of(kPolicies, kTags, {.roles = {"others", "stewards"}}),
            (Masks{{"diagnosis", Mask::kHide}}));
  // Nobody has said who may read it.
  EXPECT_EQ(masks_of({}, kTags, {.roles = {"stewards"}}),
            (Masks{{"email", Mask::kHide}, {"diagnosis", Mask::kHide}}));
}

TEST(Masks, TheSameTextHasTheSamePseudonymAndNothingElseIsLeft) {
  Frame frame = patients();
  apply_masks(frame, {{"email", Mask::kHash}, {"diagnosis", Mask::kHash}, {"gone", Mask::kHide}},
              "key");
  const Column& email = *frame.find("email");
  EXPECT_EQ(email.strings[0], email.strings[2]);
  EXPECT_NE(email.strings[0], email.strings[1]);
  EXPECT_EQ(email.strings[0], pseudonym("key", "a@x"));
  EXPECT_NE(email.strings[0], pseudonym("other", "a@x"));
  EXPECT_FALSE(email.is_valid(3));
  EXPECT_EQ(frame.find("diagnosis")->null_count(), 4U);
  EXPECT_EQ(frame.find("patient_id")->null_count(), 0U);
  JsonObject row{{"email", "a@x"}, {"diagnosis", 3}, {"hour", 5}};
  apply_masks(row, {{"email", Mask::kHash}, {"diagnosis", Mask::kHash}}, "key");
  EXPECT_EQ(row,
            (JsonObject{{"email", pseudonym("key", "a@x")}, {"diagnosis", nullptr}, {"hour", 5}}));
}

std::unique_ptr<store::Db> open_db(const std::filesystem::path& folder, const base::Clock& clock,
                                   base::Random& random) {
  return MUST(store::open_sqlite({.file = folder / "db"}, clock, random));
}

class GovernanceTest : public ::testing::Test {
 protected:
  GovernanceTest() {
    MUST(db_->migrate({migrations()}));
    MUST(governance_.open());
  }
  store::testing::TempFolder folder_;
  base::ManualClock clock_{{15}};
  base::SeededRandom random_{3};
  std::unique_ptr<store::Db> db_ = open_db(folder_.path(), clock_, random_);
  Governance governance_{*db_, clock_, random_};
};

TEST_F(GovernanceTest, ErasedRowsStayAwayAlsoAfterARestart) {
  EXPECT_TRUE(governance_.erased_rows(patients(), kTags, "seen").empty());
  const Erasure begun = MUST(governance_.begin_erasure("patient", "0", "ann"));
  EXPECT_FALSE(begun.done_at);
  // Row 2 is from later; without a time nobody knows.
  EXPECT_EQ(governance_.erased_rows(patients(), kTags, "seen"), std::vector<std::size_t>{0});
  EXPECT_EQ(governance_.erased_rows(patients(), kTags, ""), (std::vector<std::size_t>{0, 2}));
  // The value under another tag, and the tag on another column, are somebody else.
  EXPECT_TRUE(governance_.erased_rows(patients(), {{"patient_id", {"doctor"}}}, "").empty());
  EXPECT_TRUE(governance_.erased_rows(patients(), {{"email", {"patient"}}}, "").empty());
  const Erasure done = MUST(governance_.finish_erasure(begun.id, {{"rows", 7}}, {{"rows", 7}}));
  EXPECT_EQ(done.done_at, base::Timestamp{15});
  Governance again(*db_, clock_, random_);
  MUST(again.open());
  EXPECT_EQ(again.erased_rows(patients(), kTags, ""), (std::vector<std::size_t>{0, 2}));
  const auto erasures = MUST(again.erasures());
  ASSERT_EQ(erasures.size(), 1U);
  EXPECT_EQ(erasures[0].report, (JsonObject{{"rows", 7}}));
  EXPECT_EQ(again.key(), governance_.key());
  EXPECT_EQ(MUST(again.erasures())[0].to_json().at("actor"), Json("ann"));
}

TEST_F(GovernanceTest, WhoWasErasedIsNotKept) {
  MUST(governance_.begin_erasure("patient", "4712-very-secret", "ann"));
  MUST(db_->read([&](store::Reader& reader) {
    return reader.query("SELECT tag, subject, actor, report FROM erasures", {},
                        [&](const store::Row& row) {
                          for (int column = 0; column < 4; ++column)
                            EXPECT_EQ(row.string(column).find("4712"), std::string::npos);
                        });
  }));
}

TEST_F(GovernanceTest, NumbersAreKeptAwayHoweverTheyAreWritten) {
  MUST(governance_.begin_erasure("patient", "1.0", "ann"));
  EXPECT_EQ(governance_.erased_rows(patients(), kTags, ""), (std::vector<std::size_t>{1, 3}));
  Governance again(*db_, clock_, random_);
  MUST(again.open());
  EXPECT_EQ(again.erased_rows(patients(), kTags, ""), (std::vector<std::size_t>{1, 3}));
}

TEST_F(GovernanceTest, TextsThatLookLikeTheNumberAreSomebodyElse) {
  Column id = Column::of_type("patient_id", ColumnType::kString);
  for (const char* text : {"1.1", "1.10", "1.100"}) id.append_string(text);
  Frame frame;
  MUST(frame.add(std::move(id)));
  MUST(governance_.begin_erasure("patient", "1.10", "ann"));
  EXPECT_EQ(governance_.erased_rows(frame, kTags, ""), std::vector<std::size_t>{1});
}

TEST(SubjectText, NumbersHaveOneFormWhateverSomebodyWrites) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(number_forms("4711"), Texts{});
  EXPECT_EQ(number_forms("4711.0"), Texts{"4711"});
  EXPECT_EQ(number_forms("-0.50"), Texts{"-0.5"});
  EXPECT_EQ(number_forms("12345678901234567"), Texts{"1.2345678901234568e+16"});
  for (const char* name : {"bob", "", "007", "12e5", "0x10", "nan", "4711 ", "1."})
    EXPECT_EQ(number_forms(name), Texts{});
}

TEST(SubjectText, IsWhatPeopleWrite) {
  Column number = Column::of_type("n", ColumnType::kDouble);
  number.append_double(4711);
  number.append_double(0.5);
  number.append_null();
  EXPECT_EQ(subject_text(number, 0), "4711");
  EXPECT_EQ(subject_text(number, 1), "0.5");
  EXPECT_EQ(subject_text(number, 2), "");
}

}  // namespace
}  // namespace slipway::governance
