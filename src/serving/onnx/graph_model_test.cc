#include "serving/onnx/graph_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "serving/onnx/load.h"
#include "serving/onnx/testing/model_bytes.h"
#include "store/file_system.h"
#include "store/testing/temp_folder.h"

namespace slipway::serving::onnx {
namespace {

using testing::GraphParts;
using testing::kMl;
using testing::Message;
using testing::Operation;
using testing::tensor;
using testing::value_info;

using Integers = std::vector<std::int64_t>;
using Floats = std::vector<float>;
using Texts = std::vector<std::string>;

Result<std::shared_ptr<const serving::Model>> load(const GraphParts& parts,
                                                   const ModelShape* signature = nullptr) {
  const onnx::Model model = TRY(parse_model(testing::model_bytes(parts)));
  return GraphModel::load(model, TRY(interface_of(model.graph, signature)));
}

// A graph of "x", rows of three floats, to "y".
GraphParts of_three(std::vector<Operation> nodes, std::vector<Message> initializers = {}) {
  return {.inputs = {value_info("x", ElementType::kFloat, {-1, 3})},
          .outputs = {value_info("y", ElementType::kFloat, {-1, -1})},
          .initializers = std::move(initializers),
          .nodes = std::move(nodes)};
}

std::vector<Operation> nodes(auto... operations) {
  std::vector<Operation> all;
  (all.push_back(std::move(operations)), ...);
  return all;
}

Result<std::vector<Output>> ask(const serving::Model& model, const Floats& values) {
  const std::size_t rows = values.size() / 3;
  const serving::Tensor sent{.name = "x",
                             .type = DataType::kFp32,
                             .shape = {static_cast<std::int64_t>(rows), 3},
                             .bytes = std::as_bytes(std::span(values))};
  const InputView view{.tensor = &sent};
  std::vector<Output> outputs;
  TRY(model.predict({.rows = rows, .inputs = {&view, 1}, .params = {}}, outputs));
  return outputs;
}

TEST(GraphModel, AnswersWhatOperatorsMean) {
  const float nan = std::nanf("");
  struct Case {
    const char* name;
    GraphParts graph;
    Floats x, y;
  };
  const Case cases[] = {
      {"identity", of_three(nodes(Operation("Identity", {"x"}, {"y"}))), {1, 2, 3}, {1, 2, 3}},
      {"a constant for all columns",
       of_three(nodes(Operation("Add", {"x", "c"}, {"y"})), {tensor("c", {}, Floats{10})}),
       {1, 2, 3},
       {11, 12, 13}},
      {"a constant for each column, from the left",
       of_three(nodes(Operation("Sub", {"c", "x"}, {"y"})), {tensor("c", {1, 3}, Floats{1, 2, 4})}),
       {1, 2, 3, 0, 0, 1},
       {0, 0, 1, 1, 2, 3}},
      {"columns picked and put together",
       of_three(nodes(Operation("Gather", {"x", "i"}, {"a"}).set("axis", std::int64_t{1}),
                      Operation("Concat", {"a", "x"}, {"y"}).set("axis", std::int64_t{-1})),
                {tensor("i", {2}, Integers{2, -3})}),
       {1, 2, 3},
       {3, 1, 1, 2, 3}},
      {"every second column, backwards",
       of_three(nodes(Operation("Slice", {"x", "s", "e", "a", "t"}, {"y"})),
                {tensor("s", {1}, Integers{-1}), tensor("e", {1}, Integers{-9}),
                 tensor("a", {1}, Integers{1}), tensor("t", {1}, Integers{-2})}),
       {1, 2, 3},
       {3, 1}},
      {"constants are worked out when the model is loaded",
       of_three(nodes(Operation("Exp", {"c"}, {"d"}), Operation("Mul", {"d", "e"}, {"f"}),
                      Operation("Add", {"x", "f"}, {"y"})),
                {tensor("c", {3}, Floats{0, 0, 0}), tensor("e", {3}, Floats{1, 2, 3})}),
       {0, 0, 0},
       {1, 2, 3}},
      {"what no output needs is not known and not missed",
       of_three(nodes(Operation("Telepathy", {"x"}, {"z"}), Operation("Identity", {"x"}, {"y"}))),
       {1, 2, 3},
       {1, 2, 3}},
      {"a matrix",
       of_three(nodes(Operation("MatMul", {"x", "m"}, {"y"})),
                {tensor("m", {3, 2}, Floats{1, 0, 0, 1, 1, 1})}),
       {1, 2, 3, 4, 5, 6},
       {4, 5, 10, 11}},
      {"a matrix that lies on its side, and what is added",
       of_three(nodes(Operation("Gemm", {"x", "m", "c"}, {"y"})
                          .set("transB", std::int64_t{1})
                          .set("alpha", 2.0f)
                          .set("beta", 10.0f)),
                {tensor("m", {1, 3}, Floats{1, 1, 1}), tensor("c", {1}, Floats{1})}),
       {1, 2, 3},
       {22}},
      {"softmax", of_three(nodes(Operation("Softmax", {"x"}, {"y"}))), {0, 0, -1e30f}, {.5, .5, 0}},
      {"the largest, and where it is",
       of_three(nodes(Operation("ArgMax", {"x"}, {"i"}).set("axis", std::int64_t{1}),
                      Operation("Cast", {"i"}, {"f"}).set("to", std::int64_t{1}),
                      Operation("ReduceMax", {"x"}, {"m"}).set("axes", Integers{1}),
                      Operation("Concat", {"m", "f"}, {"y"}).set("axis", std::int64_t{1}))),
       {1, 5, 5, 9, 2, 3},
       {5, 1, 9, 0}},
      {"labels of positions, turned back into rows",
       of_three(nodes(Operation("ArgMax", {"x"}, {"i"}).set("axis", std::int64_t{1}),
                      Operation("ArrayFeatureExtractor", {"l", "i"}, {"a"}, kMl),
                      Operation("Reshape", {"a", "s"}, {"y"})),
                {tensor("l", {3}, Floats{10, 20, 30}), tensor("s", {2}, Integers{-1, 1})}),
       {0, 0, 1, 0, 1, 0},
       {30, 20}},
      {"a shape with the number of rows in it",
       of_three(nodes(Operation("Shape", {"x"}, {"s"}), Operation("ConstantOfShape", {"s"}, {"z"}),
                      Operation("Less", {"z", "x"}, {"b"}),
                      Operation("Where", {"b", "x", "z"}, {"y"}))),
       {-1, 2, -3},
       {0, 2, 0}},
      {"rows of a matrix that are reduced in the middle",
       of_three(nodes(Operation("Reshape", {"x", "s"}, {"a"}), Operation("Sub", {"a", "c"}, {"d"}),
                      Operation("ReduceSumSquare", {"d"}, {"y"})
                          .set("axes", Integers{2})
                          .set("keepdims", std::int64_t{0})),
                {tensor("s", {3}, Integers{-1, 1, 3}),
                 tensor("c", {1, 2, 3}, Floats{0, 0, 0, 1, 1, 1})}),
       {1, 2, 3},
       {14, 5}},
      {"imputer and scaler",
       of_three(nodes(Operation("Imputer", {"x"}, {"a"}, kMl)
                          .set("imputed_value_floats", Floats{7, 8, 9})
                          .set("replaced_value_float", nan),
                      Operation("Scaler", {"a"}, {"y"}, kMl)
                          .set("offset", Floats{1, 1, 1})
                          .set("scale", Floats{2, 2, 2}))),
       {nan, 2, nan},
       {12, 2, 16}},
      {"one hot, of numbers that are cut to whole ones",
       of_three(
           nodes(Operation("OneHotEncoder", {"x"}, {"a"}, kMl).set("cats_int64s", Integers{1, 2}),
                 Operation("Reshape", {"a", "s"}, {"y"})),
           {tensor("s", {2}, Integers{-1, 6})}),
       {1.5, 2, 77},
       {1, 0, 0, 1, 0, 0}},
      {"norms",
       of_three(nodes(Operation("Normalizer", {"x"}, {"y"}, kMl).set("norm", "L1"))),
       {1, -1, 2, 0, 0, 0},
       {.25, -.25, .5, 0, 0, 0}},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    const auto model = load(one.graph);
    ASSERT_TRUE(model) << model.error().message;
    const auto outputs = ask(**model, one.x);
    ASSERT_TRUE(outputs) << outputs.error().message;
    ASSERT_EQ(outputs->size(), 1u);
    const auto& values = std::get<Floats>(outputs->front().values);
    ASSERT_EQ(values.size(), one.y.size());
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_FLOAT_EQ(values[i], one.y[i]) << i;
  }
}

TEST(GraphModel, OneRowAnswersAsAmongMany) {
  const auto model = load(
      of_three(nodes(Operation("Scaler", {"x"}, {"a"}, kMl)
                         .set("offset", Floats{1, 2, 3})
                         .set("scale", Floats{0.1f, 0.2f, 0.3f}),
                     Operation("Concat", {"a", "x"}, {"b"}).set("axis", std::int64_t{1}),
                     Operation("MatMul", {"b", "m"}, {"c"}), Operation("Sigmoid", {"c"}, {"y"})),
               {tensor("m", {6, 5}, Floats(30, 0.25f))}));
  ASSERT_TRUE(model) << model.error().message;
  constexpr std::size_t kRows = 5000;  // several blocks
  Floats x;
  for (std::size_t i = 0; i < kRows * 3; ++i) x.push_back(std::sin(static_cast<float>(i)));
  const auto all = ask(**model, x);
  ASSERT_TRUE(all);
  const auto& together = std::get<Floats>(all->front().values);
  ASSERT_EQ(together.size(), kRows * 5);
  for (std::size_t r = 0; r < kRows; r += 617) {
    const auto one = ask(**model, {x[3 * r], x[3 * r + 1], x[3 * r + 2]});
    const auto& alone = std::get<Floats>(one->front().values);
    for (std::size_t c = 0; c < 5; ++c) EXPECT_NEAR(alone[c], together[r * 5 + c], 1e-6);
  }
}

// "x" becomes "y" with so many dimensions more.
std::vector<Operation> deeper(int dimensions) {
  std::vector<Operation> made;
  std::string name = "x";
  for (int d = 0; d < dimensions; ++d) {
    const std::string next = d + 1 == dimensions ? "y" : "x" + std::to_string(d);
    made.push_back(Operation("Unsqueeze", {name}, {next}).set("axes", Integers{1}));
    name = next;
  }
  return made;
}

// ONNX's own operators are those of the domain "" and of "ai.onnx", which is the same.
TEST(GraphModel, KnowsBothNamesOfTheDomain) {
  GraphParts parts = of_three(
      nodes(Operation("Unsqueeze", {"x"}, {"u"}, "ai.onnx").set("axes", Integers{2}),
            Operation("Softmax", {"u"}, {"y"}, "ai.onnx")));  // since 13 over the last dimension
  parts.domain = "ai.onnx";
  const auto model = load(parts);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(std::get<Floats>(ask(**model, {1, 2, 3})->front().values), (Floats{1, 1, 1}));
}

TEST(GraphModel, SaysWhatIsNotKnownHere) {
  struct Case {
    const char* says;
    GraphParts graph;
  };
  const Case cases[] = {
      {"the operator Telepathy is not known",
       of_three(nodes(Operation("Telepathy", {"x"}, {"y"})))},
      {"the operator ai.onnx.ml.SVDD is not known",
       of_three(nodes(Operation("SVDD", {"x"}, {"y"}, kMl)))},
      {"goes along the rows",
       of_three(nodes(Operation("Concat", {"x", "x"}, {"y"}).set("axis", std::int64_t{0})))},
      {"goes along the rows", of_three(nodes(Operation("ReduceSum", {"x"}, {"y"})))},
      {"from row to row",
       of_three(nodes(Operation("Reshape", {"x", "s"}, {"y"})), {tensor("s", {1}, Integers{-1})})},
      {"each row meets every other",
       of_three(nodes(Operation("Transpose", {"x"}, {"t"}), Operation("Gather", {"t", "i"}, {"a"}),
                      Operation("Gather", {"x", "i"}, {"b"}).set("axis", std::int64_t{1}),
                      Operation("Add", {"a", "b"}, {"y"})),
                {tensor("i", {1}, Integers{0})})},
      {"of different types",
       of_three(nodes(Operation("Cast", {"x"}, {"d"}).set("to", std::int64_t{11}),
                      Operation("Add", {"x", "d"}, {"y"})))},
      // The number of rows is no number yet: it has a place, and nothing to calculate with.
      {"with the number of rows",
       of_three(nodes(Operation("Cast", {"x"}, {"w"}).set("to", std::int64_t{7}),
                      Operation("Shape", {"x"}, {"s"}), Operation("Gather", {"s", "i"}, {"n"}),
                      Operation("Mul", {"w", "n"}, {"m"}),
                      Operation("Cast", {"m"}, {"y"}).set("to", std::int64_t{1})),
                {tensor("i", {}, Integers{0})})},
      {"with the number of rows",
       of_three(nodes(Operation("ArgMax", {"x"}, {"p"}).set("axis", std::int64_t{1}),
                      Operation("Shape", {"x"}, {"s"}), Operation("Gather", {"s", "p"}, {"n"}),
                      Operation("Cast", {"n"}, {"y"}).set("to", std::int64_t{1})))},
      {"with the number of rows",
       of_three(nodes(Operation("Shape", {"x"}, {"s"}), Operation("Gather", {"s", "i"}, {"n"}),
                      Operation("Expand", {"n", "s"}, {"e"}),
                      Operation("Cast", {"e"}, {"y"}).set("to", std::int64_t{1})),
                {tensor("i", {1}, Integers{0})})},
      {"more than 64 dimensions", of_three(deeper(65))},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.says);
    const auto model = load(one.graph);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, Code::kInvalidArgument);
    EXPECT_NE(model.error().message.find(one.says), std::string::npos) << model.error().message;
  }
}

TEST(GraphModel, RefusesDamage) {
  const GraphParts damaged[] = {
      of_three(nodes(Operation("Identity", {"z"}, {"y"}))),
      of_three(nodes(Operation("Add", {"x"}, {"y"}))),
      of_three(nodes(Operation("Identity", {"x"}, {"z"}))),
      of_three(nodes(Operation("Gather", {"x", "i"}, {"y"}).set("axis", std::int64_t{1})),
               {tensor("i", {1}, Integers{3})}),
      of_three(nodes(Operation("MatMul", {"x", "m"}, {"y"})), {tensor("m", {4, 1}, Floats(4))}),
      of_three(nodes(Operation("Add", {"x", "c"}, {"y"})), {tensor("c", {2}, Floats(3))}),
      of_three(nodes(Operation("Scaler", {"x"}, {"y"}, kMl).set("offset", Floats{1, 2}))),
      of_three(
          nodes(Operation("LinearRegressor", {"x"}, {"y"}, kMl).set("coefficients", Floats(4)))),
      of_three(nodes(Operation("Identity", {"x"}, {"y"}), Operation("Neg", {"x"}, {"y"}))),
      // Nothing can be looked up in a list that is empty.
      of_three(nodes(Operation("ArgMax", {"x"}, {"i"}).set("axis", std::int64_t{1}),
                     Operation("Gather", {"l", "i"}, {"v"}), Operation("Add", {"v", "c"}, {"y"})),
               {tensor("l", {0}, Floats{}), tensor("c", {}, Floats{1})}),
      of_three(nodes(Operation("ArgMax", {"x"}, {"i"})
                         .set("axis", std::int64_t{1})
                         .set("keepdims", std::int64_t{0}),
                     Operation("ArrayFeatureExtractor", {"l", "i"}, {"y"}, kMl)),
               {tensor("l", {0}, Floats{})}),
      // A list where Gemm takes a matrix.
      of_three(nodes(Operation("ReduceSum", {"x", "a"}, {"s"}),
                     Operation("Gemm", {"s", "m"}, {"y"}).set("transB", std::int64_t{1})),
               {tensor("a", {1}, Integers{1}), tensor("m", {3}, Floats(3))}),
      // Three classes by their numbers, two by their names: the names count.
      of_three(nodes(Operation("SVMClassifier", {"x"}, {"y"}, kMl)
                         .set("classlabels_ints", Integers{0, 1, 2})
                         .set("classlabels_strings", Texts{"a", "b"})
                         .set("vectors_per_class", Integers{1, 1, 1})
                         .set("support_vectors", Floats(9, 1))
                         .set("coefficients", Floats(6, 1))
                         .set("rho", Floats(3)))),
  };
  for (const GraphParts& graph : damaged) {
    SCOPED_TRACE(&graph - damaged);
    const auto model = load(graph);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, Code::kCorruption) << model.error().message;
  }
  const std::string whole =
      testing::model_bytes(of_three(nodes(Operation("Identity", {"x"}, {"y"}))));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto model = parse_model(std::string_view(whole).substr(0, size));
    EXPECT_TRUE(model || model.error().code == Code::kCorruption);
  }
}

TEST(GraphModel, ALittleFileCanNotAskForAllMemory) {
  std::vector<Operation> doubling;
  std::string name = "x";
  for (int i = 0; i < 60; ++i) {
    const std::string next = "x" + std::to_string(i);
    doubling.push_back(Operation("Concat", {name, name}, {next}).set("axis", std::int64_t{1}));
    name = next;
  }
  doubling.push_back(Operation("Identity", {name}, {"y"}));
  EXPECT_FALSE(load(of_three(std::move(doubling))));
  EXPECT_FALSE(load(of_three(
      nodes(Operation("ConstantOfShape", {"s"}, {"c"}), Operation("Add", {"x", "c"}, {"y"})),
      {tensor("s", {3}, Integers{1 << 19, 1 << 19, 3})})));
  EXPECT_FALSE(load(of_three(nodes(Operation("Expand", {"x", "s"}, {"y"})),
                             {tensor("s", {3}, Integers{1 << 20, 1, 3})})));
  // A list of 2^20, asked for 2^18 times as a whole.
  EXPECT_FALSE(load(of_three(
      nodes(Operation("ConstantOfShape", {"s"}, {"l"}), Operation("ConstantOfShape", {"t"}, {"f"}),
            Operation("Cast", {"f"}, {"i"}).set("to", std::int64_t{7}),
            Operation("Gather", {"l", "i"}, {"g"}), Operation("Gather", {"g", "j"}, {"h"}),
            Operation("Add", {"x", "h"}, {"y"})),
      {tensor("s", {2}, Integers{1, 1 << 20}), tensor("t", {1}, Integers{1 << 18}),
       tensor("j", {2}, Integers{0, 0})})));
  // The same list in many steps.
  std::vector<Operation> looking =
      nodes(Operation("ConstantOfShape", {"s"}, {"l"}),
            Operation("ArgMax", {"x"}, {"i"}).set("axis", std::int64_t{1}));
  std::vector<std::string> found;
  for (int i = 0; i < 1000; ++i) {
    found.push_back("g" + std::to_string(i));
    looking.push_back(Operation("Gather", {"l", "i"}, {found.back()}));
  }
  looking.push_back(Operation("Sum", found, {"y"}));
  const auto model = load(of_three(std::move(looking), {tensor("s", {1}, Integers{1 << 20})}));
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kResourceExhausted) << model.error().message;
}

// ---- interfaces

TEST(GraphModel, ReadsColumnsOfSeveralTypes) {
  const GraphParts graph{.inputs = {value_info("size", ElementType::kFloat, {-1, 1}),
                                    value_info("color", ElementType::kString, {-1, 1}),
                                    value_info("count", ElementType::kInt64, {-1})},
                         .outputs = {value_info("code", ElementType::kInt64, {-1, 1}),
                                     value_info("name", ElementType::kString, {-1}),
                                     value_info("half", ElementType::kFloat, {-1, 1})},
                         .initializers = {tensor("two", {}, Floats{2})},
                         .nodes = nodes(Operation("LabelEncoder", {"color"}, {"code"}, kMl)
                                            .set("keys_strings", Texts{"red", "blue"})
                                            .set("values_int64s", Integers{1, 2})
                                            .set("default_int64", std::int64_t{-5}),
                                        Operation("LabelEncoder", {"count"}, {"name"}, kMl)
                                            .set("keys_int64s", Integers{7})
                                            .set("values_strings", Texts{"seven"}),
                                        Operation("Div", {"size", "two"}, {"half"}))};
  const auto model = load(graph);
  ASSERT_TRUE(model) << model.error().message;
  const ModelShape& shape = (*model)->shape();
  EXPECT_TRUE(shape.inputs[0].is_column() && shape.inputs[1].is_text() &&
              shape.inputs[2].is_column());
  EXPECT_EQ(shape.outputs[1].type, DataType::kBytes);
  const double sizes[] = {3, std::nan("")}, counts[] = {7, 8}, no_counts[] = {7, std::nan("")};
  const std::string_view colors[] = {"blue", {}};
  InputView views[] = {{.numbers = sizes}, {.texts = colors}, {.numbers = counts}};
  std::vector<Output> outputs;
  ASSERT_TRUE((*model)->predict({.rows = 2, .inputs = views, .params = {}}, outputs));
  EXPECT_EQ(std::get<Integers>(outputs[0].values), (Integers{2, -5}));
  EXPECT_EQ(std::get<Texts>(outputs[1].values), (Texts{"seven", "_Unused"}));
  EXPECT_EQ(std::get<Floats>(outputs[2].values)[0], 1.5f);
  EXPECT_TRUE(std::isnan(std::get<Floats>(outputs[2].values)[1]));
  views[2].numbers = no_counts;
  const auto missing = (*model)->predict({.rows = 2, .inputs = views, .params = {}}, outputs);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("input=count row=1"), std::string::npos);
}

TEST(Interface, FollowsTheSignature) {
  ModelShape signature;
  for (const char* name : {"a", "b", "c"})
    signature.inputs.push_back({.name = name, .type = DataType::kFp64, .row_shape = {}});
  const auto model = load(of_three(nodes(Operation("Identity", {"x"}, {"y"}))), &signature);
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ((*model)->shape().inputs.size(), 3u);
  EXPECT_EQ((*model)->shape().inputs[1].name, "b");
  const double a[] = {1, 4}, b[] = {2, 5}, c[] = {3, 6};
  const InputView views[] = {{.numbers = a}, {.numbers = b}, {.numbers = c}};
  std::vector<Output> outputs;
  ASSERT_TRUE((*model)->predict({.rows = 2, .inputs = views, .params = {}}, outputs));
  EXPECT_EQ(std::get<Floats>(outputs[0].values), (Floats{1, 2, 3, 4, 5, 6}));

  signature.inputs.pop_back();
  const auto narrow = load(of_three(nodes(Operation("Identity", {"x"}, {"y"}))), &signature);
  ASSERT_FALSE(narrow);
  EXPECT_NE(narrow.error().message.find("reads 3 columns, the model's signature has 2"),
            std::string::npos);
  signature.inputs.push_back({.name = "c", .type = DataType::kBytes, .row_shape = {}});
  EXPECT_FALSE(load(of_three(nodes(Operation("Identity", {"x"}, {"y"}))), &signature));
}

// ---- files

class OnnxFile : public ::testing::Test {
 protected:
  // A tensor "c" of three floats in another file.
  static Message external(std::string_view location, std::int64_t offset, std::int64_t length) {
    Message constant;
    constant.number(1, 3).number(2, 1).text(8, "c").number(14, 1);
    constant.message(13, Message().text(1, "location").text(2, location));
    constant.message(13, Message().text(1, "offset").text(2, std::to_string(offset)));
    constant.message(13, Message().text(1, "length").text(2, std::to_string(length)));
    return constant;
  }
  std::filesystem::path write(const GraphParts& parts) {
    const auto path = folder_.path() / "model.onnx";
    MUST(store::write_file(path, testing::model_bytes(parts)));
    return path;
  }
  // Writes a model whose constant is in another file.
  std::filesystem::path write(std::string_view location, std::int64_t offset, std::int64_t length,
                              std::vector<Operation> all = nodes(Operation("Add", {"x", "c"},
                                                                           {"y"}))) {
    return write(of_three(std::move(all), {external(location, offset, length)}));
  }
  store::testing::TempFolder folder_;
};

TEST_F(OnnxFile, TensorsMayLieBesideIt) {
  const Floats values{9, 1, 2, 3};
  MUST(store::write_file(
      folder_.path() / "weights",
      std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * 4)));
  const auto model = load_onnx(write("weights", 4, 12), nullptr, nullptr);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(std::get<Floats>(ask(**model, {0, 0, 0})->front().values), (Floats{1, 2, 3}));
  // Operators count where an output needs them.
  const auto other = load_onnx(write("weights", 4, 12,
                                     nodes(Operation("Add", {"x", "c"}, {"y"}, "ai.onnx"),
                                           Operation("NobodyKnows", {"x"}, {"z"}))),
                               nullptr, nullptr);
  ASSERT_TRUE(other) << other.error().message;
  for (const auto& [location, offset, length] : {std::tuple{"weights", 8, 12},
                                                 {"weights", 99, 1},
                                                 {"nothing", 0, 12},
                                                 {"../weights", 4, 12},
                                                 {"/etc/passwd", 0, 12},
                                                 {"", 0, 12},
                                                 {"weights", 4, 8}}) {
    const auto refused = load_onnx(write(location, offset, length), nullptr, nullptr);
    ASSERT_FALSE(refused) << location;
    EXPECT_EQ(refused.error().code, Code::kCorruption) << refused.error().message;
  }
}

// Also where a node has the tensor: a constant, or what is in a branch.
TEST_F(OnnxFile, NoTensorLiesElsewhere) {
  const auto constant = [](std::string_view location) {
    return Operation("Constant", {}, {"c"}).set("value", external(location, 0, 12));
  };
  const auto add = [] { return Operation("Add", {"x", "c"}, {"y"}); };
  const auto branch = [&](std::string_view location) {
    return Operation("If", {"x"}, {"z"}).set("then_branch", constant(location));
  };
  const Floats values{1, 2, 3};
  MUST(store::write_file(
      folder_.path() / "weights",
      std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * 4)));
  const auto model =
      load_onnx(write(of_three(nodes(constant("weights"), add()))), nullptr, nullptr);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(std::get<Floats>(ask(**model, {0, 0, 0})->front().values), values);
  for (const auto& all : {nodes(constant("../weights"), add()),
                          nodes(Operation("Identity", {"x"}, {"y"}), branch("../weights")),
                          nodes(Operation("Identity", {"x"}, {"y"}), branch("nothing"))}) {
    const auto refused = load_onnx(write(of_three(all)), nullptr, nullptr);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kCorruption) << refused.error().message;
  }
}

}  // namespace
}  // namespace slipway::serving::onnx
