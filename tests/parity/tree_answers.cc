// Answers of our tree engine, by every way there is to them, for a test that knows the right ones.
//
// Reads lines "FORMAT MODEL ROWS float|double|explain OUT" from standard input: FORMAT is xgboost,
// lightgbm or onnx, ROWS are float64, row after row. Writes OUT, float64, row after row, and of a
// classifier from ONNX the position of each row's class behind them; for "explain" what each
// feature has to do with each sum, and what is expected of any row. Prints one line per line: "ok
// OUTPUTS", "error ..." for a model that does not load, "differ ..." when two ways give different
// answers.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "serving/trees/onnx.h"
#include "store/file_system.h"

namespace {

using slipway::Result;
using slipway::serving::trees::Ensemble;
using slipway::serving::trees::InstructionSet;
using slipway::serving::trees::read_onnx_trees;
using slipway::serving::trees::Rows;

struct Loaded {
  std::optional<Ensemble> ensemble;
  bool is_classifier = false;
};

Result<Loaded> load(const std::string& format, const std::string& file) {
  const std::string bytes = TRY(slipway::store::read_file(file));
  Loaded loaded;
  if (format == "onnx") {
    auto trees = TRY(read_onnx_trees(bytes));
    loaded.ensemble = std::move(trees.ensemble);
    loaded.is_classifier = trees.is_classifier;
  } else if (format == "lightgbm") {
    loaded.ensemble = TRY(Ensemble::from_lightgbm(bytes));
  } else {
    loaded.ensemble = TRY(Ensemble::from_xgboost(bytes));
  }
  return loaded;
}

struct Answers {
  std::vector<double> scores;
  std::vector<std::int64_t> classes;
};

bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

template <typename Number>
std::string answer(Loaded& loaded, const std::vector<double>& given, const std::string& out_file) {
  Ensemble& ensemble = *loaded.ensemble;
  const std::vector<Number> values(given.begin(), given.end());
  const std::size_t width = ensemble.feature_count(), rows = values.size() / width,
                    outputs = ensemble.output_count();
  const auto ask = [&](std::size_t together) {
    Answers answers{.scores = std::vector<double>(rows * outputs),
                    .classes = std::vector<std::int64_t>(loaded.is_classifier ? rows : 0)};
    for (std::size_t first = 0; first < rows; first += together) {
      const std::size_t count = std::min(together, rows - first);
      ensemble.predict(
          Rows<Number>{.count = count, .values = values.data() + first * width, .row_step = width},
          std::span(answers.scores).subspan(first * outputs, count * outputs),
          loaded.is_classifier ? std::span(answers.classes).subspan(first, count)
                               : std::span<std::int64_t>());
    }
    return answers;
  };
  Answers first = ask(1);
  for (const InstructionSet set :
       {InstructionSet::kPortable, InstructionSet::kAvx2, InstructionSet::kAvx512}) {
    if (set > slipway::serving::trees::best_instruction_set()) continue;
    ensemble.restrict_to(set);
    for (const std::size_t together : {std::size_t{7}, std::size_t{100}, rows}) {
      const Answers other = ask(together);
      if (!same(first.scores, other.scores) || first.classes != other.classes)
        return fmt::format("differ set={} rows={}", static_cast<int>(set), together);
    }
  }
  std::vector<Number> by_feature(values.size());
  std::vector<const Number*> columns(width);
  for (std::size_t f = 0; f < width; ++f) {
    columns[f] = by_feature.data() + f * rows;
    for (std::size_t r = 0; r < rows; ++r) by_feature[f * rows + r] = values[r * width + f];
  }
  Answers other{.scores = std::vector<double>(rows * outputs), .classes = {}};
  ensemble.predict(Rows<Number>{.count = rows, .columns = columns.data()}, other.scores);
  if (!same(first.scores, other.scores)) return "differ by columns";
  for (const std::int64_t chosen : first.classes)
    first.scores.push_back(static_cast<double>(chosen));
  std::ofstream(out_file, std::ios::binary)
      .write(reinterpret_cast<const char*>(first.scores.data()),
             static_cast<std::streamsize>(first.scores.size() * sizeof(double)));
  return fmt::format("ok {}", outputs);
}

std::string explain(Loaded& loaded, const std::vector<double>& values,
                    const std::string& out_file) {
  Ensemble& ensemble = *loaded.ensemble;
  if (const Result<void> can = ensemble.can_explain(); !can) return "error " + can.error().message;
  const std::size_t width = ensemble.feature_count(), rows = values.size() / width,
                    step = ensemble.sum_count() * (width + 1);
  std::vector<double> first;
  for (const InstructionSet set :
       {InstructionSet::kPortable, InstructionSet::kAvx2, InstructionSet::kAvx512}) {
    if (set > slipway::serving::trees::best_instruction_set()) continue;
    ensemble.restrict_to(set);
    for (const std::size_t together : {std::size_t{1}, std::size_t{70}, rows}) {
      std::vector<double> other(rows * step);
      for (std::size_t r = 0; r < rows; r += together) {
        const std::size_t count = std::min(together, rows - r);
        ensemble.explain(
            Rows<double>{.count = count, .values = values.data() + r * width, .row_step = width},
            std::span(other).subspan(r * step, count * step));
      }
      if (first.empty()) first = other;
      for (std::size_t i = 0; i < first.size(); ++i) {
        // Sets differ in what they round together.
        if (!(std::fabs(first[i] - other[i]) <= 1e-11 * (1 + std::fabs(first[i]))))
          return fmt::format("differ set={} rows={} at={}", static_cast<int>(set), together, i);
      }
    }
  }
  std::ofstream(out_file, std::ios::binary)
      .write(reinterpret_cast<const char*>(first.data()),
             static_cast<std::streamsize>(first.size() * sizeof(double)));
  return fmt::format("ok {}", ensemble.sum_count());
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::string format, model, rows, type, out;
    std::stringstream(line) >> format >> model >> rows >> type >> out;
    Result<Loaded> loaded = load(format, model);
    if (!loaded) {
      std::printf("error %s\n", loaded.error().message.c_str());
    } else {
      const std::string bytes = MUST(slipway::store::read_file(rows));
      std::vector<double> values(bytes.size() / sizeof(double));
      std::memcpy(values.data(), bytes.data(), bytes.size());
      std::printf("%s\n", (type == "explain" ? explain(*loaded, values, out)
                           : type == "float" ? answer<float>(*loaded, values, out)
                                             : answer<double>(*loaded, values, out))
                              .c_str());
    }
    std::fflush(stdout);
  }
  return 0;
}
