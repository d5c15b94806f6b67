// Sums of products: the one loop that most of a row's time goes to.
#include "serving/onnx/operators.h"

// The compiler makes it for several instruction sets; the processor's best is taken.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define SLIPWAY_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SLIPWAY_CLONES
#endif

namespace slipway::serving::onnx {
namespace {

constexpr std::size_t kLanes = 16;  // sums that do not wait for each other

// The dot product of two arrays.
template <typename T>
inline __attribute__((always_inline)) T dot(const T* a, const T* b, std::size_t size) {
  T sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  T rest = 0;
  for (; i < size; ++i) rest += a[i] * b[i];
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return sums[0] + rest;
}

// sums[r] += x[r] * weight, of four outputs at once.
template <typename T>
inline __attribute__((always_inline)) void add_products(const T* x, const T* weights,
                                                        std::size_t stride, T* const* sums,
                                                        std::size_t outputs, std::size_t rows) {
  if (outputs == 4) {
    const T w0 = weights[0], w1 = weights[stride], w2 = weights[2 * stride],
            w3 = weights[3 * stride];
    T *s0 = sums[0], *s1 = sums[1], *s2 = sums[2], *s3 = sums[3];
    for (std::size_t r = 0; r < rows; ++r) {
      s0[r] += x[r] * w0;
      s1[r] += x[r] * w1;
      s2[r] += x[r] * w2;
      s3[r] += x[r] * w3;
    }
    return;
  }
  for (std::size_t m = 0; m < outputs; ++m) {
    const T weight = weights[m * stride];
    T* sum = sums[m];
    for (std::size_t r = 0; r < rows; ++r) sum[r] += x[r] * weight;
  }
}

SLIPWAY_CLONES void dots(const float* x, std::size_t features, const float* weights, float* out,
                         std::size_t outputs) {
  for (std::size_t m = 0; m < outputs; ++m) out[m] = dot(x, weights + m * features, features);
}
SLIPWAY_CLONES void dots(const double* x, std::size_t features, const double* weights, double* out,
                         std::size_t outputs) {
  for (std::size_t m = 0; m < outputs; ++m) out[m] = dot(x, weights + m * features, features);
}

SLIPWAY_CLONES void stretch(const float* const* x, std::size_t count, const float* weights,
                            std::size_t stride, float* const* sums, std::size_t outputs,
                            std::size_t rows) {
  for (std::size_t k = 0; k < count; ++k)
    add_products(x[k], weights + k, stride, sums, outputs, rows);
}
SLIPWAY_CLONES void stretch(const double* const* x, std::size_t count, const double* weights,
                            std::size_t stride, double* const* sums, std::size_t outputs,
                            std::size_t rows) {
  for (std::size_t k = 0; k < count; ++k)
    add_products(x[k], weights + k, stride, sums, outputs, rows);
}

}  // namespace

template <typename T>
void add_linear(Compiler& compiler, std::vector<Register> in,
                std::shared_ptr<const std::vector<T>> weights, std::vector<T> bias,
                std::vector<Register> out) {
  const std::size_t bytes = bias.size() * sizeof(T) + (in.size() + out.size()) * sizeof(Register);
  compiler.add(
      [in = std::move(in), weights = std::move(weights), bias = std::move(bias),
       out = std::move(out)](Frame& frame) {
        const std::size_t rows = frame.rows(), features = in.size();
        if (rows == 1) {
          T *x = frame.room<T>(features + out.size()), *sums = x + features;
          for (std::size_t k = 0; k < features; ++k) x[k] = *frame.column<T>(in[k]);
          dots(x, features, weights->data(), sums, out.size());
          for (std::size_t m = 0; m < out.size(); ++m) *frame.column<T>(out[m]) = sums[m] + bias[m];
          return;
        }
        // A stretch of columns that stays in the cache while all outputs take from it.
        constexpr std::size_t kStretch = 64, kTogether = 4;
        for (std::size_t m = 0; m < out.size(); ++m)
          std::fill_n(frame.column<T>(out[m]), rows, bias[m]);
        const T* x[kStretch];
        for (std::size_t first = 0; first < features; first += kStretch) {
          const std::size_t count = std::min(kStretch, features - first);
          for (std::size_t k = 0; k < count; ++k) x[k] = frame.column<T>(in[first + k]);
          for (std::size_t m = 0; m < out.size(); m += kTogether) {
            T* sums[kTogether];
            const std::size_t outputs = std::min(kTogether, out.size() - m);
            for (std::size_t o = 0; o < outputs; ++o) sums[o] = frame.column<T>(out[m + o]);
            stretch(x, count, weights->data() + m * features + first, features, sums, outputs,
                    rows);
          }
        }
      },
      bytes);
}
template void add_linear<float>(Compiler&, std::vector<Register>,
                                std::shared_ptr<const std::vector<float>>, std::vector<float>,
                                std::vector<Register>);
template void add_linear<double>(Compiler&, std::vector<Register>,
                                 std::shared_ptr<const std::vector<double>>, std::vector<double>,
                                 std::vector<Register>);

}  // namespace slipway::serving::onnx
