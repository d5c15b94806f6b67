#include "serving/python/python_model.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "base/json.h"
#include "base/log.h"
#include "serving/python/wire.h"
#include "serving/signature.h"

namespace slipway::serving::python {
namespace {

constexpr std::size_t kTailBytes = 2000;  // of a process' output, for messages
constexpr std::size_t kLineBytesMax = 500;
constexpr std::size_t kLinesPerSecond = 20;
constexpr std::size_t kBytesPerTurn = 64 << 10;
constexpr auto kLongPause = std::chrono::hours(1);
constexpr std::size_t kTailLines = 3;
constexpr long kStopLookMs = 100;

// The last lines, on one.
std::string last_lines(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::size_t from = text.size();
  for (std::size_t i = 0; i < kTailLines && from != 0; ++i) {
    const std::size_t newline = text.rfind('\n', from - 1);
    from = newline == std::string_view::npos ? 0 : newline;
  }
  text.remove_prefix(from);
  std::string out;
  for (const char c : text) {
    if (c != '\n') {
      out.push_back(c);
    } else if (!out.empty()) {
      out += " | ";
    }
  }
  return out;
}

Result<ModelShape> parse_shape(std::string_view description) {
  const JsonObject object = TRY(base::parse_json_object(description));
  const auto list = [&](std::string_view key) {
    const Json* found = object.if_contains(key);
    return found != nullptr && found->is_array() ? found->as_array() : JsonArray();
  };
  return read_signature(list("inputs"), list("outputs"));
}

}  // namespace

PythonModel::PythonModel(PythonModelOptions options)
    : options_(std::move(options)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      slots_(options_.workers + options_.spares) {}

Result<std::shared_ptr<const Model>> PythonModel::load(PythonModelOptions options) {
  std::shared_ptr<PythonModel> model(new PythonModel(std::move(options)));
  if (model->wake_.get() < 0)
    return store::errno_error(errno, "cannot make an event", model->options_.name);
  model->thread_ = std::thread([raw = model.get()] { raw->run(); });
  pthread_setname_np(model->thread_.native_handle(), "python-model");
  base::MutexLock lock(model->mutex_);
  const Slot& first = model->slots_.front();
  while (!model->has_shape_ && first.failures == 0) {
    if (model->options_.should_stop()) return base::error(Code::kUnavailable, "the server stops");
    model->changed_.wait_for_ms(model->mutex_, kStopLookMs);
  }
  if (model->has_shape_) return std::shared_ptr<const Model>(model);
  return base::error(Code::kInvalidArgument, "the model can't be loaded in Python: {}",
                     first.ended);
}

PythonModel::~PythonModel() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

void PythonModel::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
}

// ---- the model's thread

void PythonModel::run() {
  std::vector<pollfd> files;
  base::MutexLock lock(mutex_);
  while (!stopping_) {
    const auto now = Clock::now();
    end_broken(now);
    start_due(now);
    auto next = now + kLongPause;
    files.assign(1, {wake_.get(), POLLIN, 0});
    for (const Slot& slot : slots_) {
      if (slot.state == State::kDown || slot.state == State::kStarting ||
          slot.state == State::kAbandoned)
        next = std::min(next, slot.due);
      if (slot.worker == nullptr) continue;
      if (slot.output_open) files.push_back({slot.worker->output(), POLLIN, 0});
      if (slot.state == State::kBusy) continue;  // its caller listens
      files.push_back({slot.worker->ended(), POLLIN, 0});
      files.push_back({slot.worker->wake(), POLLIN, 0});
    }
    const auto pause = std::chrono::ceil<std::chrono::milliseconds>(next - now);
    mutex_.unlock();
    ::poll(files.data(), files.size(), static_cast<int>(std::max<std::int64_t>(0, pause.count())));
    std::uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &ignored, sizeof ignored);
    mutex_.lock();
    for (Slot& slot : slots_) look_at(slot, Clock::now());
  }
  slots_.clear();  // here: they are this thread's children
}

void PythonModel::start_due(Clock::time_point now) {
  // One after the other: loading takes all it can get. The first must load before others try.
  for (const Slot& slot : slots_) {
    if (slot.state == State::kStarting) return;
  }
  for (Slot& slot : slots_) {
    if (slot.state != State::kDown || now < slot.due) continue;
    if (&slot != &slots_.front() && !has_shape_) return;
    auto worker = Worker::start(options_.command);
    slot.tail.clear();
    slot.line.clear();
    if (!worker) {
      slot.ended = worker.error().message;
      ++slot.failures;
      slot.due = now + options_.start_pause_max;
      changed_.notify_all();
      continue;
    }
    slot.worker = std::move(*worker);
    slot.output_open = true;
    slot.state = State::kStarting;
    slot.due = now + options_.load_limit;
    ++slot.processes;
    return;
  }
}

void PythonModel::end_broken(Clock::time_point now) {
  for (Slot& slot : slots_) {
    if (slot.state != State::kBroken) continue;
    const std::string how = slot.worker->end();
    read_output(slot);
    if (!slot.line.empty()) log_line(slot.line);
    const std::string said = last_lines(slot.tail);
    slot.ended = slot.blame.empty() ? "its process ended with " + how : slot.blame;
    if (!said.empty() && slot.blame.empty()) slot.ended += ", having said: " + said;
    slot.blame.clear();
    slot.worker.reset();
    slot.state = State::kDown;
    slot.due = now + (slot.failures == 0
                          ? std::chrono::milliseconds(0)
                          : std::min(options_.start_pause_max,
                                     options_.start_pause *
                                         (1 << std::min<std::size_t>(slot.failures - 1, 16))));
    ++slot.failures;
    if (!stopping_) {
      base::log_warning("serving", "a model's Python process is gone: model={} why=\"{}\"",
                        options_.name, slot.ended);
    }
    changed_.notify_all();
  }
}

void PythonModel::look_at(Slot& slot, Clock::time_point now) {
  if (slot.worker == nullptr) return;
  read_output(slot);
  if (slot.state == State::kBusy || slot.state == State::kBroken) return;
  pollfd files[2] = {{slot.worker->wake(), POLLIN, 0}, {slot.worker->ended(), POLLIN, 0}};
  ::poll(files, 2, 0);
  if ((files[0].revents & POLLIN) != 0 && slot.state == State::kStarting) return on_loaded(slot);
  if ((files[0].revents & POLLIN) != 0 && slot.state == State::kAbandoned) {
    const bool answered = slot.worker->receive().has_value();
    slot.state = answered ? State::kIdle : State::kBroken;
    --in_use_;
    changed_.notify_all();
    return;
  }
  const bool late =
      (slot.state == State::kStarting || slot.state == State::kAbandoned) && now >= slot.due;
  if (files[0].revents == 0 && files[1].revents == 0 && !late) return;
  if (late) {
    slot.blame =
        slot.state == State::kStarting
            ? fmt::format("it was not loaded after {} s", options_.load_limit.count() / 1000)
            : fmt::format("a call took longer than {} ms", options_.call_limit.count());
  }
  if (slot.state == State::kAbandoned) --in_use_;
  slot.state = State::kBroken;
}

void PythonModel::on_loaded(Slot& slot) {
  const auto answer = slot.worker->receive();
  Result<std::string> description =
      answer ? read_loaded(*answer) : Result<std::string>(answer.error());
  Result<ModelShape> shape =
      description ? parse_shape(*description) : Result<ModelShape>(description.error());
  if (!shape) {
    slot.state = State::kBroken;
    if (answer) slot.blame = shape.error().message;
    return;
  }
  if (!has_shape_) shape_ = std::move(*shape);
  has_shape_ = true;
  slot.state = State::kIdle;
  changed_.notify_all();
}

void PythonModel::read_output(Slot& slot) {
  char buffer[4096];
  for (std::size_t taken = 0; slot.output_open && taken < kBytesPerTurn;) {
    const ssize_t n = ::read(slot.worker->output(), buffer, sizeof buffer);
    if (n < 0) break;  // nothing now
    if (n == 0) slot.output_open = false;
    const std::string_view text(buffer, static_cast<std::size_t>(n));
    taken += text.size();
    slot.tail += text;
    if (slot.tail.size() > kTailBytes) slot.tail.erase(0, slot.tail.size() - kTailBytes);
    for (const char c : text) {
      if (c != '\n') {
        if (slot.line.size() < kLineBytesMax) slot.line.push_back(c);
        continue;
      }
      log_line(slot.line);
      slot.line.clear();
    }
  }
}

void PythonModel::log_line(std::string_view line) {
  const auto now = Clock::now();
  if (now - log_second_ >= std::chrono::seconds(1)) {
    if (unlogged_ > 0)
      base::log_info("serving", "python: model={} lines left out: {}", options_.name, unlogged_);
    log_second_ = now;
    logged_ = unlogged_ = 0;
  }
  if (++logged_ > kLinesPerSecond) {
    ++unlogged_;
    return;
  }
  base::log_info("serving", "python: model={} {}", options_.name, line);
}

// ---- callers

Result<PythonModel::Slot*> PythonModel::take(Clock::time_point deadline) const {
  base::MutexLock lock(mutex_);
  for (;;) {
    bool hope = false;
    for (Slot& slot : slots_) {
      hope = hope || slot.state != State::kDown || slot.due <= Clock::now();
      if (slot.state != State::kIdle || in_use_ >= options_.workers) continue;
      slot.state = State::kBusy;
      ++in_use_;
      return &slot;
    }
    if (!hope) {
      return base::error(Code::kUnavailable,
                         "the model's Python process does not start; it is tried again: {}",
                         slots_.front().ended);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return no_worker();
    changed_.wait_for_ms(mutex_, std::min<std::int64_t>(left, 1000));
  }
}

Error PythonModel::no_worker() const {
  const bool is_starting = std::none_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.state == State::kBusy || slot.state == State::kAbandoned;
  });
  if (is_starting && !slots_.front().ended.empty()) {
    return base::error(Code::kUnavailable, "the model failed, and is still being started again: {}",
                       slots_.front().ended);
  }
  return base::error(Code::kUnavailable, "no Python process of the model is free: workers={}",
                     options_.workers);
}

Error PythonModel::broken(Slot& slot, std::string blame) const {
  base::MutexLock lock(mutex_);
  slot.state = State::kBroken;
  slot.blame = std::move(blame);
  --in_use_;
  const std::size_t process = slot.processes;
  wake();
  changed_.notify_all();
  while (slot.state == State::kBroken && slot.processes == process && !stopping_)
    changed_.wait(mutex_);
  return base::error(Code::kUnavailable, "the model failed, and is started again: {}", slot.ended);
}

Result<void> PythonModel::call_worker(Slot& slot, const ModelCall& call, Clock::time_point limit,
                                      std::vector<Output>& outputs) const {
  Worker& worker = *slot.worker;
  const std::size_t bytes = request_bytes(shape_, call);
  const auto memory = worker.requests().view(bytes, SharedMemory::Grow::kYes);
  if (memory) {
    write_request(shape_, call, *memory);
    if (!worker.send(bytes)) return broken(slot, "");
  }
  const auto give_back = [&](State state) {
    base::MutexLock lock(mutex_);
    slot.state = state;
    slot.failures = 0;
    if (state == State::kIdle) --in_use_;
    slot.due = limit;
    changed_.notify_all();
  };
  if (!memory) {
    give_back(State::kIdle);
    return memory.error();
  }
  const Result<bool> answered = worker.wait_until(std::min(limit, call.deadline));
  if (!answered) return broken(slot, "");
  if (!*answered && call.deadline < limit) {
    give_back(State::kAbandoned);
    wake();
    return base::error(Code::kDeadlineExceeded, "the model did not answer in time");
  }
  if (!*answered) {
    Error error =
        broken(slot, fmt::format("a call took longer than {} ms", options_.call_limit.count()));
    error.code = Code::kDeadlineExceeded;
    return error;
  }
  const auto answer = worker.receive();
  if (!answer)
    return broken(
        slot, answer.error().code == Code::kUnavailable ? std::string() : answer.error().message);
  Result<void> read = read_answer(*answer, call.rows, outputs);
  worker.trim();
  give_back(State::kIdle);
  return read;
}

Result<void> PythonModel::predict(const ModelCall& call, std::vector<Output>& outputs) const {
  const auto start = Clock::now();
  Slot* slot = TRY(take(std::min(start + options_.call_limit, call.deadline)));
  return call_worker(*slot, call, Clock::now() + options_.call_limit, outputs);
}

std::size_t PythonModel::memory_bytes() const {
  base::MutexLock lock(mutex_);
  std::size_t bytes = 0;
  for (const Slot& slot : slots_) {
    if (slot.worker != nullptr) bytes += slot.worker->resident_bytes();
  }
  return bytes;
}

}  // namespace slipway::serving::python
