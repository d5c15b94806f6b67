// Just enough XML to read what S3 answers: elements and text. Attributes, comments and processing
// instructions are skipped; document types are refused. Pure; fuzzed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slipway::store {

struct XmlElement {
  std::string name;  // without its namespace prefix
  std::string text;  // all of it that is directly inside, decoded
  std::vector<XmlElement> children;

  // The first child of that name; nullptr when there is none.
  const XmlElement* child(std::string_view child_name) const;
  // Its text; empty when there is none.
  std::string child_text(std::string_view child_name) const;
};

// The root element. kInvalidArgument: not well-formed, nested deeper than 64, or of more than
// 200,000 elements.
Result<XmlElement> parse_xml(std::string_view text);

// The text with &, <, > and quotes escaped.
std::string xml_escape(std::string_view text);

}  // namespace slipway::store
