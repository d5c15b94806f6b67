// Operators of ai.onnx.ml: what was learned from data. Where the specification is vague ONNX
// Runtime decides.
#include <algorithm>
#include <bit>
#include <cmath>

#include "base/hash.h"
#include "serving/onnx/numbers.h"
#include "serving/onnx/operators.h"
#include "serving/trees/onnx.h"

namespace slipway::serving::onnx {
namespace {

// About what a step holds for a column that it reads and writes.
constexpr std::size_t kColumnBytes = 2 * sizeof(Register) + sizeof(double);

// ---- keys

// Finds the position of a key: of the first one, where a key is there twice.
template <typename T>
class Positions {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  explicit Positions(std::vector<T> keys) : keys_(std::move(keys)) {
    slots_.assign(std::bit_ceil(keys_.size() * 2 + 1), kNone);
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      std::uint32_t& slot = slots_[slot_of(keys_[i])];
      if (slot == kNone) slot = static_cast<std::uint32_t>(i);
    }
  }

  std::uint32_t find(T key) const { return slots_[slot_of(key)]; }
  std::size_t bytes() const { return keys_.size() * sizeof(T) + slots_.size() * 4; }

 private:
  static bool same(T a, T b) { return a == b || (a != a && b != b); }
  static std::uint64_t hash_of(T key) {
    if constexpr (std::is_same_v<T, std::string_view>) {
      return base::hash64(key);
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
      return static_cast<std::uint64_t>(key) * 0x9E3779B97F4A7C15u;
    } else {
      const double number = key == 0 || key != key ? 0 : static_cast<double>(key);
      return std::bit_cast<std::uint64_t>(number) * 0x9E3779B97F4A7C15u;
    }
  }
  // Where the key is, or would be.
  std::size_t slot_of(T key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = (hash_of(key) >> 20) & mask;
    while (slots_[at] != kNone && !same(keys_[slots_[at]], key)) at = (at + 1) & mask;
    return at;
  }

  std::vector<T> keys_;
  std::vector<std::uint32_t> slots_;
};

Result<Values> one_hot_encoder(const Call& call) {
  TRY(call.expect_calculated());
  const bool of_texts = call.input(0).type == ElementType::kString;
  const std::size_t categories =
      of_texts ? call.texts("cats_strings").size() : call.integers("cats_int64s").size();
  if (categories == 0) return call.broken("it has no categories of its input's type");
  // Numbers are cut to whole ones.
  const Value value =
      TRY(converted(call, call.input(0), of_texts ? ElementType::kString : ElementType::kInt64));
  const bool unknown_is_nothing = call.integer("zeros", 1) != 0;
  Value out{.type = ElementType::kFloat, .dims = value.dims, .columns = {}};
  out.dims.push_back(static_cast<std::int64_t>(categories));
  out.columns = TRY(call.compiler.registers(out.type, value.columns.size() * categories));
  const auto add = [&]<typename T>(std::vector<T> keys) {
    Positions<T> positions(std::move(keys));
    const std::size_t bytes = positions.bytes();
    call.compiler.add(
        [positions = std::move(positions), from = value.columns, to = out.columns, categories,
         unknown_is_nothing](Frame& frame) {
          const std::size_t rows = frame.rows();
          for (std::size_t c = 0; c < from.size(); ++c) {
            const T* keys = frame.column<T>(from[c]);
            float* ones = frame.column<float>(to[c * categories]);
            std::fill_n(ones, categories * rows, 0.0f);
            for (std::size_t r = 0; r < rows; ++r) {
              const std::uint32_t at = positions.find(keys[r]);
              if (at != Positions<T>::kNone) {
                ones[at * rows + r] = 1;
              } else if (!unknown_is_nothing) {
                return frame.fail(base::error(
                    Code::kInvalidArgument, "the model does not know this category: {}", keys[r]));
              }
            }
          }
        },
        bytes);
  };
  if (of_texts) {
    std::vector<std::string_view> keys = call.kept_texts("cats_strings");
    for (const Register at : value.columns) {
      if (!unknown_is_nothing) call.compiler.expect_text(at, keys[0]);
    }
    add(std::move(keys));
  } else {
    add(call.integers("cats_int64s"));
  }
  return one(std::move(out));
}

// Each key's value; what is no key gets `otherwise`.
template <typename Key, typename T>
Result<Values> mapped(const Call& call, const Value& value, ElementType type, std::vector<Key> keys,
                      std::vector<T> values, T otherwise) {
  if (keys.size() != values.size()) return call.broken("it has not one value for each key");
  Value out{.type = type, .dims = value.dims, .columns = {}};
  out.columns = TRY(call.compiler.registers(type, value.columns.size()));
  values.push_back(otherwise);
  Positions<Key> positions(std::move(keys));
  const std::size_t bytes = positions.bytes() + values.size() * sizeof(T);
  call.compiler.add(
      [positions = std::move(positions), values = std::move(values), from = value.columns,
       to = out.columns](Frame& frame) {
        for (std::size_t c = 0; c < from.size(); ++c) {
          const Key* keys = frame.column<Key>(from[c]);
          T* out = frame.column<T>(to[c]);
          for (std::size_t r = 0; r < frame.rows(); ++r)
            out[r] = values[std::min<std::size_t>(positions.find(keys[r]), values.size() - 1)];
        }
      },
      bytes);
  return one(std::move(out));
}

// A list of a LabelEncoder: `name` with the ending of its type, or as a tensor.
struct List {
  ElementType type = ElementType::kUndefined;
  std::vector<std::string_view> texts;
  std::vector<std::int64_t> integers;
  std::vector<float> floats;
  std::vector<double> doubles;

  template <typename T>
  std::vector<T> values() const {
    if constexpr (std::is_same_v<T, std::string_view>) {
      return texts;
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
      return integers;
    } else if constexpr (std::is_same_v<T, float>) {
      return floats;
    } else {
      return doubles;
    }
  }
};

Result<List> list_of(const Call& call, const std::string& name) {
  List list;
  if (const Attribute* tensor = call.node.find(name + "_tensor");
      tensor != nullptr && !tensor->tensors.empty()) {
    const Value value = TRY(call.compiler.constant(tensor->tensors[0]));
    list.type = value.type;
    if (value.type == ElementType::kString) {
      list.texts = call.compiler.constants<std::string_view>(value);
    } else if (value.type == ElementType::kFloat) {
      list.floats = call.compiler.constants<float>(value);
    } else if (value.type == ElementType::kDouble) {
      list.doubles = call.compiler.constants<double>(value);
    } else {
      list.integers = call.compiler.constants<std::int64_t>(value);
    }
    return list;
  }
  list.texts = call.kept_texts(name + "_strings");
  list.integers = call.integers(name + "_int64s");
  list.floats = call.numbers(name + "_floats");
  list.type = !list.texts.empty()      ? ElementType::kString
              : !list.integers.empty() ? ElementType::kInt64
              : !list.floats.empty()   ? ElementType::kFloat
                                       : ElementType::kUndefined;
  if (list.type == ElementType::kUndefined) return call.broken("it has no " + name);
  return list;
}

template <typename T>
Result<T> default_of(const Call& call) {
  if (const Attribute* tensor = call.node.find("default_tensor");
      tensor != nullptr && !tensor->tensors.empty()) {
    const Value value = TRY(call.compiler.constant(tensor->tensors[0]));
    if (value.columns.size() != 1 ||
        with_type(value.type, []<typename Held>(Held) { return !std::is_same_v<Held, T>; }))
      return call.broken("its default is not a value of its type");
    return call.compiler.constant_at<T>(value, 0);
  }
  if constexpr (std::is_same_v<T, std::string_view>) {
    return call.compiler.keep(std::string(call.text("default_string", "_Unused")));
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return call.integer("default_int64", -1);
  } else {
    return static_cast<T>(call.number("default_float", -0.0));
  }
}

// LabelEncoder of ai.onnx.ml 1, and CategoryMapper: texts to numbers or back.
Result<Values> mapped_classes(const Call& call, std::vector<std::string_view> texts,
                              std::vector<std::int64_t> integers) {
  const Value& value = call.input(0);
  if (value.type == ElementType::kString)
    return mapped(call, value, ElementType::kInt64, std::move(texts), std::move(integers),
                  call.integer("default_int64", -1));
  const Value numbers = TRY(converted(call, value, ElementType::kInt64));
  return mapped(call, numbers, ElementType::kString, std::move(integers), std::move(texts),
                call.compiler.keep(std::string(call.text("default_string", "_Unused"))));
}

Result<Values> label_encoder(const Call& call) {
  TRY(call.expect_calculated());
  if (call.opset < 2) {
    std::vector<std::string_view> texts = call.kept_texts("classes_strings");
    std::vector<std::int64_t> integers(texts.size());
    for (std::size_t i = 0; i < integers.size(); ++i) integers[i] = static_cast<std::int64_t>(i);
    return mapped_classes(call, std::move(texts), std::move(integers));
  }
  const List keys = TRY(list_of(call, "keys")), values = TRY(list_of(call, "values"));
  const bool fits = with_type(keys.type, [&]<typename Key>(Key) {
    return with_type(call.input(0).type,
                     [&]<typename Held>(Held) { return std::is_same_v<Key, Held>; });
  });
  if (!fits) return call.broken("its keys are of another type than its input");
  return with_type(keys.type, [&]<typename Key>(Key) {
    return with_type(values.type, [&]<typename T>(T) -> Result<Values> {
      const T otherwise = TRY(default_of<T>(call));
      return mapped(call, call.input(0), values.type, keys.values<Key>(), values.values<T>(),
                    otherwise);
    });
  });
}

Result<Values> category_mapper(const Call& call) {
  TRY(call.expect_calculated());
  return mapped_classes(call, call.kept_texts("cats_strings"), call.integers("cats_int64s"));
}

// ---- columns of numbers

// The values of an attribute, by column of `value`: one for all, or one for each of the last
// dimension.
template <typename T>
Result<std::vector<T>> by_column(const Call& call, const Value& value, const std::vector<T>& given,
                                 std::string_view name) {
  const std::size_t width = value.dims.size() < 2 || value.dims.back() == kRows
                                ? 1
                                : static_cast<std::size_t>(value.dims.back());
  if (given.size() != 1 && given.size() != width)
    return call.broken(fmt::format("{} has {} values for {} columns", name, given.size(), width));
  std::vector<T> values(value.columns.size());
  for (std::size_t c = 0; c < values.size(); ++c)
    values[c] = given.size() == 1 ? given[0] : given[c % width];
  return values;
}

Result<Values> scaler(const Call& call) {
  TRY(call.expect_calculated());
  const Value& value = call.input(0);
  if (value.type == ElementType::kString) return call.broken("its input is text");
  const std::vector<float> offset = TRY(by_column(call, value, call.numbers("offset"), "offset")),
                           scale = TRY(by_column(call, value, call.numbers("scale"), "scale"));
  Value out{.type = ElementType::kFloat, .dims = value.dims, .columns = {}};
  out.columns = TRY(call.compiler.registers(out.type, value.columns.size()));
  with_type(value.type, [&]<typename T>(T) {
    if constexpr (!std::is_same_v<T, std::string_view>) {
      call.compiler.add(
          [from = value.columns, to = out.columns, offset, scale](Frame& frame) {
            const std::size_t rows = frame.rows();
            for (std::size_t c = 0; c < from.size(); ++c) {
              const T* x = frame.column<T>(from[c]);
              float* out = frame.column<float>(to[c]);
              // Doubles keep their precision until the end; whole numbers become floats first.
              using Sum = std::conditional_t<std::is_same_v<T, double>, double, float>;
              for (std::size_t r = 0; r < rows; ++r)
                out[r] = static_cast<float>((static_cast<Sum>(x[r]) - static_cast<Sum>(offset[c])) *
                                            static_cast<Sum>(scale[c]));
            }
          },
          value.columns.size() * kColumnBytes);
    }
  });
  return one(std::move(out));
}

Result<Values> imputer(const Call& call) {
  TRY(call.expect_calculated());
  const Value& value = call.input(0);
  const auto add = [&]<typename T>(std::vector<T> given, T replaced) -> Result<Values> {
    const std::vector<T> imputed = TRY(by_column(call, value, given, "imputed_value"));
    Value out{.type = value.type, .dims = value.dims, .columns = {}};
    out.columns = TRY(call.compiler.registers(out.type, value.columns.size()));
    call.compiler.add(
        [from = value.columns, to = out.columns, imputed, replaced](Frame& frame) {
          const bool is_nan = replaced != replaced;
          for (std::size_t c = 0; c < from.size(); ++c) {
            const T* x = frame.column<T>(from[c]);
            T* out = frame.column<T>(to[c]);
            const T instead = imputed[c];
            if (is_nan) {
              for (std::size_t r = 0; r < frame.rows(); ++r) out[r] = x[r] != x[r] ? instead : x[r];
            } else {
              for (std::size_t r = 0; r < frame.rows(); ++r)
                out[r] = x[r] == replaced ? instead : x[r];
            }
          }
        },
        value.columns.size() * kColumnBytes);
    return one(std::move(out));
  };
  if (value.type == ElementType::kFloat)
    return add(call.numbers("imputed_value_floats"),
               static_cast<float>(call.number("replaced_value_float", 0)));
  if (value.type == ElementType::kInt64)
    return add(call.integers("imputed_value_int64s"), call.integer("replaced_value_int64", 0));
  return call.unsupported(fmt::format("of {}", element_name(value.type)));
}

Result<Values> normalizer(const Call& call) {
  TRY(call.expect_calculated());
  Matrix matrix = TRY(matrix_of(call, call.input(0), ElementType::kFloat));
  const std::string_view norm = call.text("norm", "MAX");
  if (norm != "MAX" && norm != "L1" && norm != "L2") return call.broken("no such norm");
  Value out{.type = ElementType::kFloat, .dims = matrix.value.dims, .columns = {}};
  out.columns = TRY(call.compiler.registers(out.type, matrix.features));
  call.compiler.add([from = matrix.value.columns, to = out.columns, is_max = norm == "MAX",
                     is_l2 = norm == "L2"](Frame& frame) {
    const std::size_t rows = frame.rows();
    float* sums = frame.room<float>(rows);
    std::fill_n(sums, rows, is_max ? std::numeric_limits<float>::lowest() : 0.0f);
    for (const Register at : from) {
      const float* x = frame.column<float>(at);
      for (std::size_t r = 0; r < rows; ++r) {
        sums[r] =
            is_max ? std::max(sums[r], x[r]) : sums[r] + (is_l2 ? x[r] * x[r] : std::abs(x[r]));
      }
    }
    for (std::size_t r = 0; r < rows; ++r) {
      if (is_l2) sums[r] = std::sqrt(sums[r]);
      if (sums[r] == 0) sums[r] = 1;
    }
    for (std::size_t c = 0; c < from.size(); ++c) {
      const float* x = frame.column<float>(from[c]);
      float* out = frame.column<float>(to[c]);
      for (std::size_t r = 0; r < rows; ++r) out[r] = x[r] / sums[r];
    }
  });
  return one(std::move(out));
}

Result<Values> feature_vectorizer(const Call& call) {
  TRY(call.expect_inputs(1));
  TRY(call.expect_inputs(call.inputs.size()));
  Value out{.type = ElementType::kFloat, .dims = {kRows, 0}, .columns = {}};
  for (const Value* input : call.inputs) {
    if (input->dims.empty() || input->dims[0] != kRows || input->type == ElementType::kString)
      return call.unsupported("its inputs are not rows of numbers");
    const Value part = TRY(converted(call, *input, ElementType::kFloat));
    out.columns.insert(out.columns.end(), part.columns.begin(), part.columns.end());
  }
  out.dims[1] = static_cast<std::int64_t>(out.columns.size());
  return one(std::move(out));
}

// ---- models

// What follows the sums of a model: softmax and the like, in place.
Result<void> add_transform(const Call& call, const std::vector<Register>& scores) {
  const std::string_view name = call.text("post_transform", "NONE");
  if (name == "NONE") return {};
  if (name == "SOFTMAX") {
    add_softmax<float>(call.compiler, {scores}, false);
  } else if (name == "LOGISTIC") {
    call.compiler.add([scores](Frame& frame) {
      for (const Register at : scores) {
        float* x = frame.column<float>(at);
        for (std::size_t r = 0; r < frame.rows(); ++r) x[r] = logistic(x[r]);
      }
    });
  } else {
    return call.unsupported(fmt::format("post_transform {}", name));
  }
  return {};
}

// Coefficients by output, checked.
struct Coefficients {
  std::vector<float> weights, bias;
};
Result<Coefficients> coefficients_of(const Call& call, std::size_t features, std::size_t outputs) {
  Coefficients all{.weights = call.numbers("coefficients"), .bias = call.numbers("intercepts")};
  if (all.bias.empty()) all.bias.assign(outputs, 0);
  if (outputs == 0 || all.bias.size() != outputs || features == 0 ||
      all.weights.size() != outputs * features)
    return call.broken(fmt::format("{} coefficients and {} intercepts for {} features",
                                   all.weights.size(), all.bias.size(), features));
  return all;
}

Result<Values> linear_regressor(const Call& call) {
  TRY(call.expect_calculated());
  const Matrix matrix = TRY(matrix_of(call, call.input(0), ElementType::kFloat));
  const std::int64_t targets = call.integer("targets", 1);
  if (targets < 1 || targets > (1 << 20)) return call.broken("its number of targets");
  Coefficients all = TRY(coefficients_of(call, matrix.features, static_cast<std::size_t>(targets)));
  if (targets == 1 && call.text("post_transform", "NONE") != "NONE")
    return call.unsupported("post_transform of a single target");
  Value out{.type = ElementType::kFloat, .dims = {kRows, targets}, .columns = {}};
  out.columns = TRY(call.compiler.registers(out.type, all.bias.size()));
  add_linear<float>(call.compiler, matrix.value.columns,
                    call.compiler.share(std::move(all.weights)), std::move(all.bias), out.columns);
  TRY(add_transform(call, out.columns));
  return one(std::move(out));
}

Result<Values> linear_classifier(const Call& call) {
  TRY(call.expect_calculated());
  const Matrix matrix = TRY(matrix_of(call, call.input(0), ElementType::kFloat));
  const std::size_t sums = call.numbers("intercepts").size();
  Coefficients all = TRY(coefficients_of(call, matrix.features, sums));
  std::vector<std::string_view> texts = call.kept_texts("classlabels_strings");
  std::vector<std::int64_t> integers = call.integers("classlabels_ints");
  const bool is_text = !texts.empty();
  const std::size_t labels = is_text ? texts.size() : integers.size();
  if (sums != 1 && labels < sums) return call.broken("it has fewer labels than classes");
  if (sums == 1 && labels != 2) {
    texts = is_text ? std::vector<std::string_view>{"0", "1"} : std::vector<std::string_view>();
    integers = {0, 1};
  }
  const bool is_pair = sums == 1 && labels == 2;
  // A single score that becomes two is not transformed by ONNX Runtime, whatever it says.
  if (is_pair && call.text("post_transform", "NONE") == "PROBIT")
    return call.unsupported("post_transform PROBIT");
  Value scores{.type = ElementType::kFloat,
               .dims = {kRows, is_pair ? 2 : static_cast<std::int64_t>(sums)},
               .columns = {}};
  scores.columns = TRY(call.compiler.registers(scores.type, is_pair ? 2 : sums));
  const std::vector<Register> summed =
      is_pair ? std::vector<Register>{scores.columns[1]} : scores.columns;
  const std::vector<Register> chosen = TRY(call.compiler.registers(ElementType::kInt64, 1));
  add_linear<float>(call.compiler, matrix.value.columns,
                    call.compiler.share(std::move(all.weights)), std::move(all.bias), summed);
  call.compiler.add([summed, chosen = chosen[0]](Frame& frame) {
    std::int64_t* at = frame.column<std::int64_t>(chosen);
    for (std::size_t r = 0; r < frame.rows(); ++r) {
      float best = frame.column<float>(summed[0])[r];
      at[r] = summed.size() == 1 && best > 0 ? 1 : 0;
      for (std::size_t c = 1; c < summed.size(); ++c) {
        const float score = frame.column<float>(summed[c])[r];
        if (score > best) {
          best = score;
          at[r] = static_cast<std::int64_t>(c);
        }
      }
    }
  });
  if (is_pair) {
    call.compiler.add([pair = scores.columns](Frame& frame) {
      const float* second = frame.column<float>(pair[1]);
      float* first = frame.column<float>(pair[0]);
      for (std::size_t r = 0; r < frame.rows(); ++r) first[r] = 1 - second[r];
    });
  } else {
    TRY(add_transform(call, scores.columns));
  }
  Values out = one(TRY(labels_of(call, chosen[0], std::move(integers), std::move(texts))));
  out.push_back(std::move(scores));
  return out;
}

Result<Values> tree_ensemble(const Call& call) {
  TRY(call.expect_calculated());
  const bool doubles = call.input(0).type == ElementType::kDouble;
  const Matrix matrix =
      TRY(matrix_of(call, call.input(0), doubles ? ElementType::kDouble : ElementType::kFloat));
  trees::OnnxTrees read = TRY(trees::read_onnx_trees(call.node, matrix.features, doubles));
  const auto ensemble = std::make_shared<const trees::Ensemble>(std::move(*read.ensemble));
  const std::size_t outputs = ensemble->output_count();
  // Only the newest operator answers in the type of its input.
  const bool answers_doubles = doubles && call.node.op_type == "TreeEnsemble";
  Value scores{.type = answers_doubles ? ElementType::kDouble : ElementType::kFloat,
               .dims = {kRows, static_cast<std::int64_t>(outputs)},
               .columns = {}};
  scores.columns = TRY(call.compiler.registers(scores.type, outputs));
  std::vector<Register> chosen;
  if (read.is_classifier) chosen = TRY(call.compiler.registers(ElementType::kInt64, 1));
  const auto add = [&]<typename T, typename Out>(T, Out) {
    call.compiler.add(
        [ensemble, from = matrix.value.columns, to = scores.columns, chosen](Frame& frame) {
          thread_local std::vector<const T*> columns;
          columns.clear();
          for (const Register at : from) columns.push_back(frame.column<T>(at));
          const std::size_t rows = frame.rows();
          Out* answers = frame.room<Out>(rows * to.size());
          ensemble->predict(trees::Rows<T>{.count = rows, .columns = columns.data()},
                            std::span(answers, rows * to.size()),
                            chosen.empty()
                                ? std::span<std::int64_t>()
                                : std::span(frame.column<std::int64_t>(chosen[0]), rows));
          for (std::size_t c = 0; c < to.size(); ++c) {
            Out* out = frame.column<Out>(to[c]);
            for (std::size_t r = 0; r < rows; ++r) out[r] = answers[r * to.size() + c];
          }
        },
        ensemble->memory_bytes());
  };
  if (answers_doubles) {
    add(double{}, double{});
  } else if (doubles) {
    add(double{}, float{});
  } else {
    add(float{}, float{});
  }
  Values out;
  if (read.is_classifier) {
    std::vector<std::string_view> texts;
    for (std::string& text : read.text_labels) texts.push_back(call.compiler.keep(std::move(text)));
    out.push_back(
        TRY(labels_of(call, chosen[0], std::move(read.integer_labels), std::move(texts))));
  }
  out.push_back(std::move(scores));
  return out;
}

constexpr Operator kOperators[] = {
    {"ai.onnx.ml", "OneHotEncoder", one_hot_encoder},
    {"ai.onnx.ml", "LabelEncoder", label_encoder},
    {"ai.onnx.ml", "CategoryMapper", category_mapper},
    {"ai.onnx.ml", "Scaler", scaler},
    {"ai.onnx.ml", "Imputer", imputer},
    {"ai.onnx.ml", "Normalizer", normalizer},
    {"ai.onnx.ml", "FeatureVectorizer", feature_vectorizer},
    {"ai.onnx.ml", "LinearRegressor", linear_regressor},
    {"ai.onnx.ml", "LinearClassifier", linear_classifier},
    {"ai.onnx.ml", "TreeEnsembleClassifier", tree_ensemble},
    {"ai.onnx.ml", "TreeEnsembleRegressor", tree_ensemble},
    {"ai.onnx.ml", "TreeEnsemble", tree_ensemble},
};

}  // namespace

std::span<const Operator> learned_operators() { return kOperators; }

Result<Value> labels_of(const Call& call, Register chosen, std::vector<std::int64_t> integers,
                        std::vector<std::string_view> texts) {
  const bool is_text = !texts.empty();
  Value out{
      .type = is_text ? ElementType::kString : ElementType::kInt64, .dims = {kRows}, .columns = {}};
  out.columns = TRY(call.compiler.registers(out.type, 1));
  const auto add = [&]<typename T>(std::vector<T> labels) {
    call.compiler.add([chosen, to = out.columns[0], labels = std::move(labels)](Frame& frame) {
      const std::int64_t* at = frame.column<std::int64_t>(chosen);
      T* out = frame.column<T>(to);
      for (std::size_t r = 0; r < frame.rows(); ++r)
        out[r] = labels[static_cast<std::size_t>(at[r])];
    });
  };
  is_text ? add(std::move(texts)) : add(std::move(integers));
  return out;
}

}  // namespace slipway::serving::onnx
