// Where tensors go: into columns, over the columns of a model, or whole.
#include "api/predict/tensor_batch.h"

#include <gtest/gtest.h>

#include <cstring>
#include <ctime>

namespace slipway::api::predict {
namespace {

using serving::DataType;
using serving::InputSpec;

ModelInputs model_of(std::vector<InputSpec> inputs) {
  auto shared = std::make_shared<const std::vector<InputSpec>>(std::move(inputs));
  return [shared]() -> Result<Inputs> { return shared; };
}

template <typename Element>
SentTensor tensor(std::string_view name, DataType type, std::initializer_list<std::int64_t> shape,
                  const std::vector<Element>& values) {
  static std::deque<std::vector<std::int64_t>> shapes;
  return {.name = name,
          .type = type,
          .shape = shapes.emplace_back(shape),
          .bytes = std::as_bytes(std::span(values))};
}

double number(const serving::Batch& batch, std::size_t column, std::size_t row) {
  return std::get<double>(batch.cell(column, row));
}

TEST(TensorBatch, ColumnsOfEveryNumberType) {
  const ModelInputs model = model_of({});
  TensorBatch tensors(4, model);
  const std::vector<std::int64_t> wide = {std::int64_t{1} << 53, -3};
  const std::vector<std::uint8_t> flags = {1, 0};
  const std::vector<std::uint16_t> halves = {0x3E00, 0xC000};
  const std::vector<float> floats = {0.5f, -0.25f};
  ASSERT_TRUE(tensors.add(tensor("wide", DataType::kInt64, {2}, wide)));
  ASSERT_TRUE(tensors.add(tensor("flag", DataType::kBool, {2, 1}, flags)));
  ASSERT_TRUE(tensors.add(tensor("half", DataType::kFp16, {2}, halves)));
  ASSERT_TRUE(tensors.add(tensor("float", DataType::kFp32, {2}, floats)));
  Inputs inputs;
  const auto batch = tensors.finish(inputs);
  ASSERT_TRUE(batch);
  EXPECT_EQ(number(*batch, 0, 0), 9007199254740992.0);
  EXPECT_EQ(number(*batch, 1, 0), 1);
  EXPECT_EQ(number(*batch, 2, 0), 1.5);
  EXPECT_EQ(number(*batch, 2, 1), -2);
  EXPECT_EQ(number(*batch, 3, 1), -0.25);
}

TEST(TensorBatch, AMatrixSpreadsAndATensorStaysWhole) {
  const std::vector<float> values = {1, 2, 3, 4};
  const ModelInputs columns = model_of({{.name = "a"}, {.name = "b"}});
  TensorBatch spread(1, columns);
  ASSERT_TRUE(spread.add(tensor("input-0", DataType::kFp32, {2, 2}, values)));
  Inputs inputs;
  const auto batch = spread.finish(inputs);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->names, (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(number(*batch, 1, 0), 2);
  EXPECT_EQ(number(*batch, 0, 1), 3);

  const ModelInputs image =
      model_of({{.name = "image", .type = DataType::kFp32, .row_shape = {2, 1}}, {.name = "k"}});
  TensorBatch whole(2, image);
  ASSERT_TRUE(whole.add(tensor("image", DataType::kFp32, {2, 2, 1}, values)));
  ASSERT_TRUE(whole.add(tensor("k", DataType::kFp32, {2, 1}, std::vector<float>{7, 8})));
  const auto kept = whole.finish(inputs);
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->tensors.size(), 1u);
  EXPECT_EQ(kept->tensors[0].shape, (std::vector<std::int64_t>{2, 2, 1}));
  EXPECT_EQ(kept->names, (std::vector<std::string_view>{"k"}));
}

TEST(TensorBatch, SaysWhatIsWrong) {
  struct Case {
    const char* name;
    SentTensor tensor;
    const char* says;
  };
  static const std::vector<float> four = {1, 2, 3, 4};
  static const std::vector<std::int64_t> beyond = {(std::int64_t{1} << 53) + 1};
  static const std::vector<std::uint64_t> huge = {std::uint64_t{1} << 63};
  static const std::vector<std::uint8_t> two = {2};
  static const std::int64_t one[] = {1};
  static const std::string_view broken[] = {"\xFF"};
  const Case cases[] = {
      {"too few bytes", tensor("a", DataType::kFp64, {4}, four), "16 bytes"},
      {"a column twice as wide", tensor("a", DataType::kFp32, {2, 2}, four), "[2] or [2,1]"},
      {"too wide", tensor("i", DataType::kFp32, {1, 4}, four), "4 columns"},
      {"too deep", tensor("i", DataType::kFp32, {1, 2, 2}, four), "reads a, b"},
      {"no rows", tensor("a", DataType::kFp32, {}, four), "1 to 8 dimensions"},
      {"rounded", tensor("a", DataType::kInt64, {1}, beyond), "9007199254740993"},
      {"rounded too", tensor("a", DataType::kUint64, {1}, huge), "beyond 2^53"},
      {"no bool", tensor("a", DataType::kBool, {1}, two), "0 or 1"},
      {"no text", {.name = "a", .type = DataType::kBytes, .shape = one, .texts = broken}, "UTF-8"},
      {"overflowing", tensor("a", DataType::kFp32, {1 << 24, 1 << 24, 1 << 16}, four),
       "too many elements"},
  };
  const ModelInputs model = model_of({{.name = "a"}, {.name = "b"}});
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    TensorBatch tensors(1, model);
    const auto added = tensors.add(c.tensor);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, Code::kInvalidArgument);
    EXPECT_NE(added.error().message.find(c.says), std::string::npos) << added.error().message;
  }
}

// Each name was looked for among all before it.
TEST(TensorBatch, NamesTakeTimeByTheirNumberOnlyAndHaveALimit) {
  const ModelInputs model = model_of({{.name = "a"}});
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= kColumnsMax; ++i) names.push_back(std::to_string(i));
  const std::vector<float> one = {1};
  const auto with = [&](std::size_t count, const char* last) -> Result<serving::Batch> {
    TensorBatch tensors(count, model);
    for (std::size_t i = 0; i < count; ++i) {
      std::string_view name = names[i];
      if (last != nullptr && i + 1 == count) name = last;
      TRY(tensors.add(tensor(name, DataType::kFp32, {1}, one)));
    }
    Inputs inputs;
    return tensors.finish(inputs);
  };
  const std::clock_t before = std::clock();
  EXPECT_TRUE(with(kColumnsMax, nullptr));
  const auto twice = with(kColumnsMax, "7");
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().message.find("comes twice: column=7"), std::string::npos);
  const auto more = with(kColumnsMax + 1, nullptr);
  ASSERT_FALSE(more);
  EXPECT_NE(more.error().message.find("more than 100000 columns"), std::string::npos);
  EXPECT_LT(std::clock() - before, 5 * CLOCKS_PER_SEC);
}

TEST(TensorBatch, TextsHaveTheirLengthBefore) {
  std::vector<std::string_view> texts;
  ASSERT_TRUE(split_texts("x", std::string_view("\2\0\0\0ab\0\0\0\0", 10), 2, texts));
  EXPECT_EQ(texts, (std::vector<std::string_view>{"ab", ""}));
  for (const auto& [bytes, says] :
       {std::pair{std::string_view("\2\0\0\0a", 5), "ends inside"}, {"\2\0", "ends before"}}) {
    texts.clear();
    const auto split = split_texts("x", bytes, 1, texts);
    ASSERT_FALSE(split);
    EXPECT_NE(split.error().message.find(says), std::string::npos) << split.error().message;
  }
  texts.clear();
  EXPECT_FALSE(split_texts("x", std::string_view("\0\0\0\0!", 5), 1, texts));
}

}  // namespace
}  // namespace slipway::api::predict
