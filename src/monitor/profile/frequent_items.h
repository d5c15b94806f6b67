// Which texts come often, and about how often (Misra and Gries 1982; merged as in Agarwal et al.
// 2012).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "monitor/profile/bytes.h"

namespace slipway::monitor {

// Counts at most 2 * kCounters different texts; when there are more, every count loses what the
// 65th has, and those that lose all are forgotten.
//
// The true count of a text lies between its count and that plus error(), which is at most
// total() / 65 and 0 while nothing was forgotten; so every text with more than error() is here.
// Merging in any order keeps that. A value.
class FrequentItems {
 public:
  static constexpr std::size_t kCounters = 64;
  static constexpr std::size_t kTextBytesMax = 128;  // longer ones are cut at a character

  void add(std::string_view text, std::uint64_t count = 1);
  void merge(const FrequentItems& other);

  struct Item {
    std::string text;
    std::uint64_t count_min = 0, count_max = 0;
  };
  // Those that are surely there, the most frequent first; equals by text.
  std::vector<Item> top(std::size_t limit) const;
  std::uint64_t total() const { return total_; }
  std::uint64_t error() const { return error_; }

  void write(ByteWriter& out) const;
  static Result<FrequentItems> read(ByteReader& in);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const;
  };
  void forget();

  std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>> counts_;
  std::uint64_t total_ = 0, error_ = 0;
};

}  // namespace slipway::monitor
