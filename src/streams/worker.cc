#include "streams/worker.h"

#include <algorithm>
#include <map>

#include "base/log.h"

namespace slipway::streams {
namespace {

using std::chrono::milliseconds;
using store::Message;
using store::ReceivedMessage;

constexpr milliseconds kPollWait{200};
// A batch that fails so often is scored message by message, to find out whether one of them does
// it.
constexpr int kTriesTogether = 3;
constexpr int kTriesAlone = 8;
// And so often right after another message was answered, so that an outage is not taken for it.
constexpr int kTriesAfterAnother = 2;
// When so many in a row fail and none was answered, it is not the messages.
constexpr std::size_t kFailuresTelling = 3;

// Kafka Connect's headers for what could not be processed.
constexpr std::string_view kErrors = "__connect.errors.";

std::string place_of(const std::string& topic, const ReceivedMessage& message) {
  return fmt::format("{}-{}-{}", topic, message.partition, message.offset);
}

std::string prediction_id(const std::string& topic, const ReceivedMessage& message) {
  for (const auto& [name, value] : message.message.headers) {
    if (name == kRequestIdHeader && !value.empty()) return value;
  }
  return place_of(topic, message);
}

store::TopicAddress address_of(const std::string& url) {
  return MUST(store::parse_topic_address(url));  // the definition was checked
}

}  // namespace

std::string_view state_name(State state) {
  switch (state) {
    case State::kConnecting:
      return "connecting";
    case State::kRunning:
      return "running";
    case State::kWaiting:
      return "waiting";
    case State::kPaused:
      return "paused";
    case State::kStopped:
      return "stopped";
  }
  return "?";
}

std::int64_t StreamStatus::lag() const {
  std::int64_t sum = 0;
  for (const auto& partition : partitions) sum += partition.lag();
  return sum;
}

struct Worker::Shared {
  base::Mutex mutex;
  State state GUARDED_BY(mutex) = State::kConnecting;
  std::string reason GUARDED_BY(mutex);
  std::map<std::int32_t, store::PartitionPosition> partitions GUARDED_BY(mutex);
  std::map<std::int32_t, bool> has_gauge GUARDED_BY(mutex);
  double rate GUARDED_BY(mutex) = 0;

  double lag(std::int32_t partition) {
    base::MutexLock lock(mutex);
    const auto found = partitions.find(partition);
    return found == partitions.end() ? 0 : static_cast<double>(found->second.lag());
  }
};

Worker::Worker(StreamDefinition definition, Ports ports, base::Metrics& metrics, Options options)
    : definition_(std::move(definition)),
      from_(address_of(definition_.from)),
      ports_(ports),
      metrics_(metrics),
      options_(options),
      received_(metrics.counter("slipway_stream_messages_total", "Messages read by streams.",
                                {{"stream", definition_.name}})),
      answered_(metrics.counter("slipway_stream_answers_total",
                                "Answers written by streams, and messages taken as feature rows.",
                                {{"stream", definition_.name}})),
      dead_letters_(metrics.counter("slipway_stream_dead_letters_total",
                                    "Messages that could not be used.",
                                    {{"stream", definition_.name}})),
      dropped_(metrics.counter("slipway_stream_dropped_total",
                               "Messages that could not be used and went to no dead letters.",
                               {{"stream", definition_.name}})),
      retries_(metrics.counter("slipway_stream_retries_total",
                               "Tries of streams to score, take, write or commit that failed.",
                               {{"stream", definition_.name}})),
      shared_(std::make_shared<Shared>()) {
  metrics.gauge("slipway_stream_running",
                "1: the stream reads; 0: it waits for something or is paused.",
                [shared = shared_] {
                  base::MutexLock lock(shared->mutex);
                  return shared->state == State::kRunning ? 1.0 : 0.0;
                },
                {{"stream", definition_.name}});
}

Worker::~Worker() { stop(); }

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Worker::ask_to_stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    if (writer_) writer_->cancel();
    if (dead_writer_) dead_writer_->cancel();
  }
  wake_.notify_all();
}

void Worker::stop() {
  ask_to_stop();
  if (thread_.joinable()) thread_.join();
}

void Worker::set_paused(bool paused) {
  {
    base::MutexLock lock(mutex_);
    paused_ = paused;
  }
  wake_.notify_all();
}

bool Worker::stopping() const {
  base::MutexLock lock(mutex_);
  return stopping_;
}

bool Worker::paused() const {
  base::MutexLock lock(mutex_);
  return paused_;
}

bool Worker::sleep(milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  base::MutexLock lock(mutex_);
  while (!stopping_) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) return true;
    wake_.wait_for_ms(mutex_, left);
  }
  return false;
}

StreamStatus Worker::status() const {
  StreamStatus status{.received = received_.value(),
                      .answered = answered_.value(),
                      .dead_letters = dead_letters_.value(),
                      .dropped = dropped_.value(),
                      .retries = retries_.value()};
  base::MutexLock lock(shared_->mutex);
  status.state = shared_->state;
  status.reason = shared_->reason;
  for (const auto& [number, partition] : shared_->partitions)
    status.partitions.push_back(partition);
  status.rate = shared_->rate;
  return status;
}

void Worker::tell(State state, std::string reason) {
  base::MutexLock lock(shared_->mutex);
  if (state == State::kWaiting && reason != shared_->reason)
    base::log_warning("streams", "waits: stream={} {}", definition_.name, reason);
  if (state == State::kRunning && shared_->state == State::kWaiting)
    base::log_info("streams", "goes on: stream={}", definition_.name);
  shared_->state = state;
  shared_->reason = std::move(reason);
}

void Worker::look_at_lag() {
  const auto now = std::chrono::steady_clock::now();
  const auto since = now - looked_at_;
  if (since < options_.lag_every) return;
  const double seconds = std::chrono::duration<double>(since).count();
  const std::uint64_t answers = answered_.value();
  const auto rate = static_cast<double>(answers - answers_then_) / seconds;
  looked_at_ = now;
  answers_then_ = answers;
  const auto positions = reader_->positions();
  std::vector<std::int32_t> news;
  {
    base::MutexLock lock(shared_->mutex);
    shared_->rate = rate;
    if (!positions) return;  // what was known stays
    shared_->partitions.clear();
    for (const auto& position : *positions) {
      shared_->partitions[position.partition] = position;
      if (!std::exchange(shared_->has_gauge[position.partition], true))
        news.push_back(position.partition);
    }
  }
  for (const std::int32_t partition : news) {
    metrics_.gauge("slipway_stream_lag_messages",
                   "Messages of a topic's partition that a stream has not answered yet.",
                   [shared = shared_, partition] { return shared->lag(partition); },
                   {{"stream", definition_.name},
                    {"topic", from_.topic},
                    {"partition", std::to_string(partition)}});
  }
}

void Worker::run() {
  run_until_stopped();
  base::MutexLock lock(shared_->mutex);
  shared_->state = State::kStopped;
  shared_->reason.clear();
  shared_->partitions.clear();
  shared_->rate = 0;
}

void Worker::run_until_stopped() {
  const auto guarded = [this]() -> Result<void> {
    try {
      return work();
    } catch (const std::exception& e) {  // the net under a thread's work
      return base::error(Code::kInternal, "the stream's work threw: what={}", e.what());
    }
  };
  for (;;) {
    const Result<void> worked = guarded();
    reader_.reset();
    {
      base::MutexLock lock(mutex_);
      writer_.reset();
      dead_writer_.reset();
    }
    if (worked || stopping()) return;
    retries_.add();
    tell(State::kWaiting, worked.error().message);
    if (!sleep(options_.retry_last)) return;
  }
}

Result<void> Worker::work() {
  tell(State::kConnecting);
  reader_ = TRY(ports_.logs.log(from_).open_reader(
      from_.topic, definition_.group,
      definition_.start == "latest" ? store::StartAt::kLatest : store::StartAt::kEarliest));
  begun_.clear();
  if (!definition_.to.empty()) {
    const store::TopicAddress to = address_of(definition_.to);
    auto writer = TRY(ports_.logs.log(to).open_writer(to.topic));
    base::MutexLock lock(mutex_);
    if (stopping_) return {};
    writer_ = std::move(writer);
  }
  looked_at_ = {};
  answers_then_ = answered_.value();
  bool is_committed = true;
  while (!stopping()) {
    look_at_lag();
    if (paused()) {
      tell(State::kPaused);
      TRY(reader_->hold());
      static_cast<void>(sleep(kPollWait));
      continue;
    }
    const auto messages =
        reader_->poll({.messages_max = static_cast<std::size_t>(definition_.rows_max),
                       .wait = kPollWait,
                       .fill = milliseconds(definition_.wait_ms_max)});
    if (!messages) {
      retries_.add();
      tell(State::kWaiting, messages.error().message);
      static_cast<void>(sleep(options_.retry_first));
      continue;
    }
    tell(State::kRunning);
    if (messages->empty() && is_committed) continue;
    if (!messages->empty()) {
      received_.add(messages->size());
      failures_ = 0;
      is_committed = true;  // or somebody else's
      if (!TRY(handle(*messages))) continue;
    }
    // What fails is tried again with the next messages, or without any.
    const Result<void> committed = reader_->commit();
    is_committed = committed.has_value();
    if (!is_committed) {
      retries_.add();
      base::log_warning("streams", "offsets were not committed: stream={} {}", definition_.name,
                        committed.error().message);
    }
  }
  return {};
}

Result<bool> Worker::wait_after(const Error& error, int tries) {
  retries_.add();
  tell(State::kWaiting, error.message);
  const auto time =
      std::min(options_.retry_last, options_.retry_first * (1 << std::min(tries, 12)));
  if (!sleep(time)) return false;
  look_at_lag();
  return reader_->hold();
}

Result<std::vector<Result<Answer>>> Worker::score(const std::vector<Question>& questions) {
  auto together = ports_.scorer.score(definition_.endpoint, questions);
  if (together || ++failures_ < kTriesTogether || questions.size() == 1) return together;
  auto each = score_each(questions);
  if (each && each->empty()) return together;
  return each;
}

// Perhaps one message brings the model down, and all others with it: that one is a dead letter.
// Empty: no question was answered, so it is not the messages.
Result<std::vector<Result<Answer>>> Worker::score_each(const std::vector<Question>& questions) {
  std::vector<std::optional<Result<Answer>>> found;
  const Question* known = nullptr;  // that was answered
  for (const Question& question : questions) {
    auto alone = TRY(score_alone(question));
    if (alone) {
      known = &question;
    } else if (known != nullptr) {
      alone = TRY(score_after(*known, question));
    } else if (found.size() + 1 >= kFailuresTelling) {
      break;
    }
    found.push_back(std::move(alone));
  }
  std::vector<Result<Answer>> results;
  if (known == nullptr) return results;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (!found[i]) found[i] = TRY(score_after(*known, questions[i]));
    results.push_back(std::move(*found[i]));
  }
  return results;
}

Result<Result<Answer>> Worker::score_after(const Question& known, const Question& question) {
  for (int tries = 1;; ++tries) {
    if (!TRY(score_alone(known)))
      return base::error(Code::kUnavailable, "the model doesn't answer what it has answered");
    auto alone = ports_.scorer.score(definition_.endpoint, std::span(&question, 1));
    if (alone) return Result<Result<Answer>>(std::move(alone->front()));
    if (tries == kTriesAfterAnother) return Result<Result<Answer>>(Result<Answer>(alone.error()));
  }
}

Result<std::optional<Result<Answer>>> Worker::score_alone(const Question& question) {
  for (int tries = 1;; ++tries) {
    auto alone = ports_.scorer.score(definition_.endpoint, std::span(&question, 1));
    if (alone) return std::optional(std::move(alone->front()));
    if (tries == kTriesAlone) return std::optional<Result<Answer>>();
    if (!TRY(wait_after(alone.error(), tries - 1)))
      return base::error(Code::kUnavailable, "the stream stops or has lost its partitions");
  }
}

Result<store::MessageWriter*> Worker::dead_writer() {
  {
    base::MutexLock lock(mutex_);
    if (dead_writer_) return dead_writer_.get();
  }
  const store::TopicAddress address = address_of(definition_.dead_letters);
  auto writer = TRY(ports_.logs.log(address).open_writer(address.topic));
  base::MutexLock lock(mutex_);
  if (stopping_) return base::error(Code::kUnavailable, "the stream stops");
  dead_writer_ = std::move(writer);
  return dead_writer_.get();
}

Result<bool> Worker::write(store::MessageWriter& writer, const std::vector<Message>& messages) {
  std::vector<std::span<const Message>> parts = {messages};
  for (int tries = 0; !parts.empty();) {
    const std::span<const Message> part = parts.back();
    const Result<void> written = writer.write(part);
    if (written) {
      parts.pop_back();
      tries = 0;
    } else if (written.error().code != Code::kInvalidArgument) {
      if (!TRY(wait_after(written.error(), tries++))) return false;
    } else if (part.size() > 1) {  // which of them is it?
      parts.pop_back();
      for (std::size_t i = part.size(); i > 0; --i) parts.push_back(part.subspan(i - 1, 1));
    } else {
      parts.pop_back();
      dropped_.add();
      base::log_warning("streams", "a message can't be written: stream={} {}", definition_.name,
                        written.error().message);
    }
  }
  return true;
}

Result<bool> Worker::handle(const std::vector<ReceivedMessage>& messages) {
  return definition_.features.empty() ? answer(messages) : add_rows(messages);
}

Result<bool> Worker::answer(const std::vector<ReceivedMessage>& messages) {
  std::vector<std::string> ids;
  std::vector<Question> questions;
  ids.reserve(messages.size());
  for (const ReceivedMessage& each : messages) {
    const std::string& id = ids.emplace_back(prediction_id(from_.topic, each));
    questions.push_back(
        {.value = each.message.value ? std::string_view(*each.message.value) : std::string_view(),
         .id = id,
         .route_key = each.message.key && !each.message.key->empty()
                          ? std::string_view(*each.message.key)
                          : std::string_view(id),
         .event_time = each.message.time});
  }
  std::vector<Result<Answer>> results;
  for (int tries = 0;; ++tries) {
    auto scored = score(questions);
    if (scored) {
      results = std::move(*scored);
      break;
    }
    if (!TRY(wait_after(scored.error(), tries))) return false;
  }
  CHECK(results.size() == messages.size());
  std::vector<Message> answers;
  std::vector<Unusable> unusable;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ReceivedMessage& question = messages[i];
    if (!results[i]) {
      unusable.push_back({&question, results[i].error()});
      continue;
    }
    Message& answer = answers.emplace_back();
    answer.key = question.message.key ? question.message.key
                                      : std::optional(place_of(from_.topic, question));
    answer.value = std::move(results[i]->value);
    answer.time = question.message.time;
    for (const auto& header : question.message.headers) {
      if (!header.first.starts_with("slipway-")) answer.headers.push_back(header);
    }
    answer.headers.emplace_back(kPredictionIdHeader, ids[i]);
    answer.headers.emplace_back(kEndpointHeader, definition_.endpoint);
    answer.headers.emplace_back(kModelVersionHeader, std::to_string(results[i]->model_version));
    answer.headers.emplace_back(kRevisionHeader, std::to_string(results[i]->revision));
    answer.headers.emplace_back(kVariantHeader, results[i]->variant);
  }
  if (!TRY(put_away(unusable))) return false;
  if (!answers.empty()) {
    store::MessageWriter* writer = nullptr;
    {
      base::MutexLock lock(mutex_);
      writer = writer_.get();
    }
    if (!TRY(write(*writer, answers))) return false;
    answered_.add(answers.size());
  }
  return true;
}

Result<bool> Worker::add_rows(const std::vector<ReceivedMessage>& messages) {
  std::vector<Result<void>> results;
  for (int tries = 0;; ++tries) {
    const Result<void> begun = begin_partitions(messages);
    auto added = begun ? ports_.rows.add(definition_.features, definition_.from, messages)
                       : Result<std::vector<Result<void>>>(begun.error());
    if (added) {
      results = std::move(*added);
      break;
    }
    if (!TRY(wait_after(added.error(), tries))) return false;
  }
  CHECK(results.size() == messages.size());
  std::vector<Unusable> unusable;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!results[i]) unusable.push_back({&messages[i], results[i].error()});
  }
  if (!TRY(put_away(unusable))) return false;
  answered_.add(messages.size() - unusable.size());
  return true;
}

Result<void> Worker::begin_partitions(const std::vector<ReceivedMessage>& messages) {
  const auto is_new = [&](const ReceivedMessage& each) { return !begun_.contains(each.partition); };
  if (std::ranges::none_of(messages, is_new)) return {};
  for (const store::PartitionPosition& position : TRY(reader_->positions())) {
    TRY(ports_.rows.begin(definition_.features, definition_.from, position.partition,
                          position.end));
    begun_.insert(position.partition);
  }
  return {};
}

Result<bool> Worker::put_away(const std::vector<Unusable>& unusable) {
  if (unusable.empty()) return true;
  if (definition_.dead_letters.empty()) {  // one line a batch is enough
    const auto& [message, error] = unusable.front();
    base::log_warning("streams", "a message can't be used: stream={} place={} {}", definition_.name,
                      place_of(from_.topic, *message), error.message);
    dropped_.add(unusable.size());
    return true;
  }
  std::vector<Message> dead;
  for (const auto& [message, error] : unusable) {
    Message& letter = dead.emplace_back(message->message);
    const auto add = [&](std::string_view name, std::string value) {
      letter.headers.emplace_back(std::string(kErrors) += name, std::move(value));
    };
    add("topic", from_.topic);
    add("partition", std::to_string(message->partition));
    add("offset", std::to_string(message->offset));
    add("connector.name", definition_.name);
    add("task.id", "0");
    add("stage", "TASK_PUT");
    add("class.name", definition_.features.empty() ? "slipway.endpoints." + definition_.endpoint
                                                   : "slipway.features." + definition_.features);
    add("exception.class.name", std::string(base::code_name(error.code)));
    add("exception.message", error.message);
  }
  store::MessageWriter* const writer = TRY(dead_writer());
  if (!TRY(write(*writer, dead))) return false;
  dead_letters_.add(dead.size());
  return true;
}

}  // namespace slipway::streams
