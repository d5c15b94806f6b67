// Server-sent events as a command reads them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace slipway::cli {

struct StreamEvent {
  std::string name, id, data;
};

// Takes pieces of a stream of server-sent events, gives whole events. The WHATWG standard's form,
// as far as our server writes it: fields and an empty line, lines ended by \n.
class EventReader {
 public:
  template <typename Each>
  void read(std::string_view piece, Each&& each) {
    text_ += piece;
    for (std::size_t end = 0; (end = text_.find('\n')) != std::string::npos;) {
      const std::string line = text_.substr(0, end);
      text_.erase(0, end + 1);
      if (!line.empty()) {
        add(line);
      } else if (!event_.data.empty()) {
        each(std::exchange(event_, {}));
      }
    }
  }

 private:
  void add(const std::string& line) {
    const auto value = [&](std::string_view field) -> std::optional<std::string> {
      if (!line.starts_with(field)) return std::nullopt;
      return line.substr(line[field.size()] == ' ' ? field.size() + 1 : field.size());
    };
    if (auto name = value("event:")) event_.name = std::move(*name);
    if (auto id = value("id:")) event_.id = std::move(*id);
    if (auto data = value("data:")) event_.data += *data;
  }

  std::string text_;
  StreamEvent event_;
};

}  // namespace slipway::cli
