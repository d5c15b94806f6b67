#include "monitor/drift/moment_tests.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "monitor/drift/distributions.h"
#include "monitor/drift/moments.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kParts = 4;  // cosine and sine at two points
using Vector = std::array<double, kParts>;
using Matrix = std::array<Vector, kParts>;

// The q-quantile of both samples together, interpolated between neighbours (numpy's default).
double pooled_quantile(std::span<const double> a, std::span<const double> b, double q) {
  std::vector<double> all(a.size() + b.size());
  std::merge(a.begin(), a.end(), b.begin(), b.end(), all.begin());
  const double position = q * static_cast<double>(all.size() - 1);
  const auto low = static_cast<std::size_t>(position);
  const double fraction = position - static_cast<double>(low);
  return all[low] + (all[std::min(low + 1, all.size() - 1)] - all[low]) * fraction;
}

struct Waves {
  Vector mean{};
  Matrix covariance{};  // with n in the denominator
};

Waves waves_of(std::span<const double> values, const std::array<double, 2>& points) {
  std::vector<Vector> rows(values.size());
  Waves waves;
  for (std::size_t i = 0; i < values.size(); ++i) {
    rows[i] = {std::cos(points[0] * values[i]), std::cos(points[1] * values[i]),
               std::sin(points[0] * values[i]), std::sin(points[1] * values[i])};
    for (std::size_t k = 0; k < kParts; ++k) waves.mean[k] += rows[i][k];
  }
  const auto n = static_cast<double>(values.size());
  for (double& mean : waves.mean) mean /= n;
  for (const Vector& row : rows) {
    for (std::size_t j = 0; j < kParts; ++j) {
      for (std::size_t k = 0; k < kParts; ++k) {
        waves.covariance[j][k] += (row[j] - waves.mean[j]) * (row[k] - waves.mean[k]) / n;
      }
    }
  }
  return waves;
}

// Eigenvalues and -vectors (columns) of a symmetric matrix, by Jacobi's rotations.
void diagonalize(Matrix& matrix, Matrix& vectors) {
  for (std::size_t i = 0; i < kParts; ++i) vectors[i][i] = 1;
  for (int sweep = 0; sweep < 60; ++sweep) {
    for (std::size_t p = 0; p < kParts; ++p) {
      for (std::size_t q = p + 1; q < kParts; ++q) {
        if (matrix[p][q] == 0) continue;
        const double theta = (matrix[q][q] - matrix[p][p]) / (2 * matrix[p][q]);
        const double tangent =
            (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double cosine = 1 / std::sqrt(tangent * tangent + 1), sine = tangent * cosine;
        for (std::size_t k = 0; k < kParts; ++k) {
          const double left = matrix[k][p], right = matrix[k][q];
          matrix[k][p] = cosine * left - sine * right;
          matrix[k][q] = sine * left + cosine * right;
        }
        for (std::size_t k = 0; k < kParts; ++k) {
          const double left = matrix[p][k], right = matrix[q][k];
          matrix[p][k] = cosine * left - sine * right;
          matrix[q][k] = sine * left + cosine * right;
        }
        for (std::size_t k = 0; k < kParts; ++k) {
          const double left = vectors[k][p], right = vectors[k][q];
          vectors[k][p] = cosine * left - sine * right;
          vectors[k][q] = sine * left + cosine * right;
        }
      }
    }
  }
}

}  // namespace

MomentTest t_test(std::span<const double> reference, std::span<const double> current,
                  Variances variances) {
  if (reference.size() < 2 || current.size() < 2) return {kNone, kNone};
  const auto m = static_cast<double>(reference.size()), n = static_cast<double>(current.size());
  const Moments a = moments_of(reference), b = moments_of(current);
  double spread = 0, degrees = 0;
  switch (variances) {
    case Variances::kEqual:
      degrees = m + n - 2;
      spread = (a.squares + b.squares) / degrees * (1 / m + 1 / n);
      break;
    case Variances::kAny: {
      const double of_a = a.squares / (m - 1) / m, of_b = b.squares / (n - 1) / n;
      spread = of_a + of_b;
      degrees = spread * spread / (of_a * of_a / (m - 1) + of_b * of_b / (n - 1));
      break;
    }
  }
  MomentTest result{.statistic = (a.mean - b.mean) / std::sqrt(spread)};
  result.p_value = student_two_sided(result.statistic, degrees);
  return result;
}

MomentTest epps_singleton(std::span<const double> reference, std::span<const double> current) {
  if (reference.size() < 5 || current.size() < 5) return {kNone, kNone};
  const double half_range =
      (pooled_quantile(reference, current, 0.75) - pooled_quantile(reference, current, 0.25)) / 2;
  if (!(half_range > 0) || std::isinf(half_range)) return {kNone, kNone};
  const std::array<double, 2> points = {0.4 / half_range, 0.8 / half_range};
  const Waves a = waves_of(reference, points), b = waves_of(current, points);
  const auto m = static_cast<double>(reference.size()), n = static_cast<double>(current.size());
  const double all = m + n;
  Matrix estimate{}, vectors{};
  for (std::size_t j = 0; j < kParts; ++j) {
    for (std::size_t k = 0; k < kParts; ++k) {
      estimate[j][k] = all / m * a.covariance[j][k] + all / n * b.covariance[j][k];
    }
  }
  diagonalize(estimate, vectors);
  double largest = 0;
  for (std::size_t k = 0; k < kParts; ++k) largest = std::max(largest, std::abs(estimate[k][k]));
  // The pseudoinverse: directions in which nothing varies but by rounding are left out.
  const double smallest = largest * 1e-12;
  MomentTest result;
  std::int64_t rank = 0;
  for (std::size_t k = 0; k < kParts; ++k) {
    if (std::abs(estimate[k][k]) <= smallest) continue;
    ++rank;
    double along = 0;
    for (std::size_t j = 0; j < kParts; ++j) along += vectors[j][k] * (a.mean[j] - b.mean[j]);
    result.statistic += all * along * along / estimate[k][k];
  }
  if (std::max(m, n) < 25) {
    result.statistic /= 1 + std::pow(all, -0.45) + 10.1 * (std::pow(m, -1.7) + std::pow(n, -1.7));
  }
  result.p_value = chi_square_survival(result.statistic, rank);
  return result;
}

}  // namespace slipway::monitor
