// A model version in memory, ready to score: one interface for every runtime.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "serving/tensor.h"

namespace slipway::serving {

// What a model reads and gives. Fixed once it is loaded.
struct ModelShape {
  std::vector<InputSpec> inputs;
  std::vector<OutputSpec> outputs;  // at least one
};

// What a model is asked. Valid during the call.
struct ModelCall {
  std::size_t rows = 0;
  std::span<const InputView> inputs;  // a view per input of the shape
  std::string_view params;            // a JSON object; empty: none. Runtimes without any ignore it
  // Nobody waits for the answer longer than this.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::size_t explained_max = std::numeric_limits<std::size_t>::max();  // numbers of an explanation
};

// What each input has to do with each of the sums that a model's answers are made of.
struct Explanation {
  std::size_t sums = 1;          // of a row: one, or one a class or target
  std::vector<double> values;    // by row, then by sum, then by input of the shape
  std::vector<double> expected;  // by sum: of any row; with a row's values it adds up to its sum
};

// Safe to use from several threads; what is loaded does not change. Shared by everything that
// scores with it, and unloaded when the last one lets go. Runtimes derive from it:
// trees/tree_model.h.
class Model {
 public:
  virtual ~Model() = default;

  virtual const ModelShape& shape() const = 0;
  // What runs it, as metadata names it: "slipway_trees".
  virtual std::string_view platform() const = 0;

  // Replaces `outputs`, keeping what memory it can; they come in the order of the shape's.
  // kInvalidArgument: a value that the model can't take, named. kUnavailable: try again later.
  // kDeadlineExceeded.
  virtual Result<void> predict(const ModelCall& call, std::vector<Output>& outputs) const = 0;

  // kFailedPrecondition: nobody can say for such a model.
  virtual Result<void> can_explain() const {
    return base::error(Code::kFailedPrecondition,
                       "explained are the answers of XGBoost's and LightGBM's trees, whose files "
                       "say what they were trained on: this model's platform is {}",
                       platform());
  }
  // After can_explain(), which says why not. Replaces `explanation`.
  virtual Result<void> explain(const ModelCall&, Explanation&) const { return can_explain(); }

  virtual std::size_t memory_bytes() const = 0;
  // True: a call may wait for another process, so it never runs on a thread that serves sockets.
  virtual bool may_block() const { return false; }
  // More calls at the same time than this take turns anyway.
  virtual std::size_t calls_at_once() const {
    return std::max(1u, std::thread::hardware_concurrency());
  }
};

}  // namespace slipway::serving
