// CSV as pandas reads it.
#include "api/predict/csv_batch.h"

#include <gtest/gtest.h>

#include "api/predict/testing/shown_batch.h"

namespace slipway::api::predict {
namespace {

using testing::shown;

using serving::DataType;
using serving::InputSpec;

const std::vector<InputSpec> kInputs = {{.name = "n"}, {.name = "t", .type = DataType::kBytes}};

TEST(Csv, ReadsWhatPandasWrites) {
  struct Case {
    const char* body;
    const char* expected;
  };
  const Case cases[] = {
      {"n,t\n1,u\n2.5,v\n", "n=1 t='u' | n=2.5 t='v' | "},
      {"n,t\r\n1,u", "n=1 t='u' | "},
      {"\xEF\xBB\xBFt,n\n7,7\n", "t='7' n=7 | "},
      {",n,t\n0,1,u\n", "=0 n=1 t='u' | "},
      {"n,t\n,\nNaN,NA\n", "n= t= | n= t= | "},
      {"n,t\n1,\"a,\"\"b\"\"\nc\"\n", "n=1 t='a,\"b\"\nc' | "},
      {"n,x\nTrue,1e3\n\n-inf,w\n", "n=1 x=1000 | n=-inf x='w' | "},
      {"n,t\n1\n", "n=1 t= | "},
      {"n,t\n", ""},
  };
  CsvReader reader;
  for (const Case& c : cases) {
    const auto batch = reader.read(c.body, kInputs);
    ASSERT_TRUE(batch) << c.body << batch.error().message;
    EXPECT_EQ(shown(*batch), c.expected) << c.body;
  }
}

TEST(Csv, SaysWhatIsWrong) {
  struct Case {
    const char* body;
    const char* says;
  };
  const Case cases[] = {
      {"", "no header"},
      {"n,n\n1,2\n", "column=n"},
      {"n,t\n1,u,v\n", "row 0 has more fields"},
      {"n\nmany\n", "row 0 column n must be a number: got=\"many\""},
      {"n\n1\n9007199254740993\n", "row 1 column n is beyond 2^53"},
      {"n\n\"1", "does not end"},
      {"n\n\"1\"2\n", "behind a quoted field"},
      {"n\n\xFF\n", "UTF-8"},
  };
  CsvReader reader;
  for (const Case& c : cases) {
    const auto batch = reader.read(c.body, kInputs);
    ASSERT_FALSE(batch) << c.body;
    EXPECT_EQ(batch.error().code, Code::kInvalidArgument);
    EXPECT_NE(batch.error().message.find(c.says), std::string::npos) << batch.error().message;
  }
}

}  // namespace
}  // namespace slipway::api::predict
