#include "base/actor.h"

namespace slipway::base {
namespace {

thread_local std::string_view current;

}  // namespace

std::string_view acting_user() { return current; }

std::string acting_user_or(std::string_view otherwise) {
  return std::string(current.empty() ? otherwise : current);
}

ActingAs::ActingAs(std::string_view user) : before_(current) { current = user; }
ActingAs::~ActingAs() { current = before_; }

}  // namespace slipway::base
