#include "monitor/detectors/kswin.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <set>

#include "monitor/drift/rank_tests.h"

namespace slipway::monitor {

// The Mersenne Twister, filled by "init_by_array" with one word.
PythonRandom::PythonRandom(std::uint32_t seed) {
  const auto fill = [this](std::uint32_t first) {
    words_[0] = first;
    for (std::uint32_t i = 1; i < kWords; ++i)
      words_[i] = 1812433253U * (words_[i - 1] ^ (words_[i - 1] >> 30)) + i;
  };
  fill(19650218U);
  std::size_t i = 1;
  const auto mix = [this, &i](std::uint32_t factor) {
    return words_[i] ^ ((words_[i - 1] ^ (words_[i - 1] >> 30)) * factor);
  };
  const auto step = [this, &i] {
    if (++i < kWords) return;
    words_[0] = words_[kWords - 1];
    i = 1;
  };
  for (std::size_t k = 0; k < kWords; ++k, step()) words_[i] = mix(1664525U) + seed;
  for (std::size_t k = 0; k + 1 < kWords; ++k, step())
    words_[i] = mix(1566083941U) - static_cast<std::uint32_t>(i);
  words_[0] = 0x80000000U;
}

std::uint32_t PythonRandom::next() {
  constexpr std::size_t kShift = 397;
  if (at_ == kWords) {
    for (std::size_t i = 0; i < kWords; ++i) {
      const std::uint32_t y = (words_[i] & 0x80000000U) | (words_[(i + 1) % kWords] & 0x7fffffffU);
      words_[i] = words_[(i + kShift) % kWords] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfU : 0);
    }
    at_ = 0;
  }
  std::uint32_t y = words_[at_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680U;
  y ^= (y << 15) & 0xefc60000U;
  return y ^ (y >> 18);
}

std::size_t PythonRandom::below(std::size_t limit) {
  const int bits = std::bit_width(limit);
  std::size_t drawn = limit;
  while (drawn >= limit) drawn = next() >> (32 - bits);
  return drawn;
}

std::vector<std::size_t> PythonRandom::sample(std::size_t limit, std::size_t count) {
  std::vector<std::size_t> drawn;
  // Python draws from a list where that is smaller than a set of what was drawn.
  double set_size = 21;
  if (count > 5) {
    set_size += std::pow(4, std::ceil(std::log(static_cast<double>(count) * 3) / std::log(4.0)));
  }
  if (static_cast<double>(limit) <= set_size) {
    std::vector<std::size_t> pool(limit);
    std::iota(pool.begin(), pool.end(), std::size_t{0});
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t j = below(limit - i);
      drawn.push_back(pool[j]);
      pool[j] = pool[limit - i - 1];
    }
    return drawn;
  }
  std::set<std::size_t> taken;
  while (drawn.size() < count) {
    const std::size_t j = below(limit);
    if (taken.insert(j).second) drawn.push_back(j);
  }
  return drawn;
}

void PythonRandom::write(ByteWriter& out) const {
  out.varint(at_);
  for (const std::uint32_t word : words_) out.varint(word);
}

Result<void> PythonRandom::read(ByteReader& in) {
  at_ = TRY(in.varint(kWords));
  for (std::uint32_t& word : words_) word = static_cast<std::uint32_t>(TRY(in.varint(0xffffffffU)));
  return {};
}

bool Kswin::update(double value) {
  constexpr double kStatisticMin = 0.1;
  if (changed_) {
    window_.clear();
    random_ = PythonRandom(options_.seed);
    changed_ = false;
  }
  window_.push_back(value);
  if (window_.size() > options_.window_size) window_.pop_front();
  if (window_.size() < options_.window_size) return false;
  const std::size_t rest = options_.window_size - options_.stat_size;
  std::vector<double> drawn,
      newest(window_.begin() + static_cast<std::ptrdiff_t>(rest), window_.end());
  for (const std::size_t at : random_.sample(rest, options_.stat_size))
    drawn.push_back(window_[at]);
  std::sort(drawn.begin(), drawn.end());
  std::sort(newest.begin(), newest.end());
  const KolmogorovSmirnov found = kolmogorov_smirnov(drawn, newest);
  changed_ = found.p_value <= options_.alpha && found.statistic > kStatisticMin;
  return changed_;
}

void Kswin::write(ByteWriter& out) const {
  random_.write(out);
  out.byte(changed_ ? 1 : 0);
  out.varint(window_.size());
  for (const double value : window_) out.real(value);
}

Result<void> Kswin::read(ByteReader& in) {
  TRY(random_.read(in));
  changed_ = TRY(in.varint(1)) == 1;
  window_.resize(TRY(in.varint(options_.window_size)));
  for (double& value : window_) value = TRY(in.real());
  return {};
}

}  // namespace slipway::monitor
