// Brokers inside the test's own process that speak Kafka's protocol: librdkafka's mock cluster.
#pragma once

#include <memory>
#include <string>

namespace slipway::store::testing {

class KafkaCluster {
 public:
  KafkaCluster();
  ~KafkaCluster();

  std::string brokers() const;
  void create_topic(const std::string& topic, int partitions);
  // The next requests of producers fail so: as a broker that isn't the leader any more answers.
  void fail_writes(int count);
  // The next requests that commit offsets fail.
  void fail_commits(int count);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::store::testing
