// What to look for in the logs of steps, and what was found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "types/text_pattern.h"

namespace slipway::pipelines {

struct LogQuery {
  types::TextPattern pattern;
  std::string pipeline, state, step;  // empty: any; an item's step is that which it is one of
  std::size_t runs_max = 20;          // the newest
  std::size_t lines_max = 100;        // that are given
};

struct LogLine {
  std::string pipeline, run, step;
  std::int64_t line = 0;  // from 1
  std::string text;       // its first kLogLineBytesMax bytes; what is no UTF-8 as U+FFFD
};
inline constexpr std::size_t kLogLineBytesMax = 2000;

struct LogLines {
  std::vector<LogLine> lines;  // of the newest run first, in the order they were written
  std::size_t runs = 0;        // that were looked through
  std::int64_t bytes = 0;
  std::string
      stopped;  // why older runs were not; empty: all there are, or as many as were asked for
};

}  // namespace slipway::pipelines
