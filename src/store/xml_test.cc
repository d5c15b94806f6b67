#include "store/xml.h"

#include <gtest/gtest.h>

namespace slipway::store {
namespace {

TEST(Xml, ReadsWhatS3Answers) {
  const XmlElement root = parse_xml(R"(<?xml version="1.0" encoding="UTF-8"?>
<!-- a page -->
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <IsTruncated>false</IsTruncated>
  <Contents><Key>a &amp; b/&#252;&#x20AC;.txt</Key><Size>12</Size></Contents>
  <Contents><Key><![CDATA[<odd>]]></Key><Size>0</Size></Contents>
  <s3:Empty attribute="x"/>
</ListBucketResult>
)")
                              .value();
  EXPECT_EQ(root.name, "ListBucketResult");
  EXPECT_EQ(root.child_text("IsTruncated"), "false");
  EXPECT_EQ(root.children[1].child_text("Key"), "a & b/ü€.txt");
  EXPECT_EQ(root.children[2].child_text("Key"), "<odd>");
  EXPECT_NE(root.child("Empty"), nullptr);
  EXPECT_EQ(root.child("Nothing"), nullptr);
  EXPECT_EQ(root.child_text("Nothing"), "");
}

TEST(Xml, RefusesWhatIsBroken) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<a>";
  for (const std::string& text : std::vector<std::string>{
           "", "text", "<", "<>", "<a", "<a>", "<a></b>", "<a></a>x", "<a>&nothing;</a>",
           "<a>&#0;</a>", "<a>&#x110000;</a>", "<a>&lt</a>", "<a><![CDATA[</a>", "<a><!--</a>",
           "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", deep}) {
    EXPECT_EQ(parse_xml(text).error().code, Code::kInvalidArgument) << text;
  }
}

TEST(Xml, EscapedTextReadsBack) {
  const std::string odd = "a<b>&\"c\"";
  EXPECT_EQ(parse_xml("<a>" + xml_escape(odd) + "</a>").value().text, odd);
}

}  // namespace
}  // namespace slipway::store
