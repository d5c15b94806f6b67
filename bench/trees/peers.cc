// Times the engines of others on rows from a file, through their C interfaces, one thread.
//
// trees_peers PEER LIBRARY MODEL ROWS FEATURES: PEER is xgboost, lightgbm, lightgbm_fast (its call
// for single rows), tl2cgen_float, tl2cgen_double or lleaves; of the compiled ones LIBRARY is the
// model. ROWS are float32, row after row. Prints one JSON object: microseconds of processor time
// per row, by the rows of a call, as trees_engine does.
#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

namespace {

constexpr int kPasses = 7;
constexpr double kPassUsMax = 300'000, kAllUsMax = 3'000'000;

void* library = nullptr;

template <typename Function>
Function* symbol(const char* name) {
  void* const found = dlsym(library, name);
  if (found == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::exit(1);
  }
  return reinterpret_cast<Function*>(found);
}

void check(int code) {
  if (code == 0) return;
  std::fprintf(stderr, "a call failed: %d\n", code);
  std::exit(1);
}

double now_us() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

using Score = std::function<void(std::size_t first, std::size_t count)>;

Score xgboost(const char* model, const std::vector<float>& rows, std::size_t width) {
  using Handle = void*;
  Handle booster = nullptr;
  check(
      symbol<int(const Handle*, std::uint64_t, Handle*)>("XGBoosterCreate")(nullptr, 0, &booster));
  check(symbol<int(Handle, const char*)>("XGBoosterLoadModel")(booster, model));
  check(
      symbol<int(Handle, const char*, const char*)>("XGBoosterSetParam")(booster, "nthread", "1"));
  auto* const predict = symbol<int(Handle, const char*, const char*, Handle, const std::uint64_t**,
                                   std::uint64_t*, const float**)>("XGBoosterPredictFromDense");
  return [=, &rows](std::size_t first, std::size_t count) {
    char array[200];
    std::snprintf(array, sizeof(array),
                  R"({"data":[%zu,true],"shape":[%zu,%zu],"typestr":"<f4","version":3})",
                  reinterpret_cast<std::size_t>(rows.data() + first * width), count, width);
    const std::uint64_t* shape = nullptr;
    std::uint64_t dim = 0;
    const float* out = nullptr;
    check(predict(booster, array,
                  R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,)"
                  R"("strict_shape":false,"cache_id":0,"missing":NaN})",
                  nullptr, &shape, &dim, &out));
  };
}

Score lightgbm(const char* model, const std::vector<float>& rows, std::size_t width, bool fast) {
  void* booster = nullptr;
  int iterations = 0;
  check(symbol<int(const char*, int*, void**)>("LGBM_BoosterCreateFromModelfile")(
      model, &iterations, &booster));
  static std::vector<double> out(rows.size());
  const char* const params = "num_threads=1";
  if (fast) {
    void* config = nullptr;
    check(symbol<int(void*, int, int, int, int, std::int32_t, const char*, void**)>(
        "LGBM_BoosterPredictForMatSingleRowFastInit")(
        booster, 0, 0, -1, 0, static_cast<std::int32_t>(width), params, &config));
    auto* const predict = symbol<int(void*, const void*, std::int64_t*, double*)>(
        "LGBM_BoosterPredictForMatSingleRowFast");
    return [=, &rows](std::size_t first, std::size_t count) {
      std::int64_t length = 0;
      for (std::size_t r = 0; r < count; ++r)
        check(predict(config, rows.data() + (first + r) * width, &length, out.data() + r));
    };
  }
  auto* const predict =
      symbol<int(void*, const void*, int, std::int32_t, std::int32_t, int, int, int, int,
                 const char*, std::int64_t*, double*)>("LGBM_BoosterPredictForMat");
  return [=, &rows](std::size_t first, std::size_t count) {
    std::int64_t length = 0;
    check(predict(booster, rows.data() + first * width, 0, static_cast<std::int32_t>(count),
                  static_cast<std::int32_t>(width), 1, 0, 0, -1, params, &length, out.data()));
  };
}

template <typename Number>
Score tl2cgen(const std::vector<float>& rows, std::size_t width) {
  union Entry {
    int missing;
    Number value;
    int quantized;
  };
  static std::vector<Entry> row(width);
  auto* const predict = symbol<void(Entry*, int, Number*)>("predict");
  return [=, &rows](std::size_t first, std::size_t count) {
    for (std::size_t r = 0; r < count; ++r) {
      const float* const from = rows.data() + (first + r) * width;
      for (std::size_t f = 0; f < width; ++f) {
        if (std::isnan(from[f])) {
          row[f].missing = -1;
        } else {
          row[f].value = static_cast<Number>(from[f]);
        }
      }
      Number result[1] = {0};
      predict(row.data(), 0, result);
    }
  };
}

Score lleaves(const std::vector<float>& rows, std::size_t width) {
  static const std::vector<double> doubles(rows.begin(), rows.end());
  static std::vector<double> out(rows.size() / width);
  auto* const predict = symbol<void(const double*, double*, int, int)>("forest_root");
  return [=](std::size_t first, std::size_t count) {
    predict(doubles.data() + first * width, out.data(), 0, static_cast<int>(count));
  };
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: trees_peers PEER LIBRARY MODEL ROWS FEATURES\n");
    return 2;
  }
  const std::string peer = argv[1];
  library = dlopen(argv[2], RTLD_NOW);
  if (library == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  std::ifstream file(argv[4], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto* const begin = reinterpret_cast<const float*>(bytes.data());
  const std::vector<float> rows(begin, begin + bytes.size() / sizeof(float));
  const std::size_t width = std::strtoul(argv[5], nullptr, 10), count = rows.size() / width;
  const Score score = peer == "xgboost"          ? xgboost(argv[3], rows, width)
                      : peer == "tl2cgen_float"  ? tl2cgen<float>(rows, width)
                      : peer == "tl2cgen_double" ? tl2cgen<double>(rows, width)
                      : peer == "lleaves"        ? lleaves(rows, width)
                                          : lightgbm(argv[3], rows, width, peer == "lightgbm_fast");
  std::printf("{");
  for (const std::size_t batch : {std::size_t{1}, std::size_t{32}, std::size_t{1024}, count}) {
    std::vector<double> passes;
    const double began = now_us();
    // The slowest take seconds for all rows: three passes of them are enough.
    for (int pass = 0; pass < kPasses && (pass < 3 || now_us() - began < kAllUsMax); ++pass) {
      const double start = now_us();
      std::size_t done = 0;
      while (done < count && now_us() - start < kPassUsMax) {
        const std::size_t until = std::min(count, done + std::max<std::size_t>(batch, 64));
        for (; done < until; done += std::min(batch, until - done))
          score(done, std::min(batch, until - done));
      }
      passes.push_back((now_us() - start) / static_cast<double>(done));
    }
    std::sort(passes.begin(), passes.end());
    std::printf("%s\"%zu\":%.4f", batch == 1 ? "" : ",", batch, passes[passes.size() / 2]);
  }
  std::printf("}\n");
  return 0;
}
