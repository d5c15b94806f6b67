// Support vector machines of ai.onnx.ml, as libsvm trains them.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "serving/onnx/numbers.h"
#include "serving/onnx/operators.h"

namespace slipway::serving::onnx {
namespace {

enum class Kernel { kLinear, kPolynomial, kGaussian, kSigmoid };

// The support vectors, and how alike a row is to each of them.
struct Machine {
  Kernel kernel = Kernel::kLinear;
  float gamma = 0, offset = 0, degree = 0;
  std::size_t features = 0, count = 0;
  std::vector<float> vectors;  // row-major

  float likeness(const float* x, std::size_t vector) const {
    const float* other = vectors.data() + vector * features;
    float sum = 0;
    if (kernel == Kernel::kGaussian) {
      for (std::size_t f = 0; f < features; ++f) sum += (x[f] - other[f]) * (x[f] - other[f]);
      return std::exp(-gamma * sum);
    }
    for (std::size_t f = 0; f < features; ++f) sum += x[f] * other[f];
    switch (kernel) {
      case Kernel::kPolynomial:
        return std::pow(gamma * sum + offset, degree);
      case Kernel::kSigmoid:
        return std::tanh(gamma * sum + offset);
      case Kernel::kLinear:
      case Kernel::kGaussian:
        break;
    }
    return sum;
  }
};

Result<Machine> read_machine(const Call& call, std::size_t features, std::size_t count) {
  static constexpr std::pair<std::string_view, Kernel> kKernels[] = {{"LINEAR", Kernel::kLinear},
                                                                     {"POLY", Kernel::kPolynomial},
                                                                     {"RBF", Kernel::kGaussian},
                                                                     {"SIGMOID", Kernel::kSigmoid}};
  Machine machine{.features = features, .count = count, .vectors = call.numbers("support_vectors")};
  const std::string_view name = call.text("kernel_type", "LINEAR");
  const auto* const found = std::find_if(std::begin(kKernels), std::end(kKernels),
                                         [&](const auto& known) { return known.first == name; });
  if (found == std::end(kKernels)) return call.unsupported("its kernel_type");
  machine.kernel = found->second;
  const std::vector<float> params = call.numbers("kernel_params");
  if (params.size() >= 3) {
    machine.gamma = params[0];
    machine.offset = params[1];
    machine.degree = params[2];
  }
  if (count == 0) return call.unsupported("without support vectors");
  if (features == 0 || count > machine.vectors.size() || machine.vectors.size() != count * features)
    return call.broken("its support vectors do not fit");
  if (call.text("post_transform", "NONE") != "NONE") return call.unsupported("with post_transform");
  return machine;
}

// Copies one row of columns together.
void take_row(Frame& frame, const std::vector<Register>& columns, std::size_t row, float* to) {
  for (std::size_t f = 0; f < columns.size(); ++f) to[f] = frame.column<float>(columns[f])[row];
}

Result<Values> regressor(const Call& call) {
  TRY(call.expect_calculated());
  const Matrix matrix = TRY(matrix_of(call, call.input(0), ElementType::kFloat));
  const std::int64_t count = call.integer("n_supports", 0);
  if (count < 0) return call.broken("n_supports");
  Machine machine = TRY(read_machine(call, matrix.features, static_cast<std::size_t>(count)));
  const std::vector<float> weights = call.numbers("coefficients"), rho = call.numbers("rho");
  if (weights.size() != machine.count || rho.empty()) return call.broken("its coefficients");
  Value out{.type = ElementType::kFloat, .dims = {kRows, 1}, .columns = {}};
  out.columns = TRY(call.compiler.registers(out.type, 1));
  const std::size_t bytes = machine.vectors.size() * sizeof(float);
  call.compiler.add(
      [machine = std::move(machine), weights, rho = rho[0], from = matrix.value.columns,
       to = out.columns[0], one_class = call.integer("one_class", 0) != 0](Frame& frame) {
        float* x = frame.room<float>(machine.features);
        for (std::size_t r = 0; r < frame.rows(); ++r) {
          take_row(frame, from, r, x);
          float sum = rho;
          for (std::size_t v = 0; v < machine.count; ++v)
            sum += weights[v] * machine.likeness(x, v);
          frame.column<float>(to)[r] = !one_class ? sum : sum > 0 ? 1.0f : -1.0f;
        }
      },
      bytes);
  return one(std::move(out));
}

// One machine for each pair of classes, in the order 0-1, 0-2 ... 1-2 ...
struct Pairs {
  Machine machine;
  std::size_t classes = 0;
  std::vector<std::size_t> first;  // vector of each class, and the end
  std::vector<float> weights;      // [classes - 1][vectors]
  std::vector<float> rho, prob_a, prob_b;

  std::size_t count() const { return classes * (classes - 1) / 2; }

  // Scores of all pairs, and votes for classes, from how alike a row is to each vector.
  void judge(const float* likeness, float* scores, std::int64_t* votes) const {
    std::size_t pair = 0;
    std::fill_n(votes, classes, 0);
    for (std::size_t i = 0; i < classes; ++i) {
      for (std::size_t j = i + 1; j < classes; ++j, ++pair) {
        double sum = 0;
        const float *of_i = weights.data() + (j - 1) * machine.count,
                    *of_j = weights.data() + i * machine.count;
        for (std::size_t v = first[i]; v < first[i + 1]; ++v) sum += of_i[v] * likeness[v];
        for (std::size_t v = first[j]; v < first[j + 1]; ++v) sum += of_j[v] * likeness[v];
        sum += rho[pair];
        scores[pair] = static_cast<float>(sum);
        ++votes[sum > 0 ? i : j];
      }
    }
  }

  // Probabilities of classes from those of pairs: the second method of Wu, Lin and Weng
  // (JMLR 5, 2004), with the tolerance and steps of libsvm. `room`: classes * (2 * classes + 1).
  void couple(const float* scores, float* p, float* room) const {
    const std::size_t n = classes;
    float *r = room, *q = room + n * n, *qp = room + 2 * n * n;
    std::size_t pair = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i + 1; j < n; ++j, ++pair) {
        const float x = scores[pair] * prob_a[pair] + prob_b[pair];
        const float likely = 1 - logistic(x);
        r[i * n + j] = std::min(std::max(likely, 1e-7f), 1 - 1e-7f);
        r[j * n + i] = 1 - r[i * n + j];
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      p[i] = 1 / static_cast<float>(n);
      q[i * n + i] = 0;
      for (std::size_t j = 0; j < n; ++j) {
        if (j == i) continue;
        q[i * n + i] += r[j * n + i] * r[j * n + i];
        q[i * n + j] = -r[j * n + i] * r[i * n + j];
      }
    }
    const float tolerance = 0.005f / static_cast<float>(n);
    for (int round = 0; round < 100; ++round) {
      float pqp = 0, worst = 0;
      for (std::size_t i = 0; i < n; ++i) {
        qp[i] = 0;
        for (std::size_t j = 0; j < n; ++j) qp[i] += q[i * n + j] * p[j];
        pqp += p[i] * qp[i];
      }
      for (std::size_t i = 0; i < n; ++i) worst = std::max(worst, std::abs(qp[i] - pqp));
      if (worst < tolerance) return;
      for (std::size_t i = 0; i < n; ++i) {
        const float step = (pqp - qp[i]) / q[i * n + i];
        p[i] += step;
        pqp = (pqp + step * (step * q[i * n + i] + 2 * qp[i])) / (1 + step) / (1 + step);
        for (std::size_t j = 0; j < n; ++j) {
          qp[j] = (qp[j] + step * q[i * n + j]) / (1 + step);
          p[j] /= 1 + step;
        }
      }
    }
  }
};

Result<Pairs> read_pairs(const Call& call, std::size_t features) {
  Pairs pairs;
  const std::vector<std::int64_t> counts = call.integers("vectors_per_class");
  // As labels_of() has it: texts where there are any.
  const std::size_t texts = call.texts("classlabels_strings").size();
  pairs.classes = texts != 0 ? texts : call.integers("classlabels_ints").size();
  pairs.first.push_back(0);
  for (const std::int64_t count : counts) {
    if (count < 0 || count > (1 << 24)) return call.broken("vectors_per_class");
    pairs.first.push_back(pairs.first.back() + static_cast<std::size_t>(count));
  }
  pairs.machine = TRY(read_machine(call, features, pairs.first.back()));
  pairs.weights = call.numbers("coefficients");
  pairs.rho = call.numbers("rho");
  pairs.prob_a = call.numbers("prob_a");
  pairs.prob_b = call.numbers("prob_b");
  const std::size_t n = pairs.classes;
  if (n < 2 || n > 1000 || counts.size() != n ||
      pairs.weights.size() != (n - 1) * pairs.machine.count || pairs.rho.size() != pairs.count() ||
      pairs.prob_a.size() != pairs.prob_b.size() ||
      (!pairs.prob_a.empty() && pairs.prob_a.size() != pairs.count()))
    return call.broken("its coefficients do not fit its classes");
  return pairs;
}

Result<Values> classifier(const Call& call) {
  TRY(call.expect_calculated());
  const Matrix matrix = TRY(matrix_of(call, call.input(0), ElementType::kFloat));
  Pairs pairs = TRY(read_pairs(call, matrix.features));
  const bool has_probabilities = !pairs.prob_a.empty();
  const std::size_t scores =
      has_probabilities ? pairs.classes : std::max<std::size_t>(2, pairs.count());
  Value out{.type = ElementType::kFloat,
            .dims = {kRows, static_cast<std::int64_t>(scores)},
            .columns = {}};
  out.columns = TRY(call.compiler.registers(out.type, scores));
  const std::vector<Register> chosen = TRY(call.compiler.registers(ElementType::kInt64, 1));
  const std::size_t bytes = (pairs.machine.vectors.size() + pairs.weights.size()) * sizeof(float);
  call.compiler.add(
      [pairs = std::move(pairs), from = matrix.value.columns, to = out.columns, chosen = chosen[0],
       has_probabilities](Frame& frame) {
        const std::size_t n = pairs.classes, vectors = pairs.machine.count;
        float* x = frame.room<float>(pairs.machine.features + vectors + pairs.count() + n +
                                     n * (2 * n + 1));
        float *likeness = x + pairs.machine.features, *scores = likeness + vectors,
              *p = scores + pairs.count(), *room = p + n;
        std::int64_t* votes = frame.room<std::int64_t>(n);
        for (std::size_t r = 0; r < frame.rows(); ++r) {
          take_row(frame, from, r, x);
          for (std::size_t v = 0; v < vectors; ++v) likeness[v] = pairs.machine.likeness(x, v);
          pairs.judge(likeness, scores, votes);
          frame.column<std::int64_t>(chosen)[r] = std::max_element(votes, votes + n) - votes;
          if (has_probabilities) {
            pairs.couple(scores, p, room);
          } else if (n == 2) {
            p[0] = -scores[0];
            p[1] = scores[0];
          } else {
            p = scores;
          }
          for (std::size_t c = 0; c < to.size(); ++c) frame.column<float>(to[c])[r] = p[c];
        }
      },
      bytes);
  Values values;
  values.push_back(TRY(labels_of(call, chosen[0], call.integers("classlabels_ints"),
                                 call.kept_texts("classlabels_strings"))));
  values.push_back(std::move(out));
  return values;
}

constexpr Operator kOperators[] = {
    {"ai.onnx.ml", "SVMRegressor", regressor},
    {"ai.onnx.ml", "SVMClassifier", classifier},
};

}  // namespace

std::span<const Operator> vector_machines() { return kOperators; }

}  // namespace slipway::serving::onnx
