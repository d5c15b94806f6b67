#include "pipelines/command_template.h"

#include <algorithm>

namespace slipway::pipelines {
namespace {

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool continues_name(char c) { return starts_name(c) || (c >= '0' && c <= '9') || c == '-'; }

bool is_plain(std::string_view value) {
  if (value.empty()) return false;
  return std::all_of(value.begin(), value.end(), [](char c) {
    return continues_name(c) || std::string_view("./:=@%+,").find(c) != std::string_view::npos;
  });
}

// Length of the reference at `text[at]`, braces included; 0 when there is none.
std::size_t reference_length(std::string_view text, std::size_t at, Items items) {
  if (text[at] != '{' || at + 2 >= text.size() || !starts_name(text[at + 1])) return 0;
  std::size_t end = at + 2;
  while (end < text.size() && continues_name(text[end])) ++end;
  if (items == Items::kAllowed && text.substr(at + 1, end - at - 1) == "item") {
    while (end + 1 < text.size() && text[end] == '.' && continues_name(text[end + 1])) {
      ++end;
      while (end < text.size() && continues_name(text[end])) ++end;
    }
  }
  return end < text.size() && text[end] == '}' ? end + 1 - at : 0;
}

// Length of "{{name}}" at `text[at]`; 0 when there is none.
std::size_t escaped_length(std::string_view text, std::size_t at, Items items) {
  if (text[at] != '{' || at + 1 >= text.size()) return 0;
  std::size_t inner = reference_length(text, at + 1, items);
  std::size_t end = at + 1 + inner;
  return inner > 0 && end < text.size() && text[end] == '}' ? inner + 2 : 0;
}

}  // namespace

std::vector<CommandPiece> parse_command(std::string_view text, Items items) {
  std::vector<CommandPiece> pieces;
  std::string literal;
  Quoting quoting = Quoting::kNone;
  auto end_literal = [&] {
    if (!literal.empty()) pieces.push_back({CommandPiece::Kind::kText, literal, Quoting::kNone});
    literal.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '\\' && quoting != Quoting::kSingle && i + 1 < text.size()) {
      literal += c;
      literal += text[++i];
      continue;
    }
    if (c == '\'' && quoting != Quoting::kDouble) {
      quoting = quoting == Quoting::kSingle ? Quoting::kNone : Quoting::kSingle;
    } else if (c == '"' && quoting != Quoting::kSingle) {
      quoting = quoting == Quoting::kDouble ? Quoting::kNone : Quoting::kDouble;
    } else if (c == '$' && i + 1 < text.size() && text[i + 1] == '{' &&
               quoting != Quoting::kSingle) {
      literal += "${";
      ++i;
      continue;
    } else if (std::size_t escaped = escaped_length(text, i, items); escaped > 0) {
      literal += text.substr(i + 1, escaped - 2);
      i += escaped - 1;
      continue;
    } else if (std::size_t length = reference_length(text, i, items); length > 0) {
      end_literal();
      pieces.push_back(
          {CommandPiece::Kind::kReference, std::string(text.substr(i + 1, length - 2)), quoting});
      i += length - 1;
      continue;
    }
    literal += c;
  }
  end_literal();
  return pieces;
}

std::vector<std::string> references(const std::vector<CommandPiece>& pieces) {
  std::vector<std::string> names;
  for (const CommandPiece& piece : pieces) {
    if (piece.kind != CommandPiece::Kind::kReference) continue;
    if (std::find(names.begin(), names.end(), piece.text) == names.end()) {
      names.push_back(piece.text);
    }
  }
  return names;
}

std::string quote_for_shell(std::string_view value, Quoting quoting) {
  std::string out;
  switch (quoting) {
    case Quoting::kNone:
      if (is_plain(value)) return std::string(value);
      return "'" + quote_for_shell(value, Quoting::kSingle) + "'";
    case Quoting::kSingle:
      for (char c : value) {
        if (c == '\'') {
          out += "'\\''";
        } else {
          out += c;
        }
      }
      return out;
    case Quoting::kDouble:
      for (char c : value) {
        if (c == '"' || c == '\\' || c == '$' || c == '`') out += '\\';
        out += c;
      }
      return out;
  }
  return out;
}

std::string render_command(const std::vector<CommandPiece>& pieces,
                           const std::function<std::string(const std::string& name)>& value_of) {
  std::string out;
  for (const CommandPiece& piece : pieces) {
    if (piece.kind == CommandPiece::Kind::kText) {
      out += piece.text;
    } else {
      out += quote_for_shell(value_of(piece.text), piece.quoting);
    }
  }
  return out;
}

std::string render_text(const std::vector<CommandPiece>& pieces,
                        const std::function<std::string(const std::string& name)>& value_of) {
  std::string out;
  for (const CommandPiece& piece : pieces)
    out += piece.kind == CommandPiece::Kind::kText ? piece.text : value_of(piece.text);
  return out;
}

}  // namespace slipway::pipelines
