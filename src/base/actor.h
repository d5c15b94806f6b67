// Who the current thread works for, so that what a request changes carries its user's name without
// every function between passing it on.
#pragma once

#include <string>
#include <string_view>

namespace slipway::base {

// Empty: for nobody who has logged in.
std::string_view acting_user();
std::string acting_user_or(std::string_view otherwise);

// Until it ends, the thread works for `user`. The text must outlive it. Nests.
class ActingAs {
 public:
  explicit ActingAs(std::string_view user);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  const std::string_view before_;
};

}  // namespace slipway::base
