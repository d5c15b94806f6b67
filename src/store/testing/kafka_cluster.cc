#include "store/testing/kafka_cluster.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <vector>

#include "base/check.h"

namespace slipway::store::testing {
namespace {

constexpr int kProduce = 0, kOffsetCommit = 8;  // of the protocol's requests

}  // namespace

struct KafkaCluster::Impl {
  rd_kafka_t* client = nullptr;
  rd_kafka_mock_cluster_t* cluster = nullptr;
};

KafkaCluster::KafkaCluster() : impl_(std::make_unique<Impl>()) {
  char text[256];
  rd_kafka_conf_t* configuration = rd_kafka_conf_new();
  rd_kafka_conf_set(configuration, "client.id", "mock", text, sizeof text);
  impl_->client = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, text, sizeof text);
  CHECK(impl_->client != nullptr);
  impl_->cluster = rd_kafka_mock_cluster_new(impl_->client, 1);
  CHECK(impl_->cluster != nullptr);
}

KafkaCluster::~KafkaCluster() {
  rd_kafka_mock_cluster_destroy(impl_->cluster);
  rd_kafka_destroy(impl_->client);
}

std::string KafkaCluster::brokers() const {
  return rd_kafka_mock_cluster_bootstraps(impl_->cluster);
}

void KafkaCluster::create_topic(const std::string& topic, int partitions) {
  rd_kafka_mock_topic_create(impl_->cluster, topic.c_str(), partitions, 1);
}

void KafkaCluster::fail_writes(int count) {
  const std::vector<rd_kafka_resp_err_t> errors(static_cast<std::size_t>(count),
                                                RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
  rd_kafka_mock_push_request_errors_array(impl_->cluster, kProduce, errors.size(), errors.data());
}

void KafkaCluster::fail_commits(int count) {
  const std::vector<rd_kafka_resp_err_t> errors(static_cast<std::size_t>(count),
                                                RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
  rd_kafka_mock_push_request_errors_array(impl_->cluster, kOffsetCommit, errors.size(),
                                          errors.data());
}

}  // namespace slipway::store::testing
