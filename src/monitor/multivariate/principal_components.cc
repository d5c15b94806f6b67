#include "monitor/multivariate/principal_components.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace slipway::monitor {

Eigen symmetric_eigen(std::vector<double> a, std::size_t n) {
  std::vector<double> v(n * n, 0.0);  // row i is the i-th vector
  for (std::size_t i = 0; i < n; ++i) v[i * n + i] = 1;
  constexpr int kSweepsMax = 60;
  for (int sweep = 0; sweep < kSweepsMax; ++sweep) {
    double off = 0, on = 0;
    for (std::size_t i = 0; i < n; ++i) {
      on += a[i * n + i] * a[i * n + i];
      for (std::size_t j = i + 1; j < n; ++j) off += a[i * n + j] * a[i * n + j];
    }
    if (!(off > 1e-30 * on)) break;
    for (std::size_t p = 0; p + 1 < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        const double apq = a[p * n + q];
        if (apq == 0) continue;
        const double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
        const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::hypot(theta, 1));
        const double c = 1 / std::hypot(t, 1), s = t * c;
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[k * n + p], y = a[k * n + q];
          a[k * n + p] = c * x - s * y;
          a[k * n + q] = s * x + c * y;
        }
        double *rp = &a[p * n], *rq = &a[q * n], *vp = &v[p * n], *vq = &v[q * n];
        for (std::size_t k = 0; k < n; ++k) {
          const double x = rp[k], y = rq[k];
          rp[k] = c * x - s * y;
          rq[k] = s * x + c * y;
          const double f = vp[k], g = vq[k];
          vp[k] = c * f - s * g;
          vq[k] = s * f + c * g;
        }
      }
    }
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return a[i * n + i] > a[j * n + j]; });
  Eigen eigen;
  for (const std::size_t i : order) {
    eigen.values.push_back(a[i * n + i]);
    eigen.vectors.emplace_back(v.begin() + static_cast<std::ptrdiff_t>(i * n),
                               v.begin() + static_cast<std::ptrdiff_t>((i + 1) * n));
  }
  return eigen;
}

PrincipalComponents PrincipalComponents::of(const RowMatrix& rows, double share) {
  PrincipalComponents found;
  const std::size_t n = rows.columns;
  found.mean_.assign(n, 0.0);
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t j = 0; j < n; ++j) found.mean_[j] += rows.row(i)[j];
  }
  for (double& mean : found.mean_) mean /= static_cast<double>(rows.rows);
  std::vector<double> covariance(n * n, 0.0), centred(n);
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t j = 0; j < n; ++j) centred[j] = rows.row(i)[j] - found.mean_[j];
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = j; k < n; ++k) covariance[j * n + k] += centred[j] * centred[k];
    }
  }
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = j; k < n; ++k) {
      covariance[j * n + k] /= static_cast<double>(rows.rows - 1);
      covariance[k * n + j] = covariance[j * n + k];
    }
  }
  Eigen eigen = symmetric_eigen(std::move(covariance), n);
  double all = 0, held = 0;
  for (const double value : eigen.values) all += std::max(value, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    held += std::max(eigen.values[i], 0.0);
    found.components_.push_back(std::move(eigen.vectors[i]));
    if (held > share * all) break;
  }
  return found;
}

RowMatrix PrincipalComponents::residuals(const RowMatrix& rows) const {
  RowMatrix left = rows;
  const std::size_t n = rows.columns;
  std::vector<double> projections(components_.size());
  for (std::size_t i = 0; i < rows.rows; ++i) {
    double* row = &left.values[i * n];
    for (std::size_t j = 0; j < n; ++j) row[j] -= mean_[j];
    for (std::size_t c = 0; c < components_.size(); ++c) {
      projections[c] = std::inner_product(row, row + n, components_[c].begin(), 0.0);
    }
    for (std::size_t c = 0; c < components_.size(); ++c) {
      for (std::size_t j = 0; j < n; ++j) row[j] -= projections[c] * components_[c][j];
    }
  }
  return left;
}

}  // namespace slipway::monitor
