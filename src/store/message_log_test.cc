// One suite for every log of messages: the embedded one on both databases, and Kafka against
// brokers in this process that speak its protocol. A real cluster too when SLIPWAY_TEST_KAFKA names
// it ("127.0.0.1:9092").
#include "store/message_log.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <thread>

#include "base/random.h"
#include "store/kafka.h"
#include "store/local_log.h"
#include "store/postgres.h"
#include "store/sqlite.h"
#include "store/testing/kafka_cluster.h"
#include "store/testing/postgres_server.h"
#include "store/testing/temp_folder.h"

namespace slipway::store {
namespace {

using std::chrono::milliseconds;

enum class Kind { kLocal, kPostgres, kMockKafka, kKafka };

// The brokers of the test wait for members that have gone as long as their sessions last, nearly.
const KafkaProperties kShortSessions = {{"session.timeout.ms", "4000"},
                                        {"heartbeat.interval.ms", "500"}};

class MessageLogTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    topic_ = "t-" + random_.hex(8);
    if (GetParam() == Kind::kLocal || GetParam() == Kind::kPostgres) {
      if (GetParam() == Kind::kLocal) {
        db_ = open_sqlite({.file = folder_.path() / "l.db"}, clock_, random_).value();
      } else {
        postgres_ = std::make_unique<testing::PostgresServer>();
        db_ = open_postgres({.url = postgres_->url(), .schema = "topics"}, clock_, random_).value();
      }
      ASSERT_TRUE(db_->migrate({LocalLog::migrations()}));
      log_ = std::make_unique<LocalLog>(*db_, clock_, LocalLog::Options());
      return;
    }
    if (GetParam() == Kind::kMockKafka) {
      cluster_ = std::make_unique<testing::KafkaCluster>();
      cluster_->create_topic(topic_, 1);
      log_ = open_kafka({.brokers = cluster_->brokers(), .properties = kShortSessions});
      return;
    }
    const char* brokers = std::getenv("SLIPWAY_TEST_KAFKA");
    if (brokers == nullptr) GTEST_SKIP() << "SLIPWAY_TEST_KAFKA is not set";
    log_ = open_kafka({.brokers = brokers});
  }

  std::unique_ptr<MessageReader> reader(const std::string& group,
                                        StartAt start = StartAt::kEarliest) {
    return log_->open_reader(topic_, group, start).value();
  }
  void write(const std::vector<std::string>& values) {
    std::vector<Message> messages;
    for (const std::string& value : values) messages.push_back({.value = value});
    ASSERT_TRUE(log_->open_writer(topic_).value()->write(messages));
  }
  // What comes until `count` are there; a group needs a moment to form.
  static std::vector<ReceivedMessage> read(MessageReader& reader, std::size_t count) {
    std::vector<ReceivedMessage> found;
    for (int tries = 0; tries < 150 && found.size() < count; ++tries) {
      const auto came = reader.poll({.messages_max = count - found.size()});
      if (!came) continue;
      found.insert(found.end(), came->begin(), came->end());
    }
    return found;
  }
  static std::vector<std::string> values(const std::vector<ReceivedMessage>& messages) {
    std::vector<std::string> values;
    for (const ReceivedMessage& each : messages)
      values.push_back(each.message.value.value_or("(none)"));
    return values;
  }

  base::SystemClock clock_;
  base::SystemRandom random_;
  testing::TempFolder folder_;
  std::string topic_;
  std::unique_ptr<testing::KafkaCluster> cluster_;
  std::unique_ptr<testing::PostgresServer> postgres_;
  std::unique_ptr<Db> db_;
  std::unique_ptr<MessageLog> log_;
};

using Values = std::vector<std::string>;

TEST_P(MessageLogTest, GivesWhatWasWrittenWithAllThatBelongsToIt) {
  const std::string bytes("\0\xff{", 3);
  const std::vector<Message> sent = {{.key = "k",
                                      .value = bytes,
                                      .time = {1'700'000'000'123'000},
                                      .headers = {{"a", "1"}, {"a", ""}}},
                                     {.key = "", .value = ""},
                                     {.value = std::nullopt}};
  ASSERT_TRUE(log_->open_writer(topic_).value()->write(sent));
  const auto got = read(*reader("g"), 3);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].message.key, sent[0].key);
  EXPECT_EQ(got[0].message.value, sent[0].value);
  EXPECT_EQ(got[0].message.time, sent[0].time);
  EXPECT_EQ(got[0].message.headers, sent[0].headers);
  EXPECT_EQ(got[1].message.key, "");
  EXPECT_EQ(got[1].message.value, "");
  EXPECT_GT(got[1].message.time.micros, 1'700'000'000'000'000) << "now";
  EXPECT_EQ(got[2].message.key, std::nullopt);
  EXPECT_EQ(got[2].message.value, std::nullopt);
  EXPECT_EQ(got[0].offset, 0);
  EXPECT_EQ(got[2].offset, 2);
}

TEST_P(MessageLogTest, WhatWasNotCommittedComesAgain) {
  write({"a", "b", "c", "d"});
  {
    const auto first = reader("g");
    EXPECT_EQ(values(read(*first, 2)), (Values{"a", "b"}));
    ASSERT_TRUE(first->commit());
    EXPECT_EQ(values(read(*first, 1)), (Values{"c"}));
  }
  const auto second = reader("g");
  EXPECT_EQ(values(read(*second, 2)), (Values{"c", "d"}));
  ASSERT_TRUE(second->commit());
  EXPECT_EQ(values(read(*reader("other"), 4)), (Values{"a", "b", "c", "d"}));
}

TEST_P(MessageLogTest, AGroupMayBeginAtTheEnd) {
  write({"before"});
  const auto late = reader("g", StartAt::kLatest);
  for (int tries = 0; tries < 150; ++tries) {  // until it is a member and knows where the end is
    ASSERT_TRUE(late->poll({.wait = milliseconds(50)}).value_or({}).empty());
    const auto positions = late->positions();
    if (positions && !positions->empty()) break;
  }
  static_cast<void>(late->poll({.wait = milliseconds(500)}));
  write({"behind"});
  EXPECT_EQ(values(read(*late, 1)), (Values{"behind"}));
}

// What came while nobody read is the group's, though it has never committed anything.
TEST_P(MessageLogTest, AGroupThatBeganAtTheEndLosesNothingToAKill) {
  write({"before"});
  {
    const auto first = reader("g", StartAt::kLatest);
    std::vector<PartitionPosition> positions;
    for (int tries = 0; tries < 150 && positions.empty(); ++tries) {
      ASSERT_TRUE(first->poll({.wait = milliseconds(50)}).value_or({}).empty());
      positions = first->positions().value_or({});
    }
    ASSERT_EQ(positions.size(), 1u);
    EXPECT_EQ(positions[0].lag(), 0) << "what was there before is not the group's";
  }
  write({"meanwhile"});
  EXPECT_EQ(values(read(*reader("g", StartAt::kLatest), 1)), (Values{"meanwhile"}));
}

TEST_P(MessageLogTest, TellsHowFarAGroupIsBehind) {
  write({"a", "b", "c"});
  const auto lagging = reader("g");
  ASSERT_EQ(read(*lagging, 2).size(), 2u);
  const auto before = lagging->positions().value();
  ASSERT_EQ(before.size(), 1u);
  EXPECT_EQ(before[0].end, 3);
  EXPECT_EQ(before[0].lag(), 3) << "nothing is committed";
  ASSERT_TRUE(lagging->commit());
  EXPECT_EQ(lagging->positions().value()[0].lag(), 1);
  ASSERT_TRUE(lagging->hold().value());
  write({"d", "e"});
  EXPECT_EQ(lagging->positions().value()[0].lag(), 3) << "one that holds learns of more";
}

TEST_P(MessageLogTest, WhoHoldsGoesOnWhereItStood) {
  write({"a", "b", "c"});
  const auto holding = reader("g");
  EXPECT_EQ(values(read(*holding, 1)), (Values{"a"}));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(holding->hold().value());
  write({"d"});
  EXPECT_EQ(values(read(*holding, 3)), (Values{"b", "c", "d"}));
  ASSERT_TRUE(holding->commit());
  EXPECT_EQ(holding->positions().value()[0].lag(), 0);
}

TEST_P(MessageLogTest, WhoHoldsFromTheStartGathersNothing) {
  write(Values(100, "x"));
  const auto holding = reader("g");
  for (int tries = 0; tries < 500; ++tries) {
    ASSERT_TRUE(holding->hold());
    if (holding->positions().value_or({}).size() == 1) break;
    std::this_thread::sleep_for(milliseconds(20));
  }
  for (int i = 0; i < 100; ++i) {  // a message could come with each
    ASSERT_TRUE(holding->hold());
    std::this_thread::sleep_for(milliseconds(10));
  }
  if (GetParam() == Kind::kMockKafka) {
    EXPECT_LE(holding->poll({.messages_max = 100, .wait = milliseconds(0)}).value().size(), 2u);
  }
  const auto again = reader("other");
  EXPECT_EQ(read(*again, 100).size(), 100u);
}

TEST_P(MessageLogTest, ABatchHasALimitInBytes) {
  write({std::string(3000, 'a'), std::string(600, 'b'), std::string(600, 'c'), "d"});
  const auto careful = reader("g");
  std::vector<std::size_t> sizes;
  std::size_t sum = 0;
  for (int tries = 0; tries < 150 && sum < 4; ++tries) {
    const auto came = careful->poll({.bytes_max = 1000, .fill = milliseconds(200)}).value_or({});
    if (came.empty()) continue;
    sizes.push_back(came.size());
    sum += came.size();
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 1, 2})) << "the first one is always given";
}

TEST_P(MessageLogTest, WaitsForNoMoreThanItIsTold) {
  const auto waiting = reader("g");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(waiting->poll({.wait = milliseconds(50)}).value_or({}).empty());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  write(Values(50, "x"));
  EXPECT_EQ(read(*waiting, 50).size(), 50u);
}

INSTANTIATE_TEST_SUITE_P(Logs, MessageLogTest,
                         ::testing::Values(Kind::kLocal, Kind::kPostgres, Kind::kMockKafka,
                                           Kind::kKafka),
                         [](const auto& info) {
                           switch (info.param) {
                             case Kind::kLocal:
                               return "Local";
                             case Kind::kPostgres:
                               return "Postgres";
                             case Kind::kMockKafka:
                               return "MockKafka";
                             case Kind::kKafka:
                               return "Kafka";
                           }
                           return "?";
                         });

TEST(LocalLog, KeepsTheNewestAndGoesOnBehindAGap) {
  base::SystemClock clock;
  base::SystemRandom random;
  testing::TempFolder folder;
  const auto db = open_sqlite({.file = folder.path() / "l.db"}, clock, random).value();
  ASSERT_TRUE(db->migrate({LocalLog::migrations()}));
  LocalLog log(*db, clock, {.messages_max = 3});
  const auto slow = log.open_reader("t", "g", StartAt::kEarliest).value();
  for (const char* value : {"a", "b", "c", "d", "e"})
    EXPECT_TRUE(log.append("t", std::vector<Message>{{.value = value}}));
  EXPECT_EQ(log.topic("t").value().first, 2);
  EXPECT_EQ(slow->positions().value()[0].lag(), 3);
  const auto left = slow->poll({}).value();
  ASSERT_EQ(left.size(), 3u);
  EXPECT_EQ(left[0].message.value, "c");
}

TEST(Kafka, MembersOfAGroupShareThePartitionsAndLoseNothing) {
  testing::KafkaCluster cluster;
  cluster.create_topic("t", 4);
  const auto log = open_kafka({.brokers = cluster.brokers(), .properties = kShortSessions});
  std::vector<Message> messages;
  for (int i = 0; i < 200; ++i)
    messages.push_back({.key = std::to_string(i), .value = std::to_string(i)});
  ASSERT_TRUE(log->open_writer("t").value()->write(messages));
  std::set<std::string> seen;
  const auto collect = [&](MessageReader& reader) {
    const auto came = reader.poll({.messages_max = 10, .wait = milliseconds(100)});
    if (!came) return;
    for (const auto& each : *came) seen.insert(each.message.value.value());
    static_cast<void>(reader.commit());  // one that fails is no more than a repetition
  };
  const auto first = log->open_reader("t", "g", StartAt::kEarliest).value();
  for (int tries = 0; tries < 100 && seen.size() < 30; ++tries) collect(*first);
  // While the first is in the middle of it, another one joins.
  const auto polled = first->poll({.messages_max = 10});
  const auto second = log->open_reader("t", "g", StartAt::kEarliest).value();
  bool lost = false;
  for (int tries = 0; tries < 200 && !lost; ++tries) {
    collect(*second);
    const auto held = first->hold();
    lost = held && !*held;
  }
  EXPECT_TRUE(lost) << "the first is told that its messages are perhaps another one's";
  for (int tries = 0; tries < 300 && seen.size() < 200; ++tries) {
    collect(*first);
    collect(*second);
  }
  EXPECT_EQ(seen.size(), 200u);
  const auto of_first = first->positions().value(), of_second = second->positions().value();
  EXPECT_EQ(of_first.size() + of_second.size(), 4u);
  EXPECT_FALSE(of_first.empty());
  EXPECT_FALSE(of_second.empty());
}

TEST(Kafka, AWriteThatABrokerRefusesIsTriedAgain) {
  testing::KafkaCluster cluster;
  cluster.create_topic("t", 1);
  const auto log = open_kafka({.brokers = cluster.brokers()});
  const auto writer = log->open_writer("t").value();
  cluster.fail_writes(2);
  ASSERT_TRUE(writer->write(std::vector<Message>{{.value = "a"}, {.value = "b"}}));
  const auto reader = log->open_reader("t", "g", StartAt::kEarliest).value();
  std::vector<std::string> values;
  for (int tries = 0; tries < 100 && values.size() < 2; ++tries) {
    for (const auto& each : reader->poll({}).value_or({})) values.push_back(*each.message.value);
  }
  EXPECT_EQ(values, (std::vector<std::string>{"a", "b"}));
}

TEST(Kafka, WhatABrokerRefusesToCommitComesAgain) {
  testing::KafkaCluster cluster;
  cluster.create_topic("t", 1);
  const auto log = open_kafka({.brokers = cluster.brokers(), .properties = kShortSessions});
  ASSERT_TRUE(log->open_writer("t").value()->write(std::vector<Message>{{.value = "a"}}));
  const auto reader = log->open_reader("t", "g", StartAt::kEarliest).value();
  const auto comes = [&] {
    for (int tries = 0; tries < 150; ++tries) {
      if (!reader->poll({}).value_or({}).empty()) return true;
    }
    return false;
  };
  ASSERT_TRUE(comes());
  cluster.fail_commits(1);
  EXPECT_EQ(reader->commit().error().code, Code::kUnavailable);
  ASSERT_TRUE(comes());
  ASSERT_TRUE(reader->commit());
  EXPECT_EQ(reader->positions().value().at(0).lag(), 0);
}

TEST(Kafka, NobodyThereIsAnErrorInTime) {
  const auto log = open_kafka({.brokers = "127.0.0.1:1", .write_limit = milliseconds(300)});
  const auto writer = log->open_writer("t").value();
  const auto written = writer->write(std::vector<Message>{{.value = "a"}});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::kUnavailable);
  const auto patient = open_kafka({.brokers = "127.0.0.1:1"})->open_writer("t").value();
  std::thread canceller([&] { patient->cancel(); });
  EXPECT_EQ(patient->write(std::vector<Message>{{.value = "a"}}).error().code, Code::kUnavailable);
  canceller.join();
  EXPECT_FALSE(log->open_reader("t", "g", StartAt::kEarliest)
                   .value()
                   ->poll({.wait = milliseconds(50)})
                   .value_or({})
                   .size());
}

TEST(Kafka, TooLargeIsNoReasonToTryAgain) {
  testing::KafkaCluster cluster;
  const auto log = open_kafka({.brokers = cluster.brokers()});
  const auto written = log->open_writer("t").value()->write(
      std::vector<Message>{{.value = std::string(2 << 20, 'x')}});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::kInvalidArgument);
}

TEST(Kafka, PropertiesAreCheckedWithTheirLine) {
  const auto good =
      parse_kafka_properties("# c\n\nsecurity.protocol = ssl\r\ncompression.type=lz4");
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(*good, (KafkaProperties{{"security.protocol", "ssl"}, {"compression.type", "lz4"}}));
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"\nacks=0", "line 2: the server sets this itself: property=acks"},
           {"nothing", "line 1: expected NAME=VALUE"},
           {"no.such=1", "line 1: kafka: No such configuration property: \"no.such\""}}) {
    const auto refused = parse_kafka_properties(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().message, message);
  }
}

TEST(TopicAddress, IsReadOrRefused) {
  EXPECT_EQ(parse_topic_address("kafka://a:9092,b:9092/in.put").value(),
            (TopicAddress{"a:9092,b:9092", "in.put"}));
  EXPECT_EQ(parse_topic_address("log:/in_put").value(), (TopicAddress{"", "in_put"}));
  for (const char* bad : {"", "kafka://", "kafka:///t", "kafka://a:1", "kafka://a:1/", "log:/",
                          "log:/a/b", "kafka://u:p@a:1/t", "http://a/t", "log:/.."})
    EXPECT_FALSE(parse_topic_address(bad)) << bad;
}

}  // namespace
}  // namespace slipway::store
