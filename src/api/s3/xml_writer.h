// Replies in XML, element by element. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace slipway::api::s3 {

class XmlWriter {
 public:
  // The first one is the root, with S3's namespace but for errors, which have none.
  XmlWriter& open(std::string_view name);
  XmlWriter& text(std::string_view name, std::string_view value);
  XmlWriter& close();  // what was opened last

  std::string take();  // CHECKs: everything is closed

 private:
  std::string out_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  std::vector<std::string> open_;
  bool has_root_ = false;
};

}  // namespace slipway::api::s3
