// Requests that are put together: each gets its own rows back, in order of priority, within its
// time, and suffers for no other.
#include "serving/batcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "serving/version_statistics.h"

namespace slipway::serving {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Doubles the number, echoes the text and sums the tensor of each row. Stands at a gate that a test
// opens, and writes down its calls.
class GatedModel final : public Model {
 public:
  explicit GatedModel(std::size_t calls_at_once = 1) : calls_at_once_(calls_at_once) {}

  const ModelShape& shape() const override { return shape_; }
  std::string_view platform() const override { return "test"; }
  std::size_t memory_bytes() const override { return 0; }
  std::size_t calls_at_once() const override { return calls_at_once_; }
  bool may_block() const override { return true; }

  Result<void> predict(const ModelCall& call, std::vector<Output>& outputs) const override {
    {
      base::MutexLock lock(mutex_);
      entered_.push_back(call.inputs[0].numbers[0]);
      rows_.push_back(call.rows);
      changed_.notify_all();
      while (!open_) changed_.wait(mutex_);
    }
    std::vector<double> doubled;
    std::vector<std::string> echoed;
    std::vector<std::int64_t> sums;
    for (std::size_t row = 0; row < call.rows; ++row) {
      const double number = call.inputs[0].numbers[row];
      if (number == kRefused) return base::error(Code::kInvalidArgument, "not thirteen");
      if (number == kCrash) return base::error(Code::kUnavailable, "the process ended");
      if (number == kThrow) throw std::runtime_error("thrown");
      doubled.push_back(2 * number);
      const std::string_view text = call.inputs[1].texts[row];
      echoed.emplace_back(text.data() == nullptr ? "(none)" : text);
      std::int64_t sum = 0;
      const Tensor& tensor = *call.inputs[2].tensor;
      const std::size_t width = tensor.bytes.size() / call.rows;
      for (std::size_t i = 0; i < width; ++i)
        sum += static_cast<std::int64_t>(tensor.bytes[row * width + i]);
      sums.push_back(sum);
    }
    outputs.clear();
    outputs.push_back({.name = "doubled", .type = DataType::kFp64, .values = doubled});
    outputs.push_back({.name = "echoed", .type = DataType::kBytes, .values = echoed});
    outputs.push_back({.name = "sum", .type = DataType::kInt64, .values = sums});
    return {};
  }

  void open() {
    base::MutexLock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_for_calls(std::size_t count) {
    base::MutexLock lock(mutex_);
    while (entered_.size() < count) changed_.wait(mutex_);
  }
  std::vector<std::size_t> rows() const {
    base::MutexLock lock(mutex_);
    return rows_;
  }
  std::vector<double> entered() const {
    base::MutexLock lock(mutex_);
    return entered_;
  }

  static constexpr double kRefused = 13, kCrash = 666, kThrow = 667;

 private:
  const std::size_t calls_at_once_;
  ModelShape shape_;
  mutable base::Mutex mutex_;
  mutable base::CondVar changed_;
  mutable std::vector<double> entered_ GUARDED_BY(mutex_);    // the first number of each call
  mutable std::vector<std::size_t> rows_ GUARDED_BY(mutex_);  // of each call
  bool open_ GUARDED_BY(mutex_) = false;
};

// A request of `rows` rows with the numbers from `first` on, on a thread of its own.
class Client {
 public:
  struct Options {
    std::size_t rows = 1;
    std::int64_t priority = 0;
    std::string params;
    std::int64_t tensor_width = 2;
    std::optional<milliseconds> timeout;
  };
  Client(Batcher& batcher, double first) : Client(batcher, first, Options()) {}
  Client(Batcher& batcher, double first, Options options) : options_(std::move(options)) {
    for (std::size_t i = 0; i < options_.rows; ++i) {
      numbers_.push_back(first + static_cast<double>(i));
      kept_.push_back("t" + std::to_string(static_cast<int>(first) + static_cast<int>(i)));
      texts_.push_back(i % 2 == 1 ? std::string_view() : std::string_view(kept_.back()));
      for (std::int64_t j = 0; j < options_.tensor_width; ++j)
        bytes_.push_back(static_cast<std::byte>(static_cast<int>(first) % 50));
    }
    tensor_ = {.name = "t",
               .type = DataType::kUint8,
               .shape = {static_cast<std::int64_t>(options_.rows), options_.tensor_width},
               .bytes = bytes_};
    views_ = {{.numbers = numbers_.data()}, {.texts = texts_.data()}, {.tensor = &tensor_}};
    thread_ = std::thread([this, &batcher] {
      Batcher::Request request{
          .call = {.rows = options_.rows, .inputs = views_, .params = options_.params},
          .priority = options_.priority};
      if (options_.timeout) request.call.deadline = Clock::now() + *options_.timeout;
      result_.emplace(batcher.score(request, outputs_));
    });
  }
  ~Client() { join(); }

  void join() {
    if (thread_.joinable()) thread_.join();
  }
  const Result<Batcher::Receipt>& result() {
    join();
    return *result_;
  }
  void expect_own_rows() {
    ASSERT_TRUE(result()) << result().error().message;
    const auto& doubled = std::get<std::vector<double>>(outputs_.at(0).values);
    const auto& echoed = std::get<std::vector<std::string>>(outputs_.at(1).values);
    const auto& sums = std::get<std::vector<std::int64_t>>(outputs_.at(2).values);
    ASSERT_EQ(doubled.size(), options_.rows);
    ASSERT_EQ(echoed.size(), options_.rows);
    for (std::size_t i = 0; i < options_.rows; ++i) {
      EXPECT_EQ(doubled[i], 2 * numbers_[i]);
      EXPECT_EQ(echoed[i], i % 2 == 1 ? "(none)" : kept_[i]);
      EXPECT_EQ(sums[i], options_.tensor_width * (static_cast<int>(numbers_[0]) % 50));
    }
  }

 private:
  const Options options_;
  std::vector<double> numbers_;
  std::deque<std::string> kept_;
  std::vector<std::string_view> texts_;
  std::vector<std::byte> bytes_;
  Tensor tensor_;
  std::vector<InputView> views_;
  std::vector<Output> outputs_;
  std::optional<Result<Batcher::Receipt>> result_;
  std::thread thread_;
};

void wait_for_rows(const Batcher& batcher, std::size_t rows) {
  while (batcher.rows_waiting() != rows) std::this_thread::yield();
}

constexpr double kCheapUs = 1, kUnknown = std::numeric_limits<double>::infinity();

TEST(Batcher, WhatCameWhileTheModelWasBusyIsOneCall) {
  GatedModel model;
  Batcher batcher(model, {}, kCheapUs);
  Client first(batcher, 1);
  model.wait_for_calls(1);
  Client second(batcher, 10, {.rows = 3});
  wait_for_rows(batcher, 3);
  Client third(batcher, 20, {.rows = 2});
  wait_for_rows(batcher, 5);
  model.open();
  first.expect_own_rows();
  second.expect_own_rows();
  third.expect_own_rows();
  EXPECT_EQ(model.rows(), (std::vector<std::size_t>{1, 5}));
  EXPECT_EQ(second.result()->rows, 5u);
  EXPECT_NE(second.result()->counts_call, third.result()->counts_call) << "one call, counted once";
  EXPECT_GT(second.result()->waited.count(), 0);
}

TEST(Batcher, WhatRequestsShareCostsOnce) {
  GatedModel model;
  Batcher batcher(model, {}, kCheapUs);
  Client first(batcher, 1);
  model.wait_for_calls(1);
  std::deque<Client> sharing;
  for (int i = 0; i < 4; ++i) sharing.emplace_back(batcher, 10 * (i + 1));
  wait_for_rows(batcher, 4);
  model.open();
  first.join();
  base::Metrics metrics;
  VersionTally tally(metrics.histogram("seconds", "Of a test."));
  std::chrono::nanoseconds call{0};
  for (Client& client : sharing) {
    const Batcher::Receipt& receipt = client.result().value();
    call = receipt.scored;
    const auto scored = static_cast<std::uint64_t>(receipt.scored.count());
    tally.add(1,
              {.score_ns = scored,
               .total_ns = scored,
               .call_rows = receipt.rows,
               .made_call = receipt.counts_call},
              {});
  }
  const VersionStatistics seen = tally.read("e", 1);
  const auto call_ns = static_cast<std::uint64_t>(call.count());
  EXPECT_EQ(seen.score_ns, 4 * call_ns) << "each request waited for it";
  EXPECT_EQ(seen.calls_ns(), call_ns);
  EXPECT_NEAR(seen.cpu_seconds_per_1000(), static_cast<double>(call_ns) * 1e-6 / 4, 1e-12);
}

TEST(Batcher, OnlyWhatGoesTogetherIsPutTogether) {
  GatedModel model;
  Batcher batcher(model, {.max_rows = 4}, kCheapUs);
  Client first(batcher, 1);
  model.wait_for_calls(1);
  Client a(batcher, 2);
  wait_for_rows(batcher, 1);
  Client other_params(batcher, 3, {.params = R"({"k":1})"});
  wait_for_rows(batcher, 2);
  Client other_shape(batcher, 4, {.tensor_width = 3});
  wait_for_rows(batcher, 3);
  Client b(batcher, 5, {.rows = 2});
  wait_for_rows(batcher, 5);
  Client too_many(batcher, 7, {.rows = 6});
  wait_for_rows(batcher, 11);
  model.open();
  for (Client* client : {&first, &a, &other_params, &other_shape, &b, &too_many})
    client->expect_own_rows();
  EXPECT_EQ(model.rows(), (std::vector<std::size_t>{1, 3, 1, 1, 6}));
}

TEST(Batcher, AFullLineRefusesAtOnce) {
  GatedModel model;
  Batcher batcher(model, {.max_queue_rows = 4}, kCheapUs);
  Client first(batcher, 1);
  model.wait_for_calls(1);
  Client large(batcher, 2, {.rows = 6});  // an empty line takes anything
  wait_for_rows(batcher, 6);
  Client refused(batcher, 9);
  ASSERT_FALSE(refused.result());
  EXPECT_EQ(refused.result().error().code, Code::kResourceExhausted);
  model.open();
  large.expect_own_rows();
}

TEST(Batcher, WhatIsLateIsNeverScored) {
  GatedModel model;
  Batcher batcher(model, {}, kCheapUs);
  Client first(batcher, 1);
  model.wait_for_calls(1);
  Client late(batcher, 2, {.timeout = milliseconds(20)});
  Client patient(batcher, 3, {.timeout = std::chrono::hours(1)});
  ASSERT_FALSE(late.result());
  EXPECT_EQ(late.result().error().code, Code::kDeadlineExceeded);
  wait_for_rows(batcher, 1);
  model.open();
  patient.expect_own_rows();
  EXPECT_EQ(model.entered(), (std::vector<double>{1, 3}));
  Client before(batcher, 4, {.timeout = milliseconds(0)});
  EXPECT_EQ(before.result().error().code, Code::kDeadlineExceeded);
}

TEST(Batcher, WhoCannotWaitLeavesACallThatOthersStayIn) {
  // The first holds the model; the second call is made by who may wait longest.
  GatedModel model(2);
  Batcher batcher(model, {.max_rows = 8, .max_wait = std::chrono::seconds(30)}, kUnknown);
  Client hasty(batcher, 2, {.rows = 3, .timeout = milliseconds(300)});
  wait_for_rows(batcher, 3);
  Client patient(batcher, 20, {.rows = 5});
  model.wait_for_calls(1);
  ASSERT_FALSE(hasty.result());
  EXPECT_EQ(hasty.result().error().code, Code::kDeadlineExceeded);
  model.open();
  patient.expect_own_rows();
  EXPECT_EQ(model.rows(), (std::vector<std::size_t>{8}));
}

TEST(Batcher, LowerNumbersGoFirst) {
  GatedModel model;
  Batcher batcher(model, {.max_rows = 1}, kCheapUs);
  Client first(batcher, 1);
  model.wait_for_calls(1);
  struct {
    double number;
    std::int64_t priority;
  } const cases[] = {{2, 0}, {3, 10}, {4, 1}, {5, 11}, {6, 4}, {7, 1}};
  std::deque<Client> clients;
  for (const auto& [number, priority] : cases) {
    clients.emplace_back(batcher, number, Client::Options{.priority = priority});
    wait_for_rows(batcher, clients.size());
  }
  model.open();
  for (Client& client : clients) client.expect_own_rows();
  EXPECT_EQ(model.entered(), (std::vector<double>{1, 4, 7, 6, 2, 5, 3}))
      << "0 and what is beyond the levels is 5";
}

TEST(Batcher, WhoIsRefusedSpoilsNobody) {
  for (const double bad : {GatedModel::kRefused, GatedModel::kThrow}) {
    GatedModel model;
    Batcher batcher(model, {}, kCheapUs);
    Client first(batcher, 1);
    model.wait_for_calls(1);
    Client before(batcher, 2, {.rows = 2});
    wait_for_rows(batcher, 2);
    Client refused(batcher, bad);
    wait_for_rows(batcher, 3);
    Client behind(batcher, 20);
    wait_for_rows(batcher, 4);
    model.open();
    before.expect_own_rows();
    behind.expect_own_rows();
    ASSERT_FALSE(refused.result());
    EXPECT_EQ(refused.result().error().code,
              bad == GatedModel::kThrow ? Code::kInternal : Code::kInvalidArgument);
    EXPECT_EQ(model.rows().size(), 5u) << "the first, all together, each alone";
  }
}

TEST(Batcher, ACrashFailsThoseInTheCallAndNoOthers) {
  GatedModel model;
  Batcher batcher(model, {.max_rows = 2}, kCheapUs);
  Client first(batcher, 1);
  model.wait_for_calls(1);
  Client neighbour(batcher, 2);
  wait_for_rows(batcher, 1);
  Client crash(batcher, GatedModel::kCrash);
  wait_for_rows(batcher, 2);
  Client next(batcher, 20);
  wait_for_rows(batcher, 3);
  model.open();
  EXPECT_EQ(neighbour.result().error().code, Code::kUnavailable);
  EXPECT_EQ(crash.result().error().code, Code::kUnavailable);
  first.expect_own_rows();
  next.expect_own_rows();
}

TEST(Batcher, WaitsForOthersOnlyIfTheModelTakesLonger) {
  {
    GatedModel model;
    model.open();
    Batcher batcher(model, {.max_rows = 4, .max_wait = std::chrono::hours(1)}, kCheapUs);
    Client alone(batcher, 1);
    alone.expect_own_rows();  // at once
  }
  GatedModel model;
  model.open();
  Batcher batcher(model, {.max_rows = 4, .max_wait = std::chrono::seconds(30)}, kUnknown);
  Client first(batcher, 1);
  wait_for_rows(batcher, 1);
  EXPECT_TRUE(model.rows().empty()) << "it waits";
  Client full(batcher, 10, {.rows = 3});
  first.expect_own_rows();
  full.expect_own_rows();
  EXPECT_EQ(model.rows(), (std::vector<std::size_t>{4}));
  Batcher soon(model, {.max_rows = 4, .max_wait = milliseconds(5)}, kUnknown);
  Client waits_briefly(soon, 30);
  waits_briefly.expect_own_rows();
  EXPECT_GE(waits_briefly.result()->waited, milliseconds(5));
}

TEST(Batcher, ManyAtTheSameTimeGetTheirOwn) {
  GatedModel model(2);
  model.open();
  Batcher batcher(model, {}, kCheapUs);
  for (int round = 0; round < 20; ++round) {
    std::deque<Client> clients;
    for (int i = 0; i < 16; ++i) {
      clients.emplace_back(
          batcher, 100 * i,
          Client::Options{.rows = static_cast<std::size_t>(1 + i % 4), .priority = i % 3});
    }
    for (Client& client : clients) client.expect_own_rows();
  }
  EXPECT_EQ(batcher.rows_waiting(), 0u);
}

}  // namespace
}  // namespace slipway::serving
