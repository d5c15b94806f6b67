#include "cli/table.h"

#include <algorithm>

#include "versions/content.h"

namespace slipway::cli {
namespace {

// Columns on screen: continuation bytes of UTF-8 take no room.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace

const Json& member_at(const Json& row, std::string_view path) {
  static const Json null;
  const Json* at = &row;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    if (!at->is_object()) return null;
    at = at->get_object().if_contains(path.substr(0, dot));
    if (at == nullptr) return null;
    path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
  }
  return *at;
}

std::string cell(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return std::string(std::string_view(value.get_string()));
  if (value.is_double()) return fmt::format("{:.6g}", value.get_double());
  if (value.is_array()) {
    std::string out;
    for (const Json& item : value.get_array()) out += (out.empty() ? "" : ", ") + cell(item);
    return out.empty() ? "-" : out;
  }
  if (value.is_object()) {
    std::string out;
    for (const auto& [name, item] : value.get_object())
      out += (out.empty() ? "" : ", ") + std::string(std::string_view(name)) + "=" + cell(item);
    return out.empty() ? "-" : out;
  }
  return base::to_text(value);
}

std::string shown_cell(const Json& value) {
  return versions::shown_name(cell(value), versions::For::kTerminal);
}

std::string table(const JsonArray& rows, const std::vector<TableColumn>& columns) {
  std::vector<std::string> headings;
  std::vector<std::size_t> widths;
  std::vector<bool> right;
  for (const TableColumn& column : columns) {
    headings.push_back(versions::shown_name(column.heading, versions::For::kTerminal));
    std::size_t widest = width(headings.back());
    bool numbers = !rows.empty();
    for (const Json& row : rows) {
      const Json& value = member_at(row, column.member);
      widest = std::max(widest, width(shown_cell(value)));
      numbers = numbers && (value.is_number() || value.is_null());
    }
    widths.push_back(widest);
    right.push_back(numbers);
  }
  std::string out;
  const auto line = [&](const std::function<std::string(std::size_t)>& text_of) {
    std::string row;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string text = text_of(i);
      const std::string padding(widths[i] - std::min(widths[i], width(text)), ' ');
      row += (i == 0 ? "" : "  ") + (right[i] ? padding + text : text + padding);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + "\n";
  };
  line([&](std::size_t i) { return headings[i]; });
  for (const Json& row : rows)
    line([&](std::size_t i) { return shown_cell(member_at(row, columns[i].member)); });
  if (rows.empty()) out += "(none)\n";
  return out;
}

std::string text_at(const Json& row, std::string_view path) {
  const Json& found = member_at(row, path);
  return found.is_null() ? "" : cell(found);
}

const JsonArray& list_at(const Json& row, std::string_view path) {
  static const JsonArray kNone;
  const Json& found = member_at(row, path);
  return found.is_array() ? found.get_array() : kNone;
}

}  // namespace slipway::cli
