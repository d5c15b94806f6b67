// The first bad of things in order, found by asking about as few as possible. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <set>

namespace slipway::cli {

// Of `points` things the first is good and the last is bad.
class Bisection {
 public:
  explicit Bisection(std::size_t points) : bad_(points - 1) {}

  enum class Verdict { kGood, kBad, kSkipped };

  // Which to ask about: that nearest to the middle of what is left; nothing: no question is left.
  std::optional<std::size_t> next() const;
  void tell(std::size_t point, Verdict verdict);

  // The first bad one is behind good() and not behind bad(); those between were skipped.
  std::size_t good() const { return good_; }
  std::size_t bad() const { return bad_; }
  // Questions that are left at most, when none has to be skipped.
  std::size_t left() const;

 private:
  std::size_t good_ = 0, bad_;
  std::set<std::size_t> skipped_;
};

}  // namespace slipway::cli
