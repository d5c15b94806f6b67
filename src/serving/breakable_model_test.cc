#include "serving/breakable_model.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace slipway::serving {
namespace {

// Says of each row what it was sent.
class EchoModel final : public Model {
 public:
  const ModelShape& shape() const override { return shape_; }
  std::string_view platform() const override { return "echo"; }
  std::size_t memory_bytes() const override { return 7; }
  Result<void> predict(const ModelCall& call, std::vector<Output>& outputs) const override {
    const double* const numbers = call.inputs[0].numbers;
    outputs.assign(1,
                   {.name = "echo", .values = std::vector<double>(numbers, numbers + call.rows)});
    return {};
  }

 private:
  const ModelShape shape_{.inputs = {{.name = "x"}}, .outputs = {{.name = "echo"}}};
};

struct Asked {
  Result<void> done;
  std::vector<Output> outputs;
};

Asked ask(const Model& model, const std::vector<double>& numbers) {
  const InputView view{.numbers = numbers.data()};
  std::vector<Output> outputs;
  Result<void> done =
      model.predict({.rows = numbers.size(), .inputs = {&view, 1}, .params = {}}, outputs);
  return {std::move(done), std::move(outputs)};
}

TEST(BreakableModel, AnswersAsTheModelDoesUntilItIsBroken) {
  ModelFaults faults;
  const auto model = make_breakable(std::make_shared<EchoModel>(), faults);
  EXPECT_TRUE(model->may_block());  // it may be made to wait
  EXPECT_EQ(model->platform(), "echo");
  EXPECT_EQ(model->memory_bytes(), 7u);
  const Asked well = ask(*model, {1, 2});
  ASSERT_TRUE(well.done);
  EXPECT_EQ(std::get<std::vector<double>>(well.outputs[0].values), (std::vector<double>{1, 2}));
}

TEST(BreakableModel, TheSameShareOfRowsFailsEveryTime) {
  ModelFaults faults;
  const auto model = make_breakable(std::make_shared<EchoModel>(), faults);
  faults.failing_share = 0.25;
  constexpr int kRows = 4000;
  int failed = 0;
  for (int row = 0; row < kRows; ++row) {
    const bool fails = !ask(*model, {row + 0.5}).done;
    EXPECT_EQ(!ask(*model, {row + 0.5}).done, fails);
    failed += fails ? 1 : 0;
  }
  EXPECT_NEAR(failed, kRows / 4, 120);  // four standard deviations
  faults.failing_share = 1;
  EXPECT_EQ(ask(*model, {1}).done.error().code, Code::kInternal);
  faults.failing_share = 0;
  EXPECT_TRUE(ask(*model, {1}).done);
}

TEST(BreakableModel, AnswersComeLater) {
  ModelFaults faults;
  const auto model = make_breakable(std::make_shared<EchoModel>(), faults);
  faults.late_ms = 30;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(ask(*model, {1}).done);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(30));
}

}  // namespace
}  // namespace slipway::serving
