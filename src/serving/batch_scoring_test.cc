// Files through a model: answers, parts, what goes on after a cut, what is refused.
#include "serving/batch_scoring.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "store/file_system.h"
#include "store/parquet.h"
#include "store/testing/temp_folder.h"
#include "types/frame.h"

namespace slipway::serving {
namespace {

using types::Column;
using types::ColumnType;

// Twice the number, missing where it is; and the length of the text.
class Doubling final : public Model {
 public:
  const ModelShape& shape() const override { return shape_; }
  std::string_view platform() const override { return "test"; }
  Result<void> predict(const ModelCall& call, std::vector<Output>& outputs) const override {
    ++calls;
    if (fail_at != 0 && calls >= fail_at) return base::error(Code::kUnavailable, "killed");
    std::vector<double> doubled;
    std::vector<std::int64_t> lengths;
    for (std::size_t row = 0; row < call.rows; ++row) {
      doubled.push_back(2 * call.inputs[0].numbers[row]);
      lengths.push_back(static_cast<std::int64_t>(call.inputs[1].texts[row].size()));
    }
    outputs = {{.name = "doubled", .type = DataType::kFp64, .values = std::move(doubled)},
               {.name = "length", .type = DataType::kInt64, .values = std::move(lengths)}};
    return {};
  }
  std::size_t memory_bytes() const override { return 0; }

  mutable std::atomic<int> calls = 0;
  int fail_at = 0;

 private:
  ModelShape shape_{.inputs = {{.name = "n"}, {.name = "t", .type = DataType::kBytes}},
                    .outputs = {{.name = "doubled", .type = DataType::kFp64},
                                {.name = "length", .type = DataType::kInt64}}};
};

// What it says of its answers is wrong, as a model of Python's may be, and open, as ONNX's.
class Labelling final : public Model {
 public:
  const ModelShape& shape() const override { return shape_; }
  std::string_view platform() const override { return "test"; }
  Result<void> predict(const ModelCall& call, std::vector<Output>& outputs) const override {
    if (++calls == fail_at) return base::error(Code::kUnavailable, "killed");
    std::vector<std::int64_t> labels;
    std::vector<std::string> words;
    for (std::size_t row = 0; row < call.rows; ++row) {
      labels.push_back(static_cast<std::int64_t>(call.inputs[0].numbers[row]) % 7);
      for (const char* word : {"low", "high"}) words.emplace_back(word);
    }
    outputs = {
        {.name = "label", .type = DataType::kInt64, .values = std::move(labels)},
        {.name = "word", .type = DataType::kBytes, .row_shape = {2}, .values = std::move(words)}};
    return {};
  }
  std::size_t memory_bytes() const override { return 0; }

  mutable std::atomic<int> calls = 0;
  int fail_at = 0;

 private:
  ModelShape shape_{.inputs = {{.name = "n"}},
                    .outputs = {{.name = "predict", .type = DataType::kFp64, .row_shape = {-1}}}};
};

class BatchScoringTest : public ::testing::Test {
 protected:
  BatchScoringTest() {
    for (int file = 0; file < 2; ++file) {
      store::ParquetWriter writer(folder_.path() / fmt::format("in-{}.parquet", file));
      for (int group = 0; group < 4; ++group) MUST(writer.append(rows(file, group)));
      MUST(writer.finish());
      options_.inputs.push_back({folder_.path() / fmt::format("in-{}.parquet", file)});
    }
    options_.scratch = out_ / "_slipway" / "unfinished";
    options_.keep = {"id"};
    options_.model_uri = "models:/m/3";
    options_.threads = 3;
    options_.rows_per_call = 40;
    options_.rows_per_part = 200;
  }
  static types::Frame rows(int file, int group) {
    Column id = Column::of_type("id", ColumnType::kString);
    Column n = Column::of_type("n", ColumnType::kInt64);
    Column t = Column::of_type("t", ColumnType::kString);
    for (int i = 0; i < 100; ++i) {
      id.append_string(fmt::format("{}/{}", file, group * 100 + i));
      i % 10 == 0 ? n.append_null() : n.append_int(group * 100 + i);
      t.append_string(std::string(static_cast<std::size_t>(i % 3), 'x'));
    }
    types::Frame frame;
    MUST(frame.add(std::move(n)));
    MUST(frame.add(std::move(t)));
    MUST(frame.add(std::move(id)));
    return frame;
  }
  Result<BatchScoringReport> score() { return score_with(model_); }
  Result<BatchScoringReport> score_with(const Model& model) {
    return score_files(model, options_, *output_,
                       [&](const BatchScoringProgress& at) { last_ = at; });
  }
  // Rows without a number, or with a smaller one, are refused.
  void refuse_below(int least) {
    options_.rules = MUST(types::read_input_rules(MUST(types::YamlNode::parse(
        fmt::format("on_violation: reject\ncolumns: {{n: {{min: {}, required: true}}}}", least)))));
  }
  // By the parts' names: their bytes, and their columns.
  std::map<std::string, std::string> parts() {
    std::map<std::string, std::string> bytes;
    for (const auto& entry : std::filesystem::directory_iterator(out_)) {
      if (entry.path().extension() == ".parquet")
        bytes[entry.path().filename()] = MUST(store::read_file(entry.path()));
    }
    return bytes;
  }
  static std::string columns_of(const std::filesystem::path& part) {
    std::string names;
    for (const auto& [name, type] : MUST(store::parquet_info(part)).columns)
      names += fmt::format("{} {}, ", name, types::type_name(type));
    return names;
  }

  store::testing::TempFolder folder_;
  const std::filesystem::path out_ = folder_.path() / "out";
  const std::unique_ptr<store::ObjectStore> output_ = store::open_folder_objects(out_);
  Doubling model_;
  BatchScoringOptions options_;
  BatchScoringProgress last_;
};

TEST_F(BatchScoringTest, EveryRowIsAnsweredOnceBesideItsId) {
  const auto report = score();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->rows, 800);
  EXPECT_EQ(report->parts, 4u);
  EXPECT_EQ(last_.rows, 800);
  std::size_t rows = 0;
  for (int file = 0; file < 2; ++file) {
    for (int part = 0; part < 2; ++part) {
      const types::Frame frame =
          MUST(store::read_parquet(out_ / fmt::format("part-{:05}-{:04}.parquet", file, part)));
      EXPECT_EQ(frame.columns().size(), 5u);  // id, row, doubled, length, model
      for (std::size_t row = 0; row < frame.rows(); ++row, ++rows) {
        const std::int64_t at = frame.find("row")->ints[row];
        EXPECT_EQ(at, part * 200 + static_cast<std::int64_t>(row));
        EXPECT_EQ(frame.find("id")->strings[row], fmt::format("{}/{}", file, at));
        EXPECT_EQ(frame.find("model")->strings[row], "models:/m/3");
        EXPECT_EQ(frame.find("length")->ints[row], at % 100 % 3);
        const double doubled = frame.find("doubled")->doubles[row];
        if (at % 10 == 0) {
          EXPECT_TRUE(std::isnan(doubled));
        } else {
          EXPECT_EQ(doubled, 2 * static_cast<double>(at));
        }
      }
    }
  }
  EXPECT_EQ(rows, 800u);
  const JsonObject& input = report->summary.at("input n").as_object();
  EXPECT_EQ(input.at("missing"), Json(80));
  EXPECT_EQ(report->summary.at("output doubled").as_object().at("max"), Json(798.0));
}

TEST_F(BatchScoringTest, ACutJobGoesOnWithThePartsThatAreMissing) {
  options_.threads = 1;
  model_.fail_at = 12;  // in the third part
  const auto cut = score();
  ASSERT_FALSE(cut);
  EXPECT_NE(cut.error().message.find("in-1.parquet"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(out_ / "_slipway.json"));
  model_.fail_at = 0;
  const auto report = score();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->rows_resumed, 400);
  EXPECT_EQ(last_.rows, 800);
  EXPECT_EQ(report->summary.at("input n").as_object().at("rows"), Json(800));
  EXPECT_EQ(MUST(score()).rows_resumed, 800) << "nothing left to do";
}

TEST_F(BatchScoringTest, RowsThatBreakARuleAreToldAndTheRefusedHaveNoAnswer) {
  options_.endpoint = "e";
  options_.rules = MUST(types::read_input_rules(MUST(types::YamlNode::parse(R"(
columns:
  n: {min: 100, max: 350, required: true, on_violation: reject}
  t: {pattern: '^x?$', on_violation: quarantine}
  other: {min: 1}
)"))));
  options_.threads = 1;
  model_.fail_at = 9;
  ASSERT_FALSE(score());
  model_.fail_at = 0;
  const auto report = score();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(report->rows_resumed, 0);
  std::int64_t rejected = 0, quarantined = 0;
  for (int file = 0; file < 2; ++file) {
    for (int part = 0; part < 2; ++part) {
      const types::Frame frame =
          MUST(store::read_parquet(out_ / fmt::format("part-{:05}-{:04}.parquet", file, part)));
      for (std::size_t row = 0; row < frame.rows(); ++row) {
        const std::int64_t at = frame.find("row")->ints[row];
        const bool is_missing = at % 10 == 0, is_long = at % 100 % 3 == 2;
        const bool is_refused = is_missing || at < 100 || at > 350;
        const Column& what = *frame.find("on_violation");
        EXPECT_EQ(what.is_valid(row), is_refused || is_long) << at;
        EXPECT_EQ(frame.find("doubled")->is_valid(row), !is_refused) << at;
        EXPECT_EQ(frame.find("length")->is_valid(row), !is_refused) << at;
        if (!is_refused) {
          EXPECT_EQ(frame.find("doubled")->doubles[row], 2 * static_cast<double>(at));
          EXPECT_EQ(frame.find("length")->ints[row], at % 100 % 3);
        }
        if (!is_refused && !is_long) continue;
        EXPECT_EQ(what.strings[row], is_refused ? "reject" : "quarantine");
        EXPECT_EQ(frame.find("input_violations")->strings[row],
                  std::string(is_refused && is_long ? "{\"n\":\"X\",\"t\":\"pattern\"}"
                              : is_refused          ? "{\"n\":\"X\"}"
                                                    : "{\"t\":\"pattern\"}")
                      .replace(is_refused ? 6 : 0, is_refused ? 1 : 0,
                               !is_refused  ? ""
                               : is_missing ? "required"
                               : at < 100   ? "min"
                                            : "max"))
            << at;
        ++(is_refused ? rejected : quarantined);
      }
    }
  }
  const JsonObject expected{{"reject", rejected}, {"quarantine", quarantined}, {"flag", 0}};
  EXPECT_EQ(report->violations->at("rows"), Json(expected));
  EXPECT_EQ(report->violations->at("values").as_object().at("n required"), Json(80));
  EXPECT_EQ(report->violations->at("not_checked"), Json(JsonArray{Json("other")}));
  EXPECT_EQ(report->summary.at("output doubled").as_object().at("rows"), Json(800 - rejected));
  EXPECT_EQ(report->summary.at("output doubled").as_object().at("missing"), Json(0));
  options_.rules.columns.pop_back();
  const Error other_rules = score().error();
  EXPECT_EQ(other_rules.code, Code::kFailedPrecondition);
  EXPECT_NE(other_rules.message.find("columns or rules"), std::string::npos);
  options_.rules =
      MUST(types::read_input_rules(MUST(types::YamlNode::parse("columns: {n: {pattern: x}}"))));
  options_.overwrite = true;
  EXPECT_EQ(score().error().code, Code::kInvalidArgument);
}

// Such a piece had the columns of the model's shape: the job failed whenever it was tried, or its
// parts differed.
TEST_F(BatchScoringTest, APieceWithoutAnswersHasTheColumnsOfOthers) {
  refuse_below(250);  // of both files the first part and what the second begins with
  const Labelling model;
  const auto report = score_with(model);
  ASSERT_TRUE(report) << report.error().message;
  const auto whole = parts();
  ASSERT_EQ(whole.size(), 4u);
  for (const auto& [name, bytes] : whole) {
    EXPECT_EQ(columns_of(out_ / name),
              "id string, row int64, label int64, word_0 string, word_1 string, model string, "
              "input_violations string, on_violation string, ")
        << name;
    const types::Frame frame = MUST(store::read_parquet(out_ / name));
    for (std::size_t row = 0; row < frame.rows(); ++row) {
      const std::int64_t at = frame.find("row")->ints[row];
      const bool is_refused = at < 250 || at % 10 == 0;
      EXPECT_EQ(frame.find("label")->is_valid(row), !is_refused) << at;
      EXPECT_EQ(frame.find("word_1")->is_valid(row), !is_refused) << at;
      EXPECT_EQ(frame.find("label")->ints[row], is_refused ? 0 : at % 7) << at;
    }
  }
  EXPECT_EQ(report->summary.at("output label").as_object().at("rows"), Json(2 * 135));

  // Whoever begins, and wherever it is cut off, the same comes out.
  for (const std::size_t threads : {1u, 3u}) {
    options_.threads = threads;
    for (int calls = 1; calls < 6; ++calls) {
      std::filesystem::remove_all(out_);
      Labelling cut;
      cut.fail_at = calls;
      ASSERT_FALSE(score_with(cut)) << calls;
      ASSERT_TRUE(score_with(model));
      EXPECT_EQ(parts(), whole) << threads << " threads, cut at call " << calls;
    }
  }
}

TEST_F(BatchScoringTest, WhereTheRulesLeaveNothingThereAreNoAnswers) {
  refuse_below(1000);
  const Labelling model;
  const auto report = score_with(model);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(model.calls, 0);
  for (const auto& [name, bytes] : parts()) {
    EXPECT_EQ(columns_of(out_ / name),
              "id string, row int64, model string, input_violations string, on_violation string, ");
  }
  EXPECT_FALSE(report->summary.contains("output label"));
  EXPECT_EQ(report->violations->at("rows").as_object().at("reject"), Json(800));
}

TEST_F(BatchScoringTest, AnotherJobsFolderIsNotMixedWithThisOne) {
  ASSERT_TRUE(score());
  options_.model_uri = "models:/m/4";
  EXPECT_EQ(score().error().code, Code::kFailedPrecondition);
  options_.overwrite = true;
  EXPECT_EQ(MUST(score()).rows_resumed, 0);
  options_.overwrite = false;
  options_.model_digest = "of other bytes";
  EXPECT_EQ(score().error().code, Code::kFailedPrecondition);
}

TEST_F(BatchScoringTest, WhatCannotBeScoredIsToldBeforeAnythingIsWritten) {
  options_.keep = {"nobody"};
  EXPECT_NE(score().error().message.find("column=nobody"), std::string::npos);
  options_.keep = {"row"};
  EXPECT_EQ(score().error().code, Code::kInvalidArgument);
  options_.keep = {};
  types::Frame other;
  Column n = Column::of_type("n", ColumnType::kString);
  n.append_string("x");
  MUST(other.add(std::move(n)));
  MUST(store::write_parquet(other, options_.inputs[1].file));
  EXPECT_NE(score().error().message.find("column n must be a number for the model, it is string"),
            std::string::npos);
  options_.inputs = {{folder_.path() / "nowhere.parquet"}};
  EXPECT_EQ(score().error().code, Code::kNotFound);
  options_.inputs = {};
  EXPECT_EQ(score().error().code, Code::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(out_));
}

}  // namespace
}  // namespace slipway::serving
