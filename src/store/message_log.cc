#include "store/message_log.h"

#include <algorithm>

namespace slipway::store {
namespace {

constexpr std::size_t kTopicNameMax = 249;  // Kafka's

bool is_topic_name(std::string_view name) {
  return !name.empty() && name.size() <= kTopicNameMax && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
         });
}

}  // namespace

std::size_t bytes_of(const Message& message) {
  std::size_t bytes =
      (message.key ? message.key->size() : 0) + (message.value ? message.value->size() : 0);
  for (const auto& [name, value] : message.headers) bytes += name.size() + value.size();
  return bytes;
}

Result<TopicAddress> parse_topic_address(std::string_view url) {
  constexpr std::string_view kKafka = "kafka://", kLocal = "log:/";
  TopicAddress address;
  std::string_view topic;
  if (url.starts_with(kKafka)) {
    const std::string_view rest = url.substr(kKafka.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos || slash == 0)
      return base::error(Code::kInvalidArgument,
                         "expected kafka://HOST:PORT[,HOST:PORT]/TOPIC: got={}", url);
    address.brokers = rest.substr(0, slash);
    if (address.brokers.find('@') != std::string::npos) {
      return base::error(Code::kInvalidArgument,
                         "credentials don't belong into a topic's address: they are in the file "
                         "that the setting kafka-properties names");
    }
    topic = rest.substr(slash + 1);
  } else if (url.starts_with(kLocal)) {
    topic = url.substr(kLocal.size());
  } else {
    return base::error(Code::kInvalidArgument,
                       "expected kafka://HOST:PORT/TOPIC or log:/TOPIC: got={}", url);
  }
  if (!is_topic_name(topic)) {
    return base::error(Code::kInvalidArgument,
                       "a topic's name is 1 to {} letters, digits, '.', '_' and '-': got=\"{}\"",
                       kTopicNameMax, topic);
  }
  address.topic = topic;
  return address;
}

}  // namespace slipway::store
