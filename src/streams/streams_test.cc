// Streams over the embedded log: nothing is lost whatever fails, what is answered again has the
// same key and id, and no message stops the others.
#include "streams/streams.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <set>
#include <thread>

#include "base/random.h"
#include "store/local_log.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::streams {
namespace {

using std::chrono::milliseconds;
using store::Message;

// Answers {"x": the message}. What a message says may be that it is bad, or that it brings the
// model down.
class FakeScorer final : public Scorer {
 public:
  Result<std::vector<Result<Answer>>> score(const std::string&,
                                            std::span<const Question> questions) override {
    const int call = ++calls;
    if (!ready || (call <= down_to && call != up_at))
      return base::error(Code::kUnavailable, "the endpoint's model is being loaded");
    base::MutexLock lock(mutex_);
    batches.push_back(questions.size());
    std::vector<Result<Answer>> answers;
    for (const Question& question : questions) {
      if (question.value == "huge" && std::exchange(throws, false)) throw std::bad_alloc();
      if (question.value == "poison") return base::error(Code::kUnavailable, "the model failed");
      answers.push_back(answer_to(question.value));
    }
    return answers;
  }

  static Result<Answer> answer_to(std::string_view value) {
    if (value == "bad") return base::error(Code::kInvalidArgument, "feature x must be a number");
    Answer answer{.value = fmt::format("{{\"x\":{}}}", value), .variant = "live"};
    answer.model_version = 3;
    answer.revision = 7;
    return answer;
  }
  std::vector<std::size_t> seen() {
    base::MutexLock lock(mutex_);
    return batches;
  }

  std::atomic<bool> ready{true};
  bool throws = true;                               // once
  std::atomic<int> calls{0}, down_to{0}, up_at{0};  // it is down in these calls but one

 private:
  base::Mutex mutex_;
  std::vector<std::size_t> batches GUARDED_BY(mutex_);
};

// Takes messages as rows, each offset once, unless they say "bad".
class FakeRows final : public FeatureRows {
 public:
  Result<void> begin(const std::string&, const std::string& topic, std::int32_t partition,
                     std::int64_t end) override {
    base::MutexLock lock(mutex_);
    auto& next = next_[{topic, partition}];
    if (next > end) next = 0;
    return {};
  }
  Result<std::vector<Result<void>>> add(const std::string& source, const std::string& topic,
                                        std::span<const store::ReceivedMessage> messages) override {
    EXPECT_EQ(source, "clicks");
    if (away) return base::error(Code::kUnavailable, "the online store is away");
    base::MutexLock lock(mutex_);
    std::vector<Result<void>> results(messages.size());
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const std::string value = messages[i].message.value.value_or("bad");
      auto& next = next_[{topic, messages[i].partition}];
      if (value == "bad") {
        results[i] = Error(base::error(Code::kInvalidArgument, "no row"));
      } else if (messages[i].offset >= next) {
        taken_.push_back(value);
        next = messages[i].offset + 1;
      }
    }
    return results;
  }
  std::vector<std::string> taken() {
    base::MutexLock lock(mutex_);
    return taken_;
  }

  std::atomic<bool> away{false};

 private:
  base::Mutex mutex_;
  std::vector<std::string> taken_ GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::int32_t>, std::int64_t> next_ GUARDED_BY(mutex_);
};

// The embedded log, whose commits and writes can be made to fail.
class FlakyLog final : public store::MessageLog {
 public:
  explicit FlakyLog(store::MessageLog& log) : log_(log) {}

  Result<std::unique_ptr<store::MessageReader>> open_reader(const std::string& topic,
                                                            const std::string& group,
                                                            store::StartAt start) override {
    return std::unique_ptr<store::MessageReader>(
        std::make_unique<Reader>(*this, TRY(log_.open_reader(topic, group, start))));
  }
  Result<std::unique_ptr<store::MessageWriter>> open_writer(const std::string& topic) override {
    return std::unique_ptr<store::MessageWriter>(
        std::make_unique<Writer>(*this, TRY(log_.open_writer(topic))));
  }

  std::atomic<int> failing_writes{0};
  std::atomic<bool> commits{true};
  std::atomic<bool> is_lost{false};  // what the next hold() says

 private:
  class Reader final : public store::MessageReader {
   public:
    Reader(FlakyLog& log, std::unique_ptr<store::MessageReader> inner)
        : log_(log), inner_(std::move(inner)) {}
    Result<std::vector<store::ReceivedMessage>> poll(const store::PollLimits& limits) override {
      return inner_->poll(limits);
    }
    Result<bool> hold() override { return !log_.is_lost; }
    Result<void> commit() override {
      if (!log_.commits) return base::error(Code::kUnavailable, "no commit");
      return inner_->commit();
    }
    Result<std::vector<store::PartitionPosition>> positions() override {
      return inner_->positions();
    }

   private:
    FlakyLog& log_;
    std::unique_ptr<store::MessageReader> inner_;
  };
  class Writer final : public store::MessageWriter {
   public:
    Writer(FlakyLog& log, std::unique_ptr<store::MessageWriter> inner)
        : log_(log), inner_(std::move(inner)) {}
    Result<void> write(std::span<const Message> messages) override {
      for (const Message& message : messages) {
        if (message.value && message.value->size() > 1000)
          return base::error(Code::kInvalidArgument, "too large");
      }
      if (log_.failing_writes > 0) {
        --log_.failing_writes;
        return base::error(Code::kUnavailable, "no broker");
      }
      return inner_->write(messages);
    }
    void cancel() override {}

   private:
    FlakyLog& log_;
    std::unique_ptr<store::MessageWriter> inner_;
  };

  store::MessageLog& log_;
};

class StreamsTest : public ::testing::Test, public Logs {
 protected:
  store::MessageLog& log(const store::TopicAddress&) override { return flaky_; }

  void SetUp() override { open(); }
  void open() {
    streams_ =
        std::make_unique<Streams>(*db_, clock_, Worker::Ports{*this, scorer_, rows_}, metrics_,
                                  Worker::Options{.retry_first = milliseconds(1),
                                                  .retry_last = milliseconds(4),
                                                  .lag_every = milliseconds(1)});
    ASSERT_TRUE(streams_->start());
  }
  std::unique_ptr<store::Db> open_db() {
    auto db = store::open_sqlite({.file = folder_.path() / "s.db"}, clock_, random_).value();
    EXPECT_TRUE(db->migrate({store::LocalLog::migrations(), Streams::migrations()}));
    return db;
  }
  void declare(const std::string& more = "dead_letters: 'log:/dead', ") {
    const auto definitions = parse_streams(
        "endpoints: {e: {model: models:/m@c}}\nstreams: {s: {endpoint: e, from: 'log:/in', " +
        more + "to: 'log:/out', batching: {max_rows: 4, max_wait_ms: 0}}}");
    ASSERT_TRUE(definitions) << definitions.error().message;
    ASSERT_TRUE(streams_->apply(*definitions, "me"));
  }
  void send(const std::vector<std::string>& values) {
    std::vector<Message> messages;
    for (const std::string& value : values) messages.push_back({.value = value});
    ASSERT_TRUE(local_.append("in", messages));
  }
  std::vector<Message> read(const std::string& topic) {
    std::vector<Message> messages;
    const auto received = local_.read(topic, 0, 10'000);
    for (const auto& each : received.value()) messages.push_back(each.message);
    return messages;
  }
  std::vector<std::string> values(const std::string& topic) {
    std::vector<std::string> values;
    for (const Message& message : read(topic)) values.push_back(*message.value);
    return values;
  }
  static std::string header(const Message& message, std::string_view name) {
    for (const auto& [key, value] : message.headers) {
      if (key == name) return value;
    }
    return "(none)";
  }
  ::testing::AssertionResult soon(const std::function<bool()>& holds) {
    for (int i = 0; i < 5000; ++i) {
      if (holds()) return ::testing::AssertionSuccess();
      std::this_thread::sleep_for(milliseconds(1));
    }
    const auto stream = streams_->get("s");
    return ::testing::AssertionFailure()
           << "never; " << (stream ? base::to_text(stream->to_json()) : stream.error().message);
  }
  StreamStatus status() { return streams_->get("s").value().status; }

  base::SystemClock clock_;
  base::SystemRandom random_;
  base::Metrics metrics_;
  store::testing::TempFolder folder_;
  std::unique_ptr<store::Db> db_ = open_db();
  store::LocalLog local_{*db_, clock_, {}};
  FlakyLog flaky_{local_};
  FakeScorer scorer_;
  FakeRows rows_;
  std::unique_ptr<Streams> streams_;
};

TEST_F(StreamsTest, AnswersWithTheKeysOfTheQuestionsAndSaysWhoAnswered) {
  const base::Timestamp time{1'700'000'000'123'000};
  ASSERT_TRUE(local_.append(
      "in",
      std::vector<Message>{{.key = "k", .value = "1", .time = time, .headers = {{"trace", "t"}}},
                           {.value = "2"},
                           {.value = "3", .headers = {{"slipway-request-id", "own"}}}}));
  declare();
  ASSERT_TRUE(soon([&] { return read("out").size() == 3; }));
  const auto answers = read("out");
  EXPECT_EQ(answers[0].key, "k");
  EXPECT_EQ(answers[0].value, "{\"x\":1}");
  EXPECT_EQ(answers[0].time, time);
  EXPECT_EQ(header(answers[0], "trace"), "t");
  EXPECT_EQ(header(answers[0], "slipway-prediction-id"), "in-0-0");
  EXPECT_EQ(header(answers[0], "slipway-endpoint"), "e");
  EXPECT_EQ(header(answers[0], "slipway-model-version"), "3");
  EXPECT_EQ(header(answers[0], "slipway-revision"), "7");
  EXPECT_EQ(header(answers[0], "slipway-variant"), "live");
  EXPECT_EQ(answers[1].key, "in-0-1");
  EXPECT_EQ(header(answers[2], "slipway-prediction-id"), "own");
  ASSERT_TRUE(soon([&] { return status().lag() == 0 && status().state == State::kRunning; }));
  EXPECT_EQ(status().answered, 3u);
  EXPECT_NE(metrics_.prometheus_text().find(
                "slipway_stream_lag_messages{partition=\"0\",stream=\"s\",topic=\"in\"} 0"),
            std::string::npos)
      << metrics_.prometheus_text();
}

TEST_F(StreamsTest, MessagesBecomeRowsOfASourceOnceEach) {
  const auto definitions = parse_streams(
      "features: {sources: {clicks: {dataset: d}}}\n"
      "streams: {s: {features: clicks, from: 'log:/in', dead_letters: 'log:/dead'}}");
  ASSERT_TRUE(definitions) << definitions.error().message;
  rows_.away = true;
  send({"1", "bad", "2"});
  ASSERT_TRUE(streams_->apply(*definitions, "me"));
  ASSERT_TRUE(soon([&] { return status().reason == "the online store is away"; }));
  flaky_.commits = false;  // what was taken and not committed is given again
  rows_.away = false;
  ASSERT_TRUE(soon([&] { return rows_.taken().size() == 2 && read("dead").size() == 1; }));
  EXPECT_EQ(values("dead"), std::vector<std::string>{"bad"});
  EXPECT_EQ(header(read("dead").front(), "__connect.errors.class.name"), "slipway.features.clicks");

  streams_.reset();
  flaky_.commits = true;
  open();
  send({"3"});
  ASSERT_TRUE(soon([&] { return status().lag() == 0 && rows_.taken().size() == 3; }));
  EXPECT_EQ(rows_.taken(), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(streams_->get("s")->to_json().at("features").as_string(), "clicks");
}

TEST_F(StreamsTest, WhatIsThereIsOneBatch) {
  scorer_.ready = false;
  declare();
  send({"1", "2", "3", "4", "5", "6"});
  ASSERT_TRUE(soon([&] { return status().state == State::kWaiting; }));
  scorer_.ready = true;
  ASSERT_TRUE(soon([&] { return read("out").size() == 6; }));
  for (const std::size_t size : scorer_.seen()) EXPECT_LE(size, 4u);
  EXPECT_LT(scorer_.seen().size(), 6u);
}

TEST_F(StreamsTest, WaitsForAModelAndDropsNothing) {
  scorer_.ready = false;
  send({"1", "2"});
  declare();
  ASSERT_TRUE(soon([&] { return status().retries > 5; }));
  EXPECT_EQ(status().state, State::kWaiting);
  EXPECT_NE(status().reason.find("being loaded"), std::string::npos);
  EXPECT_TRUE(read("out").empty());
  EXPECT_TRUE(read("dead").empty());
  ASSERT_TRUE(soon([&] { return status().lag() == 2; }));
  scorer_.ready = true;
  ASSERT_TRUE(soon([&] {
    return values("out") == std::vector<std::string>{"{\"x\":1}", "{\"x\":2}"};
  }));
}

TEST_F(StreamsTest, BadMessagesGoToTheDeadLettersAndStopNobody) {
  ASSERT_TRUE(local_.append(
      "in",
      std::vector<Message>{
          {.value = "1"}, {.key = "k", .value = "bad", .headers = {{"h", "v"}}}, {.value = "2"}}));
  declare();
  ASSERT_TRUE(soon([&] { return read("out").size() == 2 && read("dead").size() == 1; }));
  const Message letter = read("dead").front();
  EXPECT_EQ(letter.key, "k");
  EXPECT_EQ(letter.value, "bad");
  EXPECT_EQ(header(letter, "h"), "v");
  EXPECT_EQ(header(letter, "__connect.errors.topic"), "in");
  EXPECT_EQ(header(letter, "__connect.errors.partition"), "0");
  EXPECT_EQ(header(letter, "__connect.errors.offset"), "1");
  EXPECT_EQ(header(letter, "__connect.errors.connector.name"), "s");
  EXPECT_EQ(header(letter, "__connect.errors.exception.class.name"), "invalid_argument");
  EXPECT_EQ(header(letter, "__connect.errors.exception.message"), "feature x must be a number");
  EXPECT_EQ(status().dead_letters, 1u);
}

TEST_F(StreamsTest, WithoutATopicForThemBadMessagesAreCounted) {
  declare("");
  send({"bad", "1"});
  ASSERT_TRUE(soon([&] { return read("out").size() == 1 && status().dropped == 1; }));
  ASSERT_TRUE(soon([&] { return status().lag() == 0; }));
}

TEST_F(StreamsTest, AMessageThatBringsTheModelDownIsOneDeadLetter) {
  send({"1", "poison", "2"});
  declare();
  ASSERT_TRUE(soon([&] { return read("out").size() == 2 && read("dead").size() == 1; }));
  EXPECT_EQ(values("dead"), std::vector<std::string>{"poison"});
}

TEST_F(StreamsTest, WhatThrowsIsWaitedForAndTriedAgain) {
  send({"1", "huge", "2"});
  declare();
  ASSERT_TRUE(soon([&] { return read("out").size() == 3; }));
  EXPECT_GE(status().retries, 1u);
}

// Together three times in vain; the first message alone is answered, and then the model goes away
// for longer than a message is tried.
TEST_F(StreamsTest, AnOutageWhileMessagesAreScoredAloneMakesNoDeadLetters) {
  declare();
  std::size_t sent = 0;
  for (const int last : {10, 13, 18, 25, 40}) {
    scorer_.calls = 0;
    scorer_.up_at = 4;
    scorer_.down_to = last;
    send({"1", "2", "3"});
    sent += 3;
    ASSERT_TRUE(soon([&] { return read("out").size() + read("dead").size() == sent; }));
    EXPECT_TRUE(read("dead").empty()) << "last=" << last;
  }
}

TEST_F(StreamsTest, AMessageBeforeAnOutagesEndIsNoDeadLetter) {
  scorer_.down_to = 12;  // all of the first one's tries
  send({"1", "2", "3"});
  declare();
  ASSERT_TRUE(soon([&] { return read("out").size() == 3; }));
  EXPECT_TRUE(read("dead").empty());
}

TEST_F(StreamsTest, AnswersThatDidNotArriveAreWrittenUntilTheyDo) {
  flaky_.failing_writes = 5;
  send({"1"});
  declare();
  ASSERT_TRUE(soon([&] { return read("out").size() == 1; }));
  ASSERT_TRUE(soon([&] { return status().lag() == 0; }));
}

TEST_F(StreamsTest, WhatATopicNeverTakesIsDropped) {
  send({"1", std::string(2000, '9'), "2"});
  declare();
  ASSERT_TRUE(soon([&] { return read("out").size() == 2 && status().dropped == 1; }));
}

TEST_F(StreamsTest, WhatWasNotCommittedIsAnsweredAgainUnderTheSameKeyAndId) {
  flaky_.commits = false;
  send({"1", "2"});
  declare();
  ASSERT_TRUE(soon([&] { return read("out").size() == 2; }));
  streams_->stop();
  flaky_.commits = true;
  open();  // as after a crash
  ASSERT_TRUE(soon([&] { return read("out").size() == 4; }));
  const auto answers = read("out");
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(answers[i].key, answers[i + 2].key);
    EXPECT_EQ(answers[i].headers, answers[i + 2].headers);
    EXPECT_EQ(answers[i].value, answers[i + 2].value);
  }
  ASSERT_TRUE(soon([&] { return status().lag() == 0; }));
}

TEST_F(StreamsTest, ACommitThatFailedIsMadeUpForWithoutFurtherMessages) {
  flaky_.commits = false;
  send({"1"});
  declare();
  ASSERT_TRUE(soon([&] { return status().retries > 0; }));
  flaky_.commits = true;
  ASSERT_TRUE(soon([&] { return status().lag() == 0; }));
  EXPECT_EQ(read("out").size(), 1u);
}

TEST_F(StreamsTest, WhatHasStoppedDoesNotRunAndIsNotBehind) {
  scorer_.ready = false;
  send({"1"});
  declare();
  ASSERT_TRUE(soon([&] { return status().lag() == 1; }));
  scorer_.ready = true;
  ASSERT_TRUE(soon([&] { return status().state == State::kRunning; }));
  flaky_.commits = false;
  send({"2"});
  ASSERT_TRUE(soon([&] { return status().lag() == 1 && read("out").size() == 2; }));
  streams_->stop();
  const std::string text = metrics_.prometheus_text();
  EXPECT_NE(text.find("slipway_stream_running{stream=\"s\"} 0"), std::string::npos) << text;
  EXPECT_NE(text.find("slipway_stream_lag_messages{partition=\"0\",stream=\"s\",topic=\"in\"} 0"),
            std::string::npos)
      << text;
}

TEST_F(StreamsTest, WhatIsAnotherMembersByNowIsNotAnswered) {
  scorer_.ready = false;
  send({"1"});
  declare();
  ASSERT_TRUE(soon([&] { return status().state == State::kWaiting; }));
  flaky_.is_lost = true;
  ASSERT_TRUE(soon([&] { return status().state == State::kRunning; }));
  scorer_.ready = true;
  send({"2"});
  ASSERT_TRUE(soon([&] { return values("out") == std::vector<std::string>{"{\"x\":2}"}; }));
}

TEST_F(StreamsTest, APausedStreamStaysPausedOverARestart) {
  declare();
  ASSERT_TRUE(streams_->set_paused("s", true, "me"));
  ASSERT_TRUE(soon([&] { return status().state == State::kPaused; }));
  send({"1"});
  ASSERT_TRUE(soon([&] { return status().lag() == 1; }));
  streams_->stop();
  open();
  ASSERT_TRUE(soon([&] { return status().state == State::kPaused; }));
  EXPECT_TRUE(read("out").empty());
  ASSERT_TRUE(streams_->set_paused("s", false, "me"));
  ASSERT_TRUE(soon([&] { return read("out").size() == 1; }));
  EXPECT_EQ(streams_->set_paused("nobody", true, "me").error().code, Code::kNotFound);
}

TEST_F(StreamsTest, WhatIsNotDeclaredAnyMoreEnds) {
  declare();
  EXPECT_EQ(streams_->plan({}).value().at(0).change, "removed");
  ASSERT_TRUE(streams_->apply({}, "me"));
  EXPECT_TRUE(streams_->list().value().empty());
  send({"1"});
  declare();
  ASSERT_TRUE(soon([&] { return read("out").size() == 1; }));
}

}  // namespace
}  // namespace slipway::streams
