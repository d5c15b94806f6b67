#include "store/postgres_url.h"

#include <gtest/gtest.h>

namespace slipway::store {
namespace {

TEST(PostgresUrl, UnderstandsWhatPeopleHaveInTheirSettings) {
  const std::pair<std::string_view, std::string_view> good[] = {
      {"postgresql://h/d", "postgresql://h/d"},
      {"postgres://u:p@h:5432/d?sslmode=require", "postgresql://u:p@h:5432/d?sslmode=require"},
      {"postgresql+psycopg2://u:p@h/d", "postgresql://u:p@h/d"},
      {"postgresql:///d?host=/run/pg", "postgresql:///d?host=/run/pg"}};
  for (const auto& [given, parsed] : good) EXPECT_EQ(parse_postgres_url(given).value(), parsed);
}

TEST(PostgresUrl, RefusesOthersWithoutRepeatingThem) {
  for (const std::string_view url :
       {"", "postgresql", "mysql://u:secret@h/d", "sqlite:///x",
        "postgresql://u:secret@h/d?sslmod=x", "postgresql://u:%zzsecret@h/d"}) {
    const auto parsed = parse_postgres_url(url);
    ASSERT_FALSE(parsed) << url;
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
    EXPECT_EQ(parsed.error().message.find("secret"), std::string::npos) << parsed.error().message;
  }
}

TEST(PostgresUrl, HidesPasswords) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {"postgresql://h/d", "postgresql://h/d"},
      {"postgresql://u@h:5432/d", "postgresql://u@h:5432/d"},
      {"postgresql://u:secret@h:5432/d", "postgresql://u:***@h:5432/d"},
      {"postgresql://u:se:cr@et@h:5432/d", "postgresql://u:***@h:5432/d"},
      {"postgresql://u:secret@h", "postgresql://u:***@h"},
      {"postgresql://h/d?user=u&password=secret&sslmode=require",
       "postgresql://h/d?user=u&password=***&sslmode=require"},
      {"postgresql://h/d?sslpassword=a&password=b",
       "postgresql://h/d?sslpassword=***&password=***"}};
  for (const auto& [url, shown] : cases) EXPECT_EQ(without_password(url), shown);
}

TEST(PostgresUrl, SchemasNeedNoQuotes) {
  for (const std::string_view name : {"slipway", "a_1", "public"})
    EXPECT_TRUE(check_schema_name(name)) << name;
  EXPECT_TRUE(check_schema_name(std::string(63, 'a')));
  for (const std::string_view name : {"", "1a", "A", "a-b", "a;b", "a b", "pg_x"})
    EXPECT_FALSE(check_schema_name(name)) << name;
  EXPECT_FALSE(check_schema_name(std::string(64, 'a')));
}

}  // namespace
}  // namespace slipway::store
