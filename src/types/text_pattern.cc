#include "types/text_pattern.h"

#include <boost/regex.hpp>

namespace slipway::types {

struct TextPattern::Compiled {
  boost::regex regex;
};

Result<TextPattern> TextPattern::compile(std::string_view pattern) {
  if (pattern.size() > kPatternBytesMax) {
    return base::error(Code::kInvalidArgument,
                       "Invalid regular expression: it has {} bytes, more than {}", pattern.size(),
                       kPatternBytesMax);
  }
  try {
    return TextPattern(std::make_shared<const Compiled>(
        Compiled{boost::regex(pattern.data(), pattern.data() + pattern.size())}));
  } catch (const std::runtime_error& wrong) {  // regex_error, and too complex to compile
    return base::error(Code::kInvalidArgument, "Invalid regular expression '{}': {}", pattern,
                       wrong.what());
  }
}

bool TextPattern::finds(std::string_view text) const {
  text = text.substr(0, kTextBytesMax);
  try {
    return boost::regex_search(text.data(), text.data() + text.size(), compiled_->regex);
  } catch (const std::runtime_error&) {  // too complex to decide
    return false;
  }
}

}  // namespace slipway::types
