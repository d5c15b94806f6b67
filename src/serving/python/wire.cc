#include "serving/python/wire.h"

#include <cstring>
#include <optional>

namespace slipway::serving::python {
namespace {

using Word = std::uint64_t;
constexpr std::size_t kWordBytes = sizeof(Word);

enum class Kind : Word { kNumbers, kTexts, kTensor, kTensorTexts, kAbsent };
enum class Held : Word { kFloats, kDoubles, kIntegers, kTexts };
enum class Status : Word { kOk, kFailed, kLoaded };
enum class Failure : Word { kInvalid, kInternal, kMemory };

constexpr std::size_t kHeadWords = 4;
constexpr std::size_t kOutputsMax = 10'000;
constexpr std::size_t kDimensionsMax = 32;
constexpr std::size_t kTextBytesMax = 64 << 10;  // of an error or a name

std::size_t aligned(std::size_t bytes) {
  return (bytes + kWordBytes - 1) / kWordBytes * kWordBytes;
}

std::size_t bytes_of(std::span<const std::string_view> texts) {
  std::size_t bytes = texts.size() * (kWordBytes + 1);
  for (const std::string_view text : texts) bytes += text.size();
  return bytes;
}

struct Shown {
  Kind kind = Kind::kNumbers;
  std::size_t bytes = 0;
  std::span<const std::int64_t> shape;
};

Shown show(const InputView& input, std::size_t rows) {
  if (input.numbers != nullptr) return {.kind = Kind::kNumbers, .bytes = rows * sizeof(double)};
  if (input.texts != nullptr) return {.kind = Kind::kTexts, .bytes = bytes_of({input.texts, rows})};
  if (input.tensor == nullptr) return {.kind = Kind::kAbsent};
  const Tensor& tensor = *input.tensor;
  if (tensor.type == DataType::kBytes)
    return {.kind = Kind::kTensorTexts, .bytes = bytes_of(tensor.texts), .shape = tensor.shape};
  return {.kind = Kind::kTensor, .bytes = tensor.bytes.size(), .shape = tensor.shape};
}

void write_texts(std::span<const std::string_view> texts, std::byte* at) {
  std::byte* there = at + texts.size() * kWordBytes;
  std::byte* bytes = there + texts.size();
  Word end = 0;
  for (const std::string_view text : texts) {
    if (!text.empty()) std::memcpy(bytes + end, text.data(), text.size());
    end += text.size();
    std::memcpy(at, &end, kWordBytes);
    at += kWordBytes;
    *there++ = static_cast<std::byte>(text.data() != nullptr);
  }
}

Error foreign() { return base::error(Code::kInternal, "the model's process gave no answer"); }

// Reads words and bytes of an answer, each of them once.
class AnswerReader {
 public:
  explicit AnswerReader(std::span<const std::byte> memory) : memory_(memory) {}

  Result<Word> word() {
    if (memory_.size() - at_ < kWordBytes) return foreign();
    Word value = 0;
    std::memcpy(&value, memory_.data() + at_, kWordBytes);
    at_ += kWordBytes;
    return value;
  }
  Result<std::span<const std::byte>> bytes(Word offset, Word count) const {
    if (offset > memory_.size() || count > memory_.size() - offset) return foreign();
    return memory_.subspan(offset, count);
  }
  Result<std::string> text(Word offset, Word count) const {
    const auto found = TRY(bytes(offset, std::min<Word>(count, kTextBytesMax)));
    return std::string(reinterpret_cast<const char*>(found.data()), found.size());
  }
  Result<std::string> text() {
    const Word offset = TRY(word());
    const Word count = TRY(word());
    return text(offset, count);
  }
  // A loaded model's description may be long.
  Result<std::string> whole_text() {
    const Word offset = TRY(word());
    const auto found = TRY(bytes(offset, TRY(word())));
    return std::string(reinterpret_cast<const char*>(found.data()), found.size());
  }

 private:
  const std::span<const std::byte> memory_;
  std::size_t at_ = 0;
};

template <typename Number>
Result<void> read_numbers(std::span<const std::byte> bytes, std::size_t count, Output& output) {
  if (bytes.size() / sizeof(Number) != count || bytes.size() % sizeof(Number) != 0)
    return foreign();
  if (!std::holds_alternative<std::vector<Number>>(output.values))
    output.values = std::vector<Number>();
  auto& values = std::get<std::vector<Number>>(output.values);
  values.resize(count);
  if (count > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
  return {};
}

Result<void> read_texts(std::span<const std::byte> bytes, std::size_t count, Output& output) {
  if (bytes.size() / kWordBytes < count) return foreign();
  const std::span<const std::byte> texts = bytes.subspan(count * kWordBytes);
  std::vector<std::string> values(count);
  Word start = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Word end = 0;
    std::memcpy(&end, bytes.data() + i * kWordBytes, kWordBytes);
    if (end < start || end > texts.size()) return foreign();
    values[i].assign(reinterpret_cast<const char*>(texts.data()) + start, end - start);
    start = end;
  }
  output.values = std::move(values);
  return {};
}

Result<void> read_output(AnswerReader& reader, std::size_t rows, Output& output) {
  const Word type = TRY(reader.word());
  const Word held = TRY(reader.word());
  const Word offset = TRY(reader.word());
  const auto bytes = TRY(reader.bytes(offset, TRY(reader.word())));
  output.name = TRY(reader.text());
  const Word dimensions = TRY(reader.word());
  if (type > static_cast<Word>(DataType::kBytes) || dimensions < 1 || dimensions > kDimensionsMax)
    return foreign();
  output.type = static_cast<DataType>(type);
  output.row_shape.clear();
  if (TRY(reader.word()) != rows) return foreign();
  std::size_t count = rows;
  for (Word i = 1; i < dimensions; ++i) {
    const Word size = TRY(reader.word());
    // No value is smaller than four bytes.
    if (size > bytes.size() || (size > 0 && count > bytes.size() / size)) return foreign();
    count *= size;
    output.row_shape.push_back(static_cast<std::int64_t>(size));
  }
  if ((static_cast<Held>(held) == Held::kTexts) != (output.type == DataType::kBytes))
    return foreign();
  switch (static_cast<Held>(held)) {
    case Held::kFloats:
      return read_numbers<float>(bytes, count, output);
    case Held::kDoubles:
      return read_numbers<double>(bytes, count, output);
    case Held::kIntegers:
      return read_numbers<std::int64_t>(bytes, count, output);
    case Held::kTexts:
      return read_texts(bytes, count, output);
  }
  return foreign();
}

Error failure(Word what, std::string text) {
  switch (static_cast<Failure>(what)) {
    case Failure::kInvalid:
      return base::error(Code::kInvalidArgument, "{}", text);
    case Failure::kMemory:
      return base::error(Code::kUnavailable, "the model needs more memory than it may have: {}",
                         text);
    case Failure::kInternal:
      break;
  }
  return base::error(Code::kInternal, "the model failed: {}", text);
}

}  // namespace

std::size_t request_bytes(const ModelShape& shape, const ModelCall& call) {
  std::size_t bytes = kHeadWords * kWordBytes + aligned(call.params.size());
  for (std::size_t i = 0; i < shape.inputs.size(); ++i) {
    const Shown shown = show(call.inputs[i], call.rows);
    bytes += (4 + shown.shape.size()) * kWordBytes + aligned(shown.bytes);
  }
  return bytes;
}

void write_request(const ModelShape& shape, const ModelCall& call, std::span<std::byte> memory) {
  std::vector<Word> words = {call.rows, 0, call.params.size(), 0};
  std::size_t at = kHeadWords * kWordBytes;
  for (const InputView& input : call.inputs)
    at += (4 + show(input, call.rows).shape.size()) * kWordBytes;
  words[3] = at / kWordBytes - kHeadWords;
  words[1] = at;
  const auto put = [&](std::span<const std::byte> bytes) {
    CHECK(at + bytes.size() <= memory.size());
    if (!bytes.empty()) std::memcpy(memory.data() + at, bytes.data(), bytes.size());
  };
  put(std::as_bytes(std::span(call.params)));
  at += aligned(call.params.size());
  for (std::size_t i = 0; i < shape.inputs.size(); ++i) {
    const InputView& input = call.inputs[i];
    const Shown shown = show(input, call.rows);
    words.insert(words.end(), {static_cast<Word>(shown.kind),
                               static_cast<Word>(shape.inputs[i].type), at, shown.shape.size()});
    words.insert(words.end(), shown.shape.begin(), shown.shape.end());
    CHECK(at + shown.bytes <= memory.size());
    switch (shown.kind) {
      case Kind::kNumbers:
        put(std::as_bytes(std::span(input.numbers, call.rows)));
        break;
      case Kind::kTexts:
        write_texts({input.texts, call.rows}, memory.data() + at);
        break;
      case Kind::kTensor:
        put(input.tensor->bytes);
        break;
      case Kind::kTensorTexts:
        write_texts(input.tensor->texts, memory.data() + at);
        break;
      case Kind::kAbsent:
        break;
    }
    at += aligned(shown.bytes);
  }
  std::memcpy(memory.data(), words.data(), words.size() * kWordBytes);
}

Result<void> read_answer(std::span<const std::byte> memory, std::size_t rows,
                         std::vector<Output>& outputs) {
  AnswerReader reader(memory);
  const Word status = TRY(reader.word());
  const Word second = TRY(reader.word());
  if (status == static_cast<Word>(Status::kFailed)) return failure(second, TRY(reader.text()));
  if (status != static_cast<Word>(Status::kOk) || second < 1 || second > kOutputsMax)
    return foreign();
  outputs.resize(second);
  for (Output& output : outputs) TRY(read_output(reader, rows, output));
  return {};
}

Result<std::string> read_loaded(std::span<const std::byte> memory) {
  AnswerReader reader(memory);
  const Word status = TRY(reader.word());
  TRY(reader.word());
  if (status == static_cast<Word>(Status::kLoaded)) return reader.whole_text();
  if (status != static_cast<Word>(Status::kFailed)) return foreign();
  return base::error(Code::kInvalidArgument, "{}", TRY(reader.text()));
}

}  // namespace slipway::serving::python
