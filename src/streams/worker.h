// One stream at work: reads what is there, has it scored as one batch and writes the answers, or
// has it taken as rows of features; and only then commits what it has read.
//
// So a kill loses nothing. What was answered and not committed is answered again, under the same
// key and the same prediction id: both are the input's own, or its place in the topic. A row counts
// once.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "base/result.h"
#include "store/message_log.h"
#include "streams/definition.h"
#include "streams/ports.h"

namespace slipway::streams {

enum class State {
  kConnecting,
  kRunning,
  kWaiting,  // for what `reason` says; nothing is dropped meanwhile
  kPaused,
  kStopped
};
std::string_view state_name(State state);  // "running"

struct StreamStatus {
  State state = State::kConnecting;
  std::string reason;
  std::vector<store::PartitionPosition> partitions;  // that this server reads
  std::uint64_t received = 0, answered = 0, dead_letters = 0, dropped = 0, retries = 0;
  double rate = 0;  // answers, or rows, a second, lately

  std::int64_t lag() const;
};

// Headers of answers.
inline constexpr std::string_view kPredictionIdHeader = "slipway-prediction-id";
inline constexpr std::string_view kEndpointHeader = "slipway-endpoint";
inline constexpr std::string_view kModelVersionHeader = "slipway-model-version";
inline constexpr std::string_view kRevisionHeader = "slipway-revision";
inline constexpr std::string_view kVariantHeader = "slipway-variant";
// A message that has this header brings its prediction id.
inline constexpr std::string_view kRequestIdHeader = "slipway-request-id";

// Safe to use from several threads.
class Worker {
 public:
  struct Options {
    std::chrono::milliseconds retry_first{100}, retry_last{5'000};  // doubling
    std::chrono::milliseconds lag_every{2'000};
  };
  struct Ports {
    Logs& logs;
    Scorer& scorer;
    FeatureRows& rows;
  };
  // All that is given must outlive it.
  Worker(StreamDefinition definition, Ports ports, base::Metrics& metrics, Options options);
  ~Worker();  // stop()

  void start();
  void ask_to_stop();
  // Asks, and waits for the step at hand; what is not committed then comes again. Idempotent.
  void stop();
  void set_paused(bool paused);

  const StreamDefinition& definition() const { return definition_; }
  StreamStatus status() const;

 private:
  struct Shared;  // what gauges read; lives as long as the metrics

  void run();
  void run_until_stopped();
  // Until it is to stop. An error: the connection has to be made anew.
  Result<void> work();
  // Everything about one batch but the commit. False: it is somebody else's now, or the end.
  Result<bool> handle(const std::vector<store::ReceivedMessage>& messages);
  Result<bool> answer(const std::vector<store::ReceivedMessage>& messages);
  Result<bool> add_rows(const std::vector<store::ReceivedMessage>& messages);
  Result<void> begin_partitions(const std::vector<store::ReceivedMessage>& messages);
  Result<std::vector<Result<Answer>>> score(const std::vector<Question>& questions);
  Result<std::vector<Result<Answer>>> score_each(const std::vector<Question>& questions);
  // Of a message that failed alone, `known` being one that was answered: an error when the model
  // fails that one too.
  Result<Result<Answer>> score_after(const Question& known, const Question& question);
  // Tries as long as a model may take to come back. Nothing: it never answered.
  Result<std::optional<Result<Answer>>> score_alone(const Question& question);
  // Whether a failure is not the end: waits a while, longer from try to try.
  Result<bool> wait_after(const Error& error, int tries);
  // What can never be used, with what is wrong with it.
  struct Unusable {
    const store::ReceivedMessage* message;
    Error error;
  };
  Result<bool> put_away(const std::vector<Unusable>& unusable);
  // Tries until all are there, but for what the topic never takes: that is dropped and counted.
  Result<bool> write(store::MessageWriter& writer, const std::vector<store::Message>& messages);
  Result<store::MessageWriter*> dead_writer();
  bool sleep(std::chrono::milliseconds time);  // false: it is to stop
  bool stopping() const;
  bool paused() const;
  void tell(State state, std::string reason = {});
  void look_at_lag();

  const StreamDefinition definition_;
  const store::TopicAddress from_;
  const Ports ports_;
  base::Metrics& metrics_;
  const Options options_;
  base::Counter& received_;
  base::Counter& answered_;
  base::Counter& dead_letters_;
  base::Counter& dropped_;
  base::Counter& retries_;
  const std::shared_ptr<Shared> shared_;

  // Of the thread.
  std::unique_ptr<store::MessageReader> reader_;
  int failures_ = 0;              // of scoring the batch at hand
  std::set<std::int32_t> begun_;  // partitions that feature rows come from
  std::chrono::steady_clock::time_point looked_at_;
  std::uint64_t answers_then_ = 0;

  mutable base::Mutex mutex_;
  base::CondVar wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool paused_ GUARDED_BY(mutex_) = false;
  // Made and used by the thread; stop() cancels them.
  std::unique_ptr<store::MessageWriter> writer_ GUARDED_BY(mutex_);
  std::unique_ptr<store::MessageWriter> dead_writer_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace slipway::streams
