// JSON read in one pass into flat nodes, for bodies that are read once: no allocation for a usual
// body, texts are views. Everything else goes through base/json.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slipway::base {

// A value with all that is in it: nodes stand in the order of the text. Trivial, so that room for
// many costs nothing.
struct JsonNode {
  enum class Kind : std::uint8_t { kNull, kBool, kNumber, kText, kArray, kObject };

  Kind kind;
  bool is_whole;  // kNumber: written without fraction and exponent
  bool is_large;  // kNumber: whole and beyond 2^53; if 64 bits hold it, it is in a node behind
  std::uint32_t length;  // kText: bytes; kArray: values; kObject: members
  std::uint32_t nodes;   // this one and all within
  union {
    double number;            // kNumber, and kBool as 0 and 1
    std::uint64_t magnitude;  // of the large number in the node before
    const char* text;         // kText
  };
};
static_assert(sizeof(JsonNode) <= 24);

class JsonValues;
class JsonMembers;

bool is_utf8(std::string_view text);  // RFC 3629

// Points at a node; cheap to copy. Valid while its document is and parses nothing else.
class JsonValue {
 public:
  using Kind = JsonNode::Kind;
  explicit JsonValue(const JsonNode* node) : node_(node) {}

  Kind kind() const { return node_->kind; }
  bool is_null() const { return kind() == Kind::kNull; }
  bool is_array() const { return kind() == Kind::kArray; }
  bool is_object() const { return kind() == Kind::kObject; }
  bool is_text() const { return kind() == Kind::kText; }
  bool is_whole() const { return node_->is_whole; }
  // A whole number beyond 2^53, where number() is rounded.
  bool is_large() const { return node_->is_large; }
  // A whole number's value without its sign, exactly; nothing beyond 64 bits.
  std::optional<std::uint64_t> magnitude() const;
  double number() const { return node_->number; }  // kNumber, kBool
  std::string_view text() const { return {node_->text, node_->length}; }
  std::size_t size() const { return node_->length; }  // of an array or object

  JsonValues values() const;    // of an array
  JsonMembers members() const;  // of an object
  // The last member of that name, as most readers have it; nothing when it is absent or null.
  std::optional<JsonValue> find(std::string_view key) const;

 private:
  friend class JsonValues;
  friend class JsonMembers;
  const JsonNode* node_;
};

class JsonValues {
 public:
  class Iterator {
   public:
    explicit Iterator(const JsonNode* node) : node_(node) {}
    JsonValue operator*() const { return JsonValue(node_); }
    Iterator& operator++() {
      node_ += node_->nodes;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const JsonNode* node_;
  };

  explicit JsonValues(const JsonNode* array) : array_(array) {}
  Iterator begin() const { return Iterator(array_ + 1); }
  Iterator end() const { return Iterator(array_ + array_->nodes); }
  bool empty() const { return array_->length == 0; }
  std::size_t size() const { return array_->length; }
  JsonValue front() const { return JsonValue(array_ + 1); }

 private:
  const JsonNode* array_;
};

class JsonMembers {
 public:
  struct Member {
    std::string_view key;
    JsonValue value;
  };
  class Iterator {
   public:
    explicit Iterator(const JsonNode* key) : key_(key) {}
    Member operator*() const { return {{key_->text, key_->length}, JsonValue(key_ + 1)}; }
    Iterator& operator++() {
      key_ += 1 + key_[1].nodes;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const JsonNode* key_;
  };

  explicit JsonMembers(const JsonNode* object) : object_(object) {}
  Iterator begin() const { return Iterator(object_ + 1); }
  Iterator end() const { return Iterator(object_ + object_->nodes); }

 private:
  const JsonNode* object_;
};

inline std::optional<std::uint64_t> JsonValue::magnitude() const {
  if (!is_large()) return static_cast<std::uint64_t>(number() < 0 ? -number() : number());
  if (node_->nodes == 1) return std::nullopt;
  return node_[1].magnitude;
}
inline JsonValues JsonValue::values() const { return JsonValues(node_); }
inline JsonMembers JsonValue::members() const { return JsonMembers(node_); }

// The value as text again: texts escaped anew, whole numbers without a fraction.
void append_json(std::string& out, JsonValue value);

// Keeps its memory from document to document, up to a limit. One thread at a time.
class JsonDocument {
 public:
  static constexpr std::size_t kDepthMax = 32;

  // RFC 8259, strictly: UTF-8, no comments, no NaN, nothing behind the value. Texts without escapes
  // point into `text`, which must outlive the values. kInvalidArgument: what is wrong, and at which
  // byte; a number beyond double.
  Result<JsonValue> parse(std::string_view text);

 private:
  class Parser;

  std::unique_ptr<JsonNode[]> nodes_;
  std::size_t node_capacity_ = 0;
  std::unique_ptr<char[]> unescaped_;  // texts that had escapes
  std::size_t unescaped_capacity_ = 0;
};

}  // namespace slipway::base
