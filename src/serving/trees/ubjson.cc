#include "serving/trees/ubjson.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace slipway::serving::trees {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  Result<Json> read_document() {
    Json value = TRY(read_value(TRY(take_mark()), 0));
    return value;
  }

 private:
  Error broken(std::string_view what) const {
    return base::error(Code::kCorruption, "UBJSON: {} at byte {}", what, at_);
  }

  Result<char> take_mark() {
    while (at_ < bytes_.size() && bytes_[at_] == 'N') ++at_;  // no-op
    if (at_ >= bytes_.size()) return broken("the bytes end early");
    return bytes_[at_++];
  }

  // A big-endian number of type T.
  template <typename T>
  Result<T> take_number() {
    if (bytes_.size() - at_ < sizeof(T)) return broken("the bytes end early");
    unsigned char raw[sizeof(T)];
    for (std::size_t i = 0; i < sizeof(T); ++i)
      raw[sizeof(T) - 1 - i] = static_cast<unsigned char>(bytes_[at_ + i]);
    at_ += sizeof(T);
    T value;
    std::memcpy(&value, raw, sizeof(T));
    return value;
  }

  Result<std::int64_t> take_integer(char mark) {
    switch (mark) {
      case 'i':
        return TRY(take_number<std::int8_t>());
      case 'U':
        return TRY(take_number<std::uint8_t>());
      case 'I':
        return TRY(take_number<std::int16_t>());
      case 'l':
        return TRY(take_number<std::int32_t>());
      case 'L':
        return TRY(take_number<std::int64_t>());
      default:
        return broken("expected an integer");
    }
  }

  Result<std::size_t> take_length() {
    const std::int64_t length = TRY(take_integer(TRY(take_mark())));
    if (length < 0) return broken("a negative length");
    return static_cast<std::size_t>(length);
  }

  Result<std::string_view> take_text() {
    const std::size_t length = TRY(take_length());
    if (length > bytes_.size() - at_) return broken("a text is longer than the bytes");
    const std::string_view text = bytes_.substr(at_, length);
    at_ += length;
    return text;
  }

  Result<Json> read_value(char mark, int depth) {
    if (depth > 64) return broken("nested too deeply");
    switch (mark) {
      case 'Z':
        return Json(nullptr);
      case 'T':
        return Json(true);
      case 'F':
        return Json(false);
      case 'd':
        return Json(static_cast<double>(TRY(take_number<float>())));
      case 'D':
        return Json(TRY(take_number<double>()));
      case 'S':
        return Json(boost::json::string(TRY(take_text())));
      case 'C':
        return Json(boost::json::string(1, static_cast<char>(TRY(take_number<std::uint8_t>()))));
      case '[':
        return read_array(depth);
      case '{':
        return read_object(depth);
      default:
        return Json(TRY(take_integer(mark)));
    }
  }

  // `[`, perhaps with "$type" and "#count" that spare the marks and the end.
  Result<Json> read_array(int depth) {
    JsonArray array;
    char type = 0;
    bool counted = false;
    std::size_t count = 0;
    TRY(read_container_head(type, counted, count));
    if (counted) {
      // Not even of nulls, which take no bytes: some would be gigabytes.
      if (count > bytes_.size() - at_) return broken("an array is longer than the bytes");
      array.reserve(
          std::min<std::size_t>(count, 4096));  // arrays in arrays may claim the same bytes
      for (std::size_t i = 0; i < count; ++i)
        array.push_back(TRY(read_value(type != 0 ? type : TRY(take_mark()), depth + 1)));
      return Json(std::move(array));
    }
    while (true) {
      const char mark = TRY(take_mark());
      if (mark == ']') return Json(std::move(array));
      array.push_back(TRY(read_value(mark, depth + 1)));
    }
  }

  Result<Json> read_object(int depth) {
    JsonObject object;
    char type = 0;
    bool counted = false;
    std::size_t count = 0;
    TRY(read_container_head(type, counted, count));
    for (std::size_t i = 0; !counted || i < count; ++i) {
      if (!counted && at_ < bytes_.size() && bytes_[at_] == '}') {
        ++at_;
        break;
      }
      const std::string_view key = TRY(take_text());
      object[key] = TRY(read_value(type != 0 ? type : TRY(take_mark()), depth + 1));
    }
    return Json(std::move(object));
  }

  Result<void> read_container_head(char& type, bool& counted, std::size_t& count) {
    if (at_ < bytes_.size() && bytes_[at_] == '$') {
      ++at_;
      type = TRY(take_mark());
    }
    if (at_ < bytes_.size() && bytes_[at_] == '#') {
      ++at_;
      count = TRY(take_length());
      counted = true;
    } else if (type != 0) {
      return broken("a typed container without a count");
    }
    return {};
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Json> parse_ubjson(std::string_view bytes) { return Reader(bytes).read_document(); }

}  // namespace slipway::serving::trees
