// The trials of a search: which come next, with which values, and which is the best. Pure.
//
// Trial n (from 0) is a function of the search as declared, its seed, n, and, with `tpe`, of how
// trials 0 to n - parallel ended: those after them count as running, whatever is known of them by
// then, and n is not proposed before the others are over. So the same search makes the same
// proposals however fast its trials are, and a repeated one finds its trials in the cache. The
// price: a slow trial keeps back those that come `parallel` and more after it.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "pipelines/search/search.h"

namespace slipway::pipelines {

struct Trial {
  enum class State : std::uint8_t {
    kOpen,      // pending or running
    kComplete,  // with a value
    kLost,      // failed, refused or cancelled: it says nothing of its point
    kStopped    // early, with the value it had
  };
  State state = State::kOpen;
  Point point;
  double value = 0;       // of a complete or stopped one; NaN: it had none when it was stopped
  std::int64_t step = 0;  // of a stopped one: how far it came
  bool has_failed = false;

  bool operator==(const Trial&) const = default;
};

// How many more may be proposed now that these have been.
std::size_t trials_due(const Search& search, std::span<const Trial> trials);

// The point of trial number `trials.size()`.
Point propose(const Search& search, std::span<const Trial> trials);

// The complete trial with the best value, of equals the first; nothing: none is complete.
std::optional<std::size_t> best_of(const Search& search, std::span<const Trial> trials);

// Whether more have failed than may.
bool too_many_failed(const Search& search, std::span<const Trial> trials);

}  // namespace slipway::pipelines
