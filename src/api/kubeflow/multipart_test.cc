#include "api/kubeflow/multipart.h"

#include <gtest/gtest.h>

namespace slipway::api::kubeflow {
namespace {

constexpr const char* kType = "multipart/form-data; boundary=B";

TEST(Multipart, FindsTheFirstFile) {
  const struct {
    const char *name, *type, *body, *file, *content;
  } cases[] = {
      {"one file", kType,
       "--B\r\nContent-Disposition: form-data; name=\"uploadfile\"; filename=\"p.yaml\"\r\n"
       "Content-Type: text/yaml\r\n\r\na: 1\r\n\r\nb\r\n--B--\r\n",
       "p.yaml", "a: 1\r\n\r\nb"},
      {"behind a field and a preamble", "Multipart/Form-Data; charset=x; BOUNDARY=\"B\"",
       "talk\r\n--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B\r\n"
       "content-disposition: form-data; filename=x\r\n\r\n\r\n--B--",
       "x", ""},
  };
  for (const auto& [name, type, body, file, content] : cases) {
    const auto found = find_form_file(type, body);
    ASSERT_TRUE(found) << name << ": " << found.error().message;
    EXPECT_EQ(found->file_name, file) << name;
    EXPECT_EQ(found->content, content) << name;
  }
}

TEST(Multipart, SaysWhatIsMissing) {
  const struct {
    const char *name, *type, *body;
  } cases[] = {
      {"no form", "application/json", "{}"},
      {"no boundary", "multipart/form-data", "--B\r\n"},
      {"empty", kType, ""},
      {"no file", kType, "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--"},
      {"cut off", kType, "--B\r\nContent-Disposition: form-data; filename=a\r\n\r\n1"},
      {"cut off in the head", kType, "--B\r\nContent-Disposition: form-data; filename=a"},
  };
  for (const auto& [name, type, body] : cases) {
    const auto found = find_form_file(type, body);
    ASSERT_FALSE(found) << name;
    EXPECT_EQ(found.error().code, Code::kInvalidArgument) << name;
  }
}

}  // namespace
}  // namespace slipway::api::kubeflow
