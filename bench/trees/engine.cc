// Times our tree engine on rows from a file.
//
// trees_engine FORMAT MODEL ROWS OUT [portable|avx2|avx512] [explain]: FORMAT is xgboost, lightgbm
// or onnx; ROWS are float32, row after row; OUT gets the answers, float64, or what each feature has
// to do with them. Prints one JSON object:
// microseconds of processor time per row, by the rows of a call: the median of several passes.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <string>

#include "serving/trees/onnx.h"
#include "store/file_system.h"

namespace {

using slipway::Result;
using slipway::serving::trees::Ensemble;
using slipway::serving::trees::InstructionSet;
using slipway::serving::trees::Rows;

constexpr int kPasses = 7;
constexpr double kPassUsMax = 300'000;

Result<Ensemble> load(std::string_view format, std::string_view bytes) {
  if (format == "xgboost") return Ensemble::from_xgboost(bytes);
  if (format == "lightgbm") return Ensemble::from_lightgbm(bytes);
  if (format == "onnx")
    return std::move(*TRY(slipway::serving::trees::read_onnx_trees(bytes)).ensemble);
  return slipway::base::error(slipway::Code::kInvalidArgument, "no such format: {}", format);
}

double now_us() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr,
                 "usage: trees_engine FORMAT MODEL ROWS OUT [portable|avx2|avx512] [explain]\n");
    return 2;
  }
  Ensemble model = MUST(load(argv[1], MUST(slipway::store::read_file(argv[2]))));
  const std::string set = argc > 5 ? argv[5] : "";
  if (set == "portable") model.restrict_to(InstructionSet::kPortable);
  if (set == "avx2") model.restrict_to(InstructionSet::kAvx2);
  const std::string bytes = MUST(slipway::store::read_file(argv[3]));
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  const std::size_t width = model.feature_count(), rows = values.size() / width,
                    outputs = model.output_count();
  const bool explains = std::string_view(argv[argc - 1]) == "explain";
  if (explains) MUST(model.can_explain());
  const std::vector<double> wide(explains ? values.begin() : values.end(), values.end());
  const std::size_t step = explains ? model.sum_count() * (width + 1) : outputs;
  std::vector<double> out(rows * step);
  std::printf("{\"rows\":%zu,\"trees\":%zu,\"us\":{", rows, model.tree_count());
  for (const std::size_t batch : {std::size_t{1}, std::size_t{32}, std::size_t{1024}, rows}) {
    std::vector<double> passes;
    for (int pass = 0; pass < kPasses; ++pass) {
      const double start = now_us();
      std::size_t done = 0;
      double took = 0;
      while (done < rows && took < kPassUsMax) {
        const std::size_t count = std::min(batch, rows - done);
        const auto to = std::span(out).subspan(done * step, count * step);
        if (explains) {
          model.explain(
              Rows<double>{.count = count, .values = wide.data() + done * width, .row_step = width},
              to);
        } else {
          model.predict(
              Rows<float>{
                  .count = count, .values = values.data() + done * width, .row_step = width},
              to);
        }
        done += count;
        if (done % 1024 < count) took = now_us() - start;
      }
      passes.push_back((now_us() - start) / static_cast<double>(done));
    }
    std::nth_element(passes.begin(), passes.begin() + kPasses / 2, passes.end());
    std::printf("%s\"%zu\":%.4f", batch == 1 ? "" : ",", batch, passes[kPasses / 2]);
  }
  std::printf("}}\n");
  std::ofstream(argv[4], std::ios::binary)
      .write(reinterpret_cast<const char*>(out.data()),
             static_cast<std::streamsize>(out.size() * sizeof(double)));
  return 0;
}
