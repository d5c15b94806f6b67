#include "monitor/profile/hll_sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/hash.h"

namespace slipway::monitor {
namespace {

constexpr int kHashBits = 64 - HllSketch::kBits;
constexpr std::uint64_t kRegisterMax = kHashBits + 1;

double sigma(double x) {
  if (x == 1) return std::numeric_limits<double>::infinity();
  double y = 1, z = x, before = 0;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (z != before);
  return z;
}

double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double y = 1, z = 1 - x, before = 0;
  do {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  } while (z != before);
  return z / 3;
}

}  // namespace

std::uint64_t HllSketch::hash_of(double value) {
  std::uint64_t bits = std::bit_cast<std::uint64_t>(value + 0.0);
  bits = (bits ^ (bits >> 33)) * 0xff51afd7ed558ccdULL;
  bits = (bits ^ (bits >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return bits ^ (bits >> 33);
}

std::uint64_t HllSketch::hash_of(std::string_view text) { return base::hash64(text, 1); }

void HllSketch::add_hash(std::uint64_t hash) {
  // The lowest bit that is set ends the count at the latest.
  const std::uint64_t rest = (hash << kBits) | (std::uint64_t{1} << (kBits - 1));
  const auto zeros = static_cast<std::uint8_t>(std::countl_zero(rest) + 1);
  std::uint8_t& at = registers_[hash >> kHashBits];
  at = std::max(at, zeros);
}

void HllSketch::merge(const HllSketch& other) {
  for (std::size_t i = 0; i < registers_.size(); ++i)
    registers_[i] = std::max(registers_[i], other.registers_[i]);
}

double HllSketch::estimate() const {
  std::array<double, kRegisterMax + 1> counts{};
  for (const std::uint8_t value : registers_) counts[value] += 1;
  const auto m = static_cast<double>(registers_.size());
  double z = m * tau(1 - counts[kRegisterMax] / m);
  for (int k = kHashBits; k >= 1; --k) z = 0.5 * (z + counts[static_cast<std::size_t>(k)]);
  z += m * sigma(counts[0] / m);
  return m * m / (2 * std::log(2.0) * z);
}

// Few registers as gaps and values; many as half bytes above the smallest, with those that don't
// fit.
void HllSketch::write(ByteWriter& out) const {
  const auto used = static_cast<std::size_t>(
      std::count_if(registers_.begin(), registers_.end(), [](std::uint8_t r) { return r > 0; }));
  if (used < registers_.size() / 4) {
    out.byte(0);
    out.varint(used);
    std::size_t next = 0;
    for (std::size_t i = 0; i < registers_.size(); ++i) {
      if (registers_[i] == 0) continue;
      out.varint(i - next);
      out.byte(registers_[i]);
      next = i + 1;
    }
    return;
  }
  const std::uint8_t base = *std::min_element(registers_.begin(), registers_.end());
  out.byte(1);
  out.byte(base);
  const auto half = [&](std::size_t i) { return std::min(registers_[i] - base, 15); };
  for (std::size_t i = 0; i < registers_.size(); i += 2)
    out.byte(static_cast<std::uint8_t>(half(i) | half(i + 1) << 4));
  for (std::size_t i = 0; i < registers_.size(); ++i) {
    if (half(i) == 15) out.byte(static_cast<std::uint8_t>(registers_[i] - base - 15));
  }
}

Result<HllSketch> HllSketch::read(ByteReader& in) {
  HllSketch sketch;
  auto& registers = sketch.registers_;
  if (TRY(in.varint(1)) == 0) {
    const std::uint64_t used = TRY(in.varint(registers.size()));
    std::size_t next = 0;
    for (std::uint64_t i = 0; i < used; ++i) {
      next += TRY(in.varint(registers.size()));
      if (next >= registers.size()) return in.broken();
      registers[next] = TRY(in.byte());
      if (registers[next] == 0 || registers[next] > kRegisterMax) return in.broken();
      ++next;
    }
    return sketch;
  }
  const unsigned base = TRY(in.byte());
  const std::string_view halves = TRY(in.bytes(registers.size() / 2));
  unsigned above = 0;  // that have 15 or more above the smallest
  for (std::size_t i = 0; i < halves.size(); ++i) {
    const auto both = static_cast<unsigned char>(halves[i]);
    registers[2 * i] = both & 15;
    registers[2 * i + 1] = both >> 4;
    above += (both & 15) == 15;
    above += both >> 4 == 15;
  }
  if (base > kRegisterMax) return in.broken();
  std::uint8_t largest = 0;
  for (std::uint8_t& value : registers) {
    value = static_cast<std::uint8_t>(value + base);
    largest = std::max(largest, value);
  }
  if (largest > kRegisterMax) return in.broken();
  for (auto at = registers.begin(); above > 0; ++at) {
    if (*at != base + 15) continue;
    const unsigned sum = *at + TRY(in.byte());
    if (sum > kRegisterMax) return in.broken();
    *at = static_cast<std::uint8_t>(sum);
    --above;
  }
  return sketch;
}

}  // namespace slipway::monitor
