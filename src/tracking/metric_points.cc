#include "tracking/metric_points.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <tuple>

namespace slipway::tracking {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kVarintBytesMax = 10;
constexpr std::size_t kPointBytesMin = 3 + sizeof(double);

char* put_varint(char* at, std::uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<char>(value);
  return at;
}

// Differences wrap around, so that any two numbers have one.
char* put_difference(char* at, std::uint64_t to, std::uint64_t from) {
  const std::uint64_t difference = to - from;
  const std::uint64_t sign = 0 - (difference >> 63);
  return put_varint(at, (difference << 1) ^ sign);
}

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  bool at_end() const { return at_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  bool take_varint(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool take_difference(std::uint64_t& value) {
    std::uint64_t zigzag;
    if (!take_varint(zigzag)) return false;
    value += (zigzag >> 1) ^ (0 - (zigzag & 1));
    return true;
  }

  bool take_double(double& value) {
    if (left() < sizeof value) return false;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return true;
  }

 private:
  const char* at_;
  const char* const end_;
};

double comparable(double value) { return std::isnan(value) ? 0.0 : value; }

auto history_order(const Point& p) {
  return std::tuple(p.key, p.timestamp_ms, p.step, std::isnan(p.value), comparable(p.value));
}

}  // namespace

void pack_points(std::span<const Point> points, std::string& bytes) {
  if (points.empty()) return;
  const std::size_t before = bytes.size();
  bytes.resize(before + kVarintBytesMax + points.size() * (3 * kVarintBytesMax + sizeof(double)));
  char* at = put_varint(bytes.data() + before, points.size());
  Point last;
  for (const Point& point : points) {
    at = put_difference(at, point.key, last.key);
    at = put_difference(at, static_cast<std::uint64_t>(point.timestamp_ms),
                        static_cast<std::uint64_t>(last.timestamp_ms));
    at = put_difference(at, static_cast<std::uint64_t>(point.step),
                        static_cast<std::uint64_t>(last.step));
    std::memcpy(at, &point.value, sizeof point.value);
    at += sizeof point.value;
    last = point;
  }
  bytes.resize(static_cast<std::size_t>(at - bytes.data()));
}

Result<void> unpack_points(std::string_view bytes, std::vector<Point>& points) {
  Unpacker in(bytes);
  while (!in.at_end()) {
    std::uint64_t count = 0, key = 0, timestamp_ms = 0, step = 0;
    bool good = in.take_varint(count) && count <= in.left() / kPointBytesMin;
    if (good) points.reserve(points.size() + count);
    for (std::uint64_t i = 0; good && i < count; ++i) {
      Point point;
      good = in.take_difference(key) && in.take_difference(timestamp_ms) &&
             in.take_difference(step) && in.take_double(point.value) && key <= UINT32_MAX;
      point.key = static_cast<std::uint32_t>(key);
      point.timestamp_ms = static_cast<std::int64_t>(timestamp_ms);
      point.step = static_cast<std::int64_t>(step);
      if (good) points.push_back(point);
    }
    if (!good) {
      return base::error(Code::kCorruption, "packed metric points are broken: bytes={}",
                         bytes.size());
    }
  }
  return {};
}

bool is_later(const Point& a, const Point& b) {
  return std::tuple(a.step, a.timestamp_ms, comparable(a.value)) >
         std::tuple(b.step, b.timestamp_ms, comparable(b.value));
}

void keep_latest(std::vector<Point>& points) {
  std::stable_sort(points.begin(), points.end(),
                   [](const Point& a, const Point& b) { return a.key < b.key; });
  std::size_t kept = 0;
  for (const Point& point : points) {
    if (kept > 0 && points[kept - 1].key == point.key) {
      if (is_later(point, points[kept - 1])) points[kept - 1] = point;
    } else {
      points[kept++] = point;
    }
  }
  points.resize(kept);
}

void sort_history(std::vector<Point>& points) {
  std::stable_sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
    return history_order(a) < history_order(b);
  });
  points.erase(std::unique(points.begin(), points.end(),
                           [](const Point& a, const Point& b) {
                             return history_order(a) == history_order(b);
                           }),
               points.end());
}

}  // namespace slipway::tracking
