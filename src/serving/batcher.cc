#include "serving/batcher.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

#include "base/check.h"

namespace slipway::serving {
namespace {

constexpr double kShareOfNewest = 0.2;  // in what calls cost lately
constexpr std::int64_t kRowsMax = 256;  // of a call, when nothing is declared
// So long a call may become by putting requests together, when nothing is declared: what comes
// meanwhile waits for its end.
constexpr std::chrono::nanoseconds kCallTarget = std::chrono::milliseconds(500);
constexpr std::chrono::nanoseconds kUnknownCost = std::chrono::seconds(60);

std::chrono::nanoseconds first_cost(double row_cost_us) {
  if (!(row_cost_us * 1e3 < static_cast<double>(kUnknownCost.count()))) return kUnknownCost;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(row_cost_us * 1e3));
}

std::int64_t first_rows(const BatchingSpec& spec, std::chrono::nanoseconds row_cost) {
  if (spec.max_rows) return *spec.max_rows;
  return std::clamp<std::int64_t>(kCallTarget.count() / std::max<std::int64_t>(1, row_cost.count()),
                                  1, kRowsMax);
}

Error too_late(std::string_view when) {
  return base::error(Code::kDeadlineExceeded, "the request's time was over {}", when);
}

// Whether rows of both can be one call's.
bool go_together(const ModelCall& a, const ModelCall& b) {
  if (a.params != b.params || a.inputs.size() != b.inputs.size()) return false;
  for (std::size_t i = 0; i < a.inputs.size(); ++i) {
    const Tensor *left = a.inputs[i].tensor, *right = b.inputs[i].tensor;
    if ((left == nullptr) != (right == nullptr)) return false;
    if (left == nullptr) continue;
    if (left->type != right->type || left->shape.size() != right->shape.size() ||
        !std::equal(left->shape.begin() + 1, left->shape.end(), right->shape.begin() + 1))
      return false;
  }
  return true;
}

// The inputs of several calls behind each other. Holds all bytes itself: a request may go away
// while the model is at work.
class JointInputs {
 public:
  explicit JointInputs(const std::vector<const ModelCall*>& calls) : calls_(calls) {
    const std::size_t rows =
        std::accumulate(calls.begin(), calls.end(), std::size_t{0},
                        [](std::size_t sum, const ModelCall* call) { return sum + call->rows; });
    const std::size_t inputs = calls.front()->inputs.size();
    columns_.resize(inputs);
    for (std::size_t i = 0; i < inputs; ++i) {
      const InputView& first = calls.front()->inputs[i];
      Column& column = columns_[i];
      if (first.numbers != nullptr) {
        for (const ModelCall* call : calls) {
          const double* numbers = call->inputs[i].numbers;
          column.numbers.insert(column.numbers.end(), numbers, numbers + call->rows);
        }
        views_.push_back({.numbers = column.numbers.data()});
      } else if (first.tensor != nullptr) {
        join_tensors(i, rows, column);
        views_.push_back({.tensor = &column.tensor});
      } else if (first.texts != nullptr) {
        std::size_t bytes = 0;
        for (const ModelCall* call : calls) bytes += bytes_of({call->inputs[i].texts, call->rows});
        column.bytes.reserve(bytes);
        for (const ModelCall* call : calls) add({call->inputs[i].texts, call->rows}, column);
        views_.push_back({.texts = column.texts.data()});
      } else {
        views_.emplace_back();  // an input that nobody sent
      }
    }
  }

  std::span<const InputView> views() const { return views_; }

 private:
  struct Column {
    std::vector<double> numbers;
    std::vector<std::string_view> texts;
    std::string bytes;  // of texts, or of a tensor
    Tensor tensor;
  };

  static std::size_t bytes_of(std::span<const std::string_view> texts) {
    std::size_t bytes = 0;
    for (const std::string_view text : texts) bytes += text.size();
    return bytes;
  }

  // `column.bytes` has room for them, so what points to it stays good.
  static void add(std::span<const std::string_view> texts, Column& column) {
    for (const std::string_view text : texts) {
      const std::size_t at = column.bytes.size();
      column.bytes += text;
      // A missing text has no data().
      column.texts.push_back(text.data() == nullptr
                                 ? std::string_view()
                                 : std::string_view(column.bytes.data() + at, text.size()));
    }
  }

  void join_tensors(std::size_t input, std::size_t rows, Column& column) const {
    std::size_t bytes = 0;
    for (const ModelCall* call : calls_) {
      const Tensor& tensor = *call->inputs[input].tensor;
      bytes += tensor.bytes.size() + bytes_of(tensor.texts);
    }
    column.bytes.reserve(bytes);
    for (const ModelCall* call : calls_) {
      const Tensor& tensor = *call->inputs[input].tensor;
      column.bytes.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
      add(tensor.texts, column);
    }
    const Tensor& first = *calls_.front()->inputs[input].tensor;
    column.tensor = {.name = first.name, .type = first.type, .shape = first.shape};
    column.tensor.shape.front() = static_cast<std::int64_t>(rows);
    if (first.type == DataType::kBytes) {
      column.tensor.texts = column.texts;
    } else {
      column.tensor.bytes = std::as_bytes(std::span(column.bytes));
    }
  }

  const std::vector<const ModelCall*>& calls_;
  std::vector<Column> columns_;
  std::vector<InputView> views_;
};

// `rows` rows from `first` on, of `all`.
Result<std::vector<Output>> rows_of(std::vector<Output>& outputs, std::size_t first,
                                    std::size_t rows, std::size_t all) {
  std::vector<Output> part;
  for (Output& output : outputs) {
    Output& own = part.emplace_back(
        Output{.name = output.name, .type = output.type, .row_shape = output.row_shape});
    const bool fits = std::visit(
        [&](auto& values) {
          if (values.size() % all != 0) return false;
          const std::size_t width = values.size() / all;
          const auto from = values.begin() + static_cast<std::ptrdiff_t>(first * width);
          own.values = std::decay_t<decltype(values)>(
              std::make_move_iterator(from),
              std::make_move_iterator(from + static_cast<std::ptrdiff_t>(rows * width)));
          return true;
        },
        output.values);
    if (!fits)
      return base::error(Code::kInternal, "the model gave not as many values as rows: output={}",
                         output.name);
  }
  return part;
}

}  // namespace

// One request in score(), on its thread's stack.
struct Batcher::Waiting {
  enum class State {
    kInLine,
    kChosen,  // this thread makes `to_make`
    kInCall,  // another one makes the call
    kDone
  };

  const Request& request;
  std::vector<Output>& outputs;
  std::int64_t level = 0;
  Clock::time_point came;
  Clock::time_point ripe;  // it waits for others until then
  bool is_alone = false;   // it is scored with nobody else
  State state = State::kInLine;
  base::CondVar changed;
  Line::iterator place;           // kInLine
  std::unique_ptr<Call> to_make;  // kChosen
  Call* call = nullptr;           // kInCall
  Result<void> result;            // kDone
  Receipt receipt;
};

struct Batcher::Call {
  std::vector<Waiting*> members;  // null: has gone; the caller is among them
  std::size_t rows = 0;
  bool is_copied = false;  // members may go
  Clock::time_point begun;
  std::chrono::nanoseconds took{0};
};

Batcher::Batcher(const Model& model, const BatchingSpec& spec, double row_cost_us)
    : model_(model),
      spec_(spec),
      calls_max_(std::max<std::size_t>(1, model.calls_at_once())),
      cost_(first_cost(row_cost_us)),
      rows_max_(first_rows(spec, cost_)) {}

std::size_t Batcher::rows_waiting() const {
  base::MutexLock lock(mutex_);
  return rows_waiting_;
}

std::int64_t Batcher::level_of(std::int64_t priority) const {
  return priority < 1 || priority > spec_.priority_levels ? spec_.default_priority_level : priority;
}

bool Batcher::is_worth_waiting() const {
  return spec_.max_wait.count() > 0 && cost_ > spec_.max_wait;
}

Result<void> Batcher::line_up(Waiting& waiting) {
  const std::size_t rows = waiting.request.call.rows;
  const auto rows_max = static_cast<std::size_t>(spec_.max_queue_rows);
  if (!line_.empty() && rows_waiting_ + rows > rows_max) {
    return base::error(Code::kResourceExhausted,
                       "too many rows wait for the model: waiting={} rows={} max_queue_rows={}",
                       rows_waiting_, rows, rows_max);
  }
  const auto behind = std::find_if(line_.begin(), line_.end(), [&](const Waiting* other) {
    return other->level > waiting.level;
  });
  waiting.place = line_.insert(behind, &waiting);
  rows_waiting_ += rows;
  return {};
}

void Batcher::take_out(Waiting& waiting) {
  line_.erase(waiting.place);
  rows_waiting_ -= waiting.request.call.rows;
}

void Batcher::hand_over(Clock::time_point now) {
  const auto rows_max = static_cast<std::size_t>(rows_max_);
  while (calls_ < calls_max_) {
    auto call = std::make_unique<Call>();
    Clock::time_point ripe = Clock::time_point::max();
    for (Waiting* each : line_) {
      if (each->request.call.deadline <= now) continue;  // it takes itself out
      if (!call->members.empty()) {
        if (each->is_alone || !go_together(call->members.front()->request.call, each->request.call))
          continue;
        if (call->rows + each->request.call.rows > rows_max) break;
      }
      call->members.push_back(each);
      call->rows += each->request.call.rows;
      ripe = std::min(ripe, each->ripe);
      if (each->is_alone) break;
    }
    if (call->members.empty()) return;
    if (call->rows < rows_max && now < ripe && !call->members.front()->is_alone &&
        is_worth_waiting())
      return;
    Waiting* caller = *std::max_element(
        call->members.begin(), call->members.end(), [](const Waiting* a, const Waiting* b) {
          return a->request.call.deadline < b->request.call.deadline;
        });
    for (Waiting* member : call->members) {
      take_out(*member);
      member->state = Waiting::State::kInCall;
      member->call = call.get();
    }
    ++calls_;
    caller->state = Waiting::State::kChosen;
    caller->to_make = std::move(call);
    caller->changed.notify_one();
  }
}

Result<Batcher::Receipt> Batcher::score(const Request& request, std::vector<Output>& outputs) {
  using State = Waiting::State;
  const auto came = Clock::now();
  if (request.call.deadline <= came) return too_late("before it was scored");
  Waiting waiting{.request = request, .outputs = outputs};
  waiting.level = level_of(request.priority);
  waiting.came = came;
  base::MutexLock lock(mutex_);
  waiting.ripe =
      came + std::min<Clock::duration>(spec_.max_wait, (request.call.deadline - came) / 2);
  TRY(line_up(waiting));
  hand_over(came);
  for (;;) {
    switch (waiting.state) {
      case State::kChosen: {
        const std::unique_ptr<Call> call = std::move(waiting.to_make);
        mutex_.unlock();
        const Result<void> scored = run(*call);
        distribute(*call, scored);
        mutex_.lock();
        continue;
      }
      case State::kDone:
        TRY(std::move(waiting.result));
        return waiting.receipt;
      case State::kInLine:
      case State::kInCall:
        break;
    }
    const auto now = Clock::now();
    if (waiting.request.call.deadline <= now) {
      if (waiting.state == State::kInLine) {
        take_out(waiting);
        hand_over(now);  // others may have waited for it to make their call full
        return too_late("while it waited for the model");
      }
      if (waiting.call->is_copied) {
        std::replace(waiting.call->members.begin(), waiting.call->members.end(), &waiting,
                     static_cast<Waiting*>(nullptr));
        return too_late("before the model answered");
      }
      waiting.changed.wait(mutex_);  // the copy is quick
      continue;
    }
    if (waiting.state == State::kInLine && now < waiting.ripe) {
      waiting.changed.wait_until(mutex_, waiting.ripe);
      if (waiting.state == State::kInLine) hand_over(Clock::now());
    } else {
      waiting.changed.wait_until(mutex_, waiting.request.call.deadline);
    }
  }
}

// The caller's thread, without the mutex.
Result<void> Batcher::run(Call& call) {
  call.begun = Clock::now();
  const auto made = [&]() -> Result<void> {
    if (call.members.size() == 1) {
      const Waiting& only = *call.members.front();
      return model_.predict(only.request.call, only.outputs);
    }
    std::vector<const ModelCall*> calls;
    Clock::time_point deadline = call.begun;
    for (const Waiting* member : call.members) {
      calls.push_back(&member->request.call);
      deadline = std::max(deadline, member->request.call.deadline);
    }
    const JointInputs inputs(calls);
    std::vector<std::size_t> rows;
    for (const ModelCall* each : calls) rows.push_back(each->rows);
    const std::string params(calls.front()->params);
    {
      base::MutexLock lock(mutex_);
      call.is_copied = true;
      for (Waiting* member : call.members) member->changed.notify_one();
    }
    std::vector<Output> outputs;
    TRY(model_.predict(
        {.rows = call.rows, .inputs = inputs.views(), .params = params, .deadline = deadline},
        outputs));
    std::vector<std::vector<Output>> parts;
    std::size_t first = 0;
    for (const std::size_t count : rows) {
      parts.push_back(TRY(rows_of(outputs, first, count, call.rows)));
      first += count;
    }
    base::MutexLock lock(mutex_);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (call.members[i] != nullptr) call.members[i]->outputs = std::move(parts[i]);
    }
    return {};
  };
  const auto guarded = [&]() -> Result<void> {
    try {
      return made();
    } catch (const std::exception& e) {  // others wait for this call
      return base::error(Code::kInternal, "the model could not be called: {}", e.what());
    }
  };
  Result<void> scored = guarded();
  call.took = Clock::now() - call.begun;
  return scored;
}

void Batcher::learn(const Call& call) {
  cost_ = std::chrono::nanoseconds(
      static_cast<std::int64_t>((1 - kShareOfNewest) * static_cast<double>(cost_.count()) +
                                kShareOfNewest * static_cast<double>(call.took.count())));
  if (spec_.max_rows || static_cast<std::int64_t>(call.rows) > rows_max_) return;
  if (call.took > kCallTarget) {
    rows_max_ = std::max<std::int64_t>(1, static_cast<std::int64_t>(call.rows) / 2);
  } else if (2 * call.took < kCallTarget && 2 * static_cast<std::int64_t>(call.rows) > rows_max_) {
    rows_max_ = std::min(kRowsMax, 2 * rows_max_);
  }
}

void Batcher::distribute(Call& call, const Result<void>& scored) {
  base::MutexLock lock(mutex_);
  --calls_;
  if (scored) learn(call);
  // Which request it was that the model refused, nobody knows.
  const bool is_refused = !scored && (scored.error().code == Code::kInvalidArgument ||
                                      scored.error().code == Code::kInternal);
  const bool again = is_refused && call.members.size() > 1;
  bool is_caller = true;
  for (Waiting* member : call.members) {
    if (member == nullptr) continue;
    member->call = nullptr;
    if (again) {
      member->is_alone = true;
      member->state = Waiting::State::kInLine;
      member->place = line_.insert(line_.begin(), member);
      rows_waiting_ += member->request.call.rows;
    } else {
      member->result = scored;
      member->receipt = {.waited = call.begun - member->came,
                         .scored = call.took,
                         .rows = call.rows,
                         .counts_call = std::exchange(is_caller, false)};
      member->state = Waiting::State::kDone;
    }
    member->changed.notify_one();
  }
  hand_over(Clock::now());
}

}  // namespace slipway::serving
