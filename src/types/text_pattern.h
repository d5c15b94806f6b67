// A regular expression that somebody sent: compiled once, matched often, never for long.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slipway::types {

// Cheap to copy; safe to use from several threads.
class TextPattern {
 public:
  static constexpr std::size_t kPatternBytesMax = 1000;
  static constexpr std::size_t kTextBytesMax = 1 << 20;  // of what is searched, the rest is not

  // Perl's syntax. kInvalidArgument: what is wrong with it.
  static Result<TextPattern> compile(std::string_view pattern);

  // Whether it is found anywhere in `text`. False also when that is too complex to decide.
  bool finds(std::string_view text) const;

 private:
  struct Compiled;
  explicit TextPattern(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}

  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace slipway::types
