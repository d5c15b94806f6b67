#include "monitor/detectors/adwin.h"

#include <cmath>

namespace slipway::monitor {
namespace {

constexpr std::size_t kRowsMax = 60;

double bucket_size(std::size_t row) { return std::ldexp(1.0, static_cast<int>(row)); }

}  // namespace

void Adwin::reset() {
  rows_.assign(1, {});
  width_ = total_ = variance_ = 0;
  ticks_ = 0;
  changed_ = false;
}

bool Adwin::update(double value) {
  if (changed_) reset();
  insert(value);
  ++ticks_;
  if (ticks_ % options_.clock != 0 || width_ <= static_cast<double>(options_.grace_period))
    return false;
  while (shrink()) changed_ = true;
  return changed_;
}

void Adwin::insert(double value) {
  rows_[0].push_back({.total = value});
  width_ += 1;
  if (width_ > 1) {
    const double difference = value - total_ / (width_ - 1);
    variance_ += (width_ - 1) * difference * difference / width_;
  }
  total_ += value;
  compress();
}

// Two buckets of a full row make one of the next.
void Adwin::compress() {
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (rows_[row].size() != static_cast<std::size_t>(options_.max_buckets) + 1) return;
    if (row + 1 == rows_.size()) rows_.emplace_back();
    const Bucket &a = rows_[row][0], &b = rows_[row][1];
    const double n = bucket_size(row), difference = a.total / n - b.total / n;
    rows_[row + 1].push_back(
        {.total = a.total + b.total,
         .variance = a.variance + b.variance + n * n * difference * difference / (n + n)});
    rows_[row].erase(rows_[row].begin(), rows_[row].begin() + 2);
  }
}

double Adwin::forget_oldest() {
  std::vector<Bucket>& row = rows_.back();
  const Bucket oldest = row.front();
  const double n = bucket_size(rows_.size() - 1);
  width_ -= n;
  total_ -= oldest.total;
  const double difference = oldest.total / n - total_ / width_;
  variance_ -= oldest.variance + n * width_ * difference * difference / (n + width_);
  row.erase(row.begin());
  if (row.empty()) rows_.pop_back();
  return n;
}

// Walks the cuts from the oldest on; where both sides differ the oldest bucket is forgotten.
bool Adwin::shrink() {
  double older = 0, newer = width_, older_total = 0, newer_total = total_;
  for (std::size_t row = rows_.size(); row-- > 0;) {
    const double n = bucket_size(row);
    for (std::size_t k = 0; k < rows_[row].size(); ++k) {
      if (row == 0 && k + 1 == rows_[row].size()) return false;
      older += n;
      newer -= n;
      older_total += rows_[row][k].total;
      newer_total -= rows_[row][k].total;
      const auto least = static_cast<double>(options_.min_window_length);
      if (older >= least && newer >= least &&
          differs(older, newer, older_total / older - newer_total / newer)) {
        forget_oldest();
        return true;
      }
    }
  }
  return false;
}

bool Adwin::differs(double older, double newer, double means) const {
  const auto least = static_cast<double>(options_.min_window_length);
  const double confidence = std::log(2 * std::log(width_) / options_.delta);
  const double share = 1 / (older - least + 1) + 1 / (newer - least + 1);
  const double allowed =
      std::sqrt(2 * share * (variance_ / width_) * confidence) + 2.0 / 3 * confidence * share;
  return std::abs(means) > allowed;
}

void Adwin::write(ByteWriter& out) const {
  out.varint(static_cast<std::uint64_t>(ticks_));
  out.byte(changed_ ? 1 : 0);
  for (const double value : {width_, total_, variance_}) out.real(value);
  out.varint(rows_.size());
  for (const auto& row : rows_) {
    out.varint(row.size());
    for (const Bucket& bucket : row) {
      out.real(bucket.total);
      out.real(bucket.variance);
    }
  }
}

Result<void> Adwin::read(ByteReader& in) {
  ticks_ = static_cast<std::int64_t>(TRY(in.varint()));
  changed_ = TRY(in.varint(1)) == 1;
  for (double* value : {&width_, &total_, &variance_}) *value = TRY(in.real());
  rows_.clear();
  rows_.resize(TRY(in.varint(kRowsMax)));
  if (rows_.empty()) return ByteReader::broken();
  for (auto& row : rows_) {
    row.resize(TRY(in.varint(static_cast<std::uint64_t>(options_.max_buckets))));
    for (Bucket& bucket : row) {
      bucket.total = TRY(in.real());
      bucket.variance = TRY(in.real());
    }
  }
  return {};
}

}  // namespace slipway::monitor
