#include "types/yaml_tree.h"

#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "base/check.h"

namespace slipway::types {
namespace {

constexpr std::size_t kNestingMax = 256;
constexpr std::uint64_t kSizeMax = std::uint64_t{1} << 40;  // counted no further

YamlPlace place_of(const yaml_mark_t& mark) {
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

template <typename... Args>
Error error_at(const YamlPlace& place, fmt::format_string<Args...> format, Args&&... args) {
  return base::error(Code::kInvalidArgument, "{}: {}", place.text(),
                     fmt::format(format, std::forward<Args>(args)...));
}

std::string text_of(const yaml_char_t* text) {
  return text == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(text));
}

// Core schema, https://yaml.org/spec/1.2.2/#1032-tag-resolution.
bool is_null(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    CHECK(yaml_parser_initialize(&parser_) == 1);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Parser() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // Valid until the next call.
  Result<const yaml_event_t*> next() {
    yaml_event_delete(&event_);
    if (yaml_parser_parse(&parser_, &event_) == 1) return &event_;
    const std::string_view problem = parser_.problem == nullptr ? "" : parser_.problem;
    return error_at(problem_place(), "not valid YAML: {}", problem);
  }

 private:
  YamlPlace problem_place() const {
    const YamlPlace marked = place_of(parser_.problem_mark);
    const auto lines = static_cast<std::uint32_t>(std::count(text_.begin(), text_.end(), '\n') + 1);
    if (parser_.error != YAML_READER_ERROR && marked.line <= lines) return marked;
    // Bytes that are no text have an offset alone, and the end of the text lies behind a line that
    // isn't there.
    const std::string_view before =
        text_.substr(0, parser_.error == YAML_READER_ERROR ? parser_.problem_offset : text_.size());
    const std::size_t line_start = before.rfind('\n') + 1;  // 0 where there is none
    return {static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n') + 1),
            static_cast<std::uint32_t>(before.size() - line_start + 1)};
  }

  const std::string_view text_;
  yaml_parser_t parser_;
  yaml_event_t event_{};
};

}  // namespace

std::string YamlPlace::text() const { return fmt::format("line {}, column {}", line, column); }

class YamlTree::Builder {
 public:
  explicit Builder(YamlTree& tree) : tree_(tree) {}

  Result<void> take(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        anchors_.clear();
        return {};
      case YAML_ALIAS_EVENT:
        return take_alias(event);
      case YAML_SCALAR_EVENT:
        take_scalar(event);
        return {};
      case YAML_SEQUENCE_START_EVENT:
        return open(event, YamlItem::Kind::kList, event.data.sequence_start.style,
                    event.data.sequence_start.tag, event.data.sequence_start.anchor);
      case YAML_MAPPING_START_EVENT:
        return open(event, YamlItem::Kind::kMap, event.data.mapping_start.style,
                    event.data.mapping_start.tag, event.data.mapping_start.anchor);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        close();
        return {};
      default:
        return {};
    }
  }

 private:
  struct Open {
    std::uint32_t index;
    std::size_t waiting_from;  // its children so far, in waiting_
  };

  Result<void> take_alias(const yaml_event_t& event) {
    const std::string name = text_of(event.data.alias.anchor);
    const auto found = anchors_.find(name);
    if (found == anchors_.end())
      return error_at(place_of(event.start_mark), "not valid YAML: no such anchor: name={}", name);
    if (tree_.items_[found->second].size == 0)
      return error_at(place_of(event.start_mark),
                      "not valid YAML: an alias of what it is part of: name={}", name);
    add(found->second);
    return {};
  }

  void take_scalar(const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    const bool is_plain = scalar.style == YAML_PLAIN_SCALAR_STYLE;
    YamlItem item{.kind = YamlItem::Kind::kScalar,
                  .style = scalar.style,
                  .is_plain = is_plain,
                  .place = place_of(event.start_mark)};
    item.text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    item.tag = text_of(scalar.tag);
    if (is_plain && item.tag.empty() && is_null(item.text)) item.kind = YamlItem::Kind::kNull;
    add(make(std::move(item), scalar.anchor));
  }

  Result<void> open(const yaml_event_t& event, YamlItem::Kind kind, int style,
                    const yaml_char_t* tag, const yaml_char_t* anchor) {
    const YamlPlace place = place_of(event.start_mark);
    if (open_.size() == kNestingMax)
      return error_at(place, "nested too deep: nesting_max={}", kNestingMax);
    YamlItem item{.kind = kind, .style = style, .is_plain = false, .place = place, .size = 0};
    item.tag = text_of(tag);
    open_.push_back({.index = make(std::move(item), anchor), .waiting_from = waiting_.size()});
    return {};
  }

  void close() {
    const Open done = open_.back();
    open_.pop_back();
    YamlItem& item = tree_.items_[done.index];
    item.first = static_cast<std::uint32_t>(tree_.children_.size());
    item.count = static_cast<std::uint32_t>(waiting_.size() - done.waiting_from);
    item.size = 1;
    for (std::size_t i = done.waiting_from; i < waiting_.size(); ++i) {
      tree_.children_.push_back(waiting_[i]);
      item.size = std::min(item.size + tree_.items_[waiting_[i]].size, kSizeMax);
    }
    waiting_.resize(done.waiting_from);
    add(done.index);
  }

  std::uint32_t make(YamlItem item, const yaml_char_t* anchor) {
    const auto index = static_cast<std::uint32_t>(tree_.items_.size());
    tree_.items_.push_back(std::move(item));
    if (anchor != nullptr) anchors_[text_of(anchor)] = index;
    return index;
  }

  void add(std::uint32_t index) { (open_.empty() ? tree_.roots_ : waiting_).push_back(index); }

  YamlTree& tree_;
  std::vector<Open> open_;
  std::vector<std::uint32_t> waiting_;
  std::unordered_map<std::string, std::uint32_t> anchors_;
};

Result<std::shared_ptr<const YamlTree>> YamlTree::parse(std::string_view text) {
  auto tree = std::make_shared<YamlTree>();
  Builder builder(*tree);
  Parser parser(text);
  for (;;) {
    const yaml_event_t* event = TRY(parser.next());
    if (event->type == YAML_STREAM_END_EVENT) break;
    TRY(builder.take(*event));
  }
  if (tree->roots_.empty()) {
    tree->items_.emplace_back();
    tree->roots_.push_back(0);
  }
  return std::shared_ptr<const YamlTree>(tree);
}

namespace {

class Writer {
 public:
  explicit Writer(const YamlTree& tree) : tree_(tree) {
    CHECK(yaml_emitter_initialize(&emitter_) == 1);
    yaml_emitter_set_unicode(&emitter_, 1);
    yaml_emitter_set_width(&emitter_, -1);
    yaml_emitter_set_output(
        &emitter_,
        [](void* out, unsigned char* bytes, std::size_t count) {
          static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(bytes), count);
          return 1;
        },
        &out_);
  }
  ~Writer() { yaml_emitter_delete(&emitter_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  std::string write(std::uint32_t index) {
    yaml_event_t event;
    emit(event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(event, yaml_document_start_event_initialize(&event, nullptr, nullptr, nullptr, 1));
    write_item(tree_.item(index));
    emit(event, yaml_document_end_event_initialize(&event, 1));
    emit(event, yaml_stream_end_event_initialize(&event));
    return std::move(out_);
  }

 private:
  // What was read can be written; anything else is out of memory.
  void emit(yaml_event_t& event, int made) {
    CHECK(made == 1 && yaml_emitter_emit(&emitter_, &event) == 1);
  }

  void write_item(const YamlItem& item) {
    yaml_event_t event;
    const auto* tag =
        item.tag.empty() ? nullptr : reinterpret_cast<const yaml_char_t*>(item.tag.c_str());
    const int untagged = tag == nullptr ? 1 : 0;
    switch (item.kind) {
      case YamlItem::Kind::kNull:
      case YamlItem::Kind::kScalar: {
        const std::string_view text =
            item.kind == YamlItem::Kind::kNull ? std::string_view("~") : item.text;
        emit(event, yaml_scalar_event_initialize(&event, nullptr, tag,
                                                 reinterpret_cast<const yaml_char_t*>(text.data()),
                                                 static_cast<int>(text.size()), untagged, untagged,
                                                 static_cast<yaml_scalar_style_t>(item.style)));
        return;
      }
      case YamlItem::Kind::kList:
        emit(event,
             yaml_sequence_start_event_initialize(&event, nullptr, tag, untagged,
                                                  static_cast<yaml_sequence_style_t>(item.style)));
        for (const std::uint32_t child : tree_.children(item)) write_item(tree_.item(child));
        emit(event, yaml_sequence_end_event_initialize(&event));
        return;
      case YamlItem::Kind::kMap:
        emit(event,
             yaml_mapping_start_event_initialize(&event, nullptr, tag, untagged,
                                                 static_cast<yaml_mapping_style_t>(item.style)));
        for (const std::uint32_t child : tree_.children(item)) write_item(tree_.item(child));
        emit(event, yaml_mapping_end_event_initialize(&event));
        return;
    }
  }

  const YamlTree& tree_;
  std::string out_;
  yaml_emitter_t emitter_;
};

}  // namespace

std::string YamlTree::dump(std::uint32_t index) const { return Writer(*this).write(index); }

}  // namespace slipway::types
