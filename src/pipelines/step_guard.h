// A small process that ends the steps of a server when the server can't do it any more.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include "base/result.h"

namespace slipway::pipelines {

// The variables by which processes of a server are found: its name, and the id of its start.
constexpr std::string_view kServerName = "SLIPWAY_SERVER";
constexpr std::string_view kServerMark = "SLIPWAY_PROCESS_OF_SERVER";

// Holds the guard, another process of this program, on a pipe. One that is killed is made anew by
// the next feed(). One thread at a time.
class StepGuard {
 public:
  ~StepGuard();  // the guard ends what is left

  // `limit`: without food for so long, it ends what has the mark, again and again until it is fed.
  Result<void> start(const std::string& mark, std::chrono::seconds limit);
  void feed();

 private:
  std::string command_;
  std::FILE* pipe_ = nullptr;
};

// What the guard does: reads stdin until its end. Returns when nothing with the mark is left.
int guard_steps(const std::string& mark, std::chrono::seconds limit);

}  // namespace slipway::pipelines
