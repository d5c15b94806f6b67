// Scores what several requests ask of one model in one call.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "serving/endpoint_spec.h"
#include "serving/model.h"

namespace slipway::serving {

// Takes calls of a model from threads that may wait. As long as the model can take another call, a
// call goes to it at once, by the thread that brings it. What comes while it is busy lines up; when
// a call ends, what lined up and goes together is one call. Nobody waits for more to come, unless
// `max_wait` is declared and the model, as measured, takes longer than that.
//
// There are no threads of its own: of those whose calls go together, the one that may wait longest
// makes the call for all. Safe to use from several threads; the model must outlive it.
class Batcher {
 public:
  struct Request {
    ModelCall call;
    std::int64_t priority = 0;  // 1 goes before 2; 0 is the declared default
  };
  // What became of a request that was scored.
  struct Receipt {
    std::chrono::nanoseconds waited{0};  // in line, or for others
    std::chrono::nanoseconds scored{0};
    std::size_t rows = 0;     // of the whole call
    bool counts_call = true;  // one of those that shared a call
  };

  // `row_cost_us`: what a row of a call takes, until calls are measured here; infinite: not known.
  Batcher(const Model& model, const BatchingSpec& spec, double row_cost_us);
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // Replaces `outputs` with the request's own. The call's views must stay until it returns.
  // kResourceExhausted at once: too many rows wait. kDeadlineExceeded: the time was over before the
  // model had it, or the answer came too late. Else what the model says to this request: a request
  // that a model refuses is scored alone, so that others in the call don't suffer.
  Result<Receipt> score(const Request& request, std::vector<Output>& outputs);

  std::size_t rows_waiting() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting;
  struct Call;
  using Line = std::list<Waiting*>;

  std::int64_t level_of(std::int64_t priority) const;
  Result<void> line_up(Waiting& waiting) REQUIRES(mutex_);
  // Hands what goes together to one of its threads, as often as the model can take it.
  void hand_over(Clock::time_point now) REQUIRES(mutex_);
  bool is_worth_waiting() const REQUIRES(mutex_);
  void take_out(Waiting& waiting) REQUIRES(mutex_);
  Result<void> run(Call& call);
  void learn(const Call& call) REQUIRES(mutex_);
  void distribute(Call& call, const Result<void>& scored);

  const Model& model_;
  const BatchingSpec spec_;
  const std::size_t calls_max_;  // at the same time

  mutable base::Mutex mutex_;
  std::size_t calls_ GUARDED_BY(mutex_) = 0;
  Line line_ GUARDED_BY(mutex_);  // by priority, then as they came
  std::size_t rows_waiting_ GUARDED_BY(mutex_) = 0;
  std::chrono::nanoseconds cost_ GUARDED_BY(mutex_);  // of a call, lately
  std::int64_t rows_max_ GUARDED_BY(mutex_);          // of a call of several requests
};

}  // namespace slipway::serving
