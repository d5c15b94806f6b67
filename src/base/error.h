// What went wrong, as a value: one of a dozen codes and a message for a person.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace slipway::base {

// Our own words; each protocol adapter has one table from these to its own codes.
enum class Code {
  kInvalidArgument,     // the request itself is wrong; trying again won't help
  kNotFound,            // the named thing does not exist
  kAlreadyExists,       // the name is taken
  kFailedPrecondition,  // right request, wrong state
  kConflict,            // somebody else changed it first
  kUnauthenticated,     // who are you?
  kPermissionDenied,    // we know who you are, and no
  kResourceExhausted,   // a named limit was reached (queue, size)
  kStorageFull,         // no room left on the disk
  kUnavailable,         // not now; trying again may help
  kDeadlineExceeded,    // took longer than allowed
  kCorruption,          // stored bytes are not what was written
  kInternal,            // our own mistake
};

// "invalid_argument" and so on: the spelling used in our JSON and logs.
std::string_view code_name(Code code);

struct [[nodiscard]] Error {
  Code code = Code::kInternal;
  std::string message;

  // The same error with "context: " in front; add it once per room on the way up.
  Error with_context(std::string_view context) && {
    message.insert(0, fmt::format("{}: ", context));
    return std::move(*this);
  }
  bool operator==(const Error&) const = default;
};

// error(Code::kNotFound, "no such model: name={}", name)
template <typename... Args>
Error error(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return Error{code, fmt::format(format, std::forward<Args>(args)...)};
}

}  // namespace slipway::base
