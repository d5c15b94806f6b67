// Times our tree engine on rows from a file.
//
// trees_engine MODEL ROWS OUT: ROWS are float32, row after row; OUT gets the answers, float32.
// Prints one JSON object: microseconds per row, one row at a time, the best of several passes.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <limits>

#include "serving/trees/ensemble.h"
#include "store/file_system.h"

namespace {

using slipway::serving::trees::Ensemble;

constexpr int kPasses = 15;

template <typename Work>
double best_us(std::size_t rows, Work work) {
  double best = std::numeric_limits<double>::infinity();
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / static_cast<double>(rows));
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: trees_engine MODEL ROWS OUT\n");
    return 2;
  }
  const Ensemble model = MUST(Ensemble::from_xgboost(MUST(slipway::store::read_file(argv[1]))));
  const std::string bytes = MUST(slipway::store::read_file(argv[2]));
  std::vector<float> rows(bytes.size() / sizeof(float));
  std::memcpy(rows.data(), bytes.data(), bytes.size());
  const std::size_t width = model.feature_count(), count = rows.size() / width;
  std::vector<float> out(count * model.output_count());

  const double single_us = best_us(count, [&] {
    for (std::size_t r = 0; r < count; ++r) {
      model.predict(std::span(rows).subspan(r * width, width),
                    std::span(out).subspan(r * model.output_count(), model.output_count()));
    }
  });
  std::printf("{\"rows\":%zu,\"trees\":%zu,\"single_us\":%.4f}\n", count, model.tree_count(),
              single_us);
  std::ofstream(argv[3], std::ios::binary)
      .write(reinterpret_cast<const char*>(out.data()),
             static_cast<std::streamsize>(out.size() * sizeof(float)));
  return 0;
}
