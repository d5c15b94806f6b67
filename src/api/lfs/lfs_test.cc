#include <gtest/gtest.h>

#include <algorithm>

#include "api/lfs/lfs_routes.h"
#include "api/lfs/messages.h"
#include "api/lfs/rules.h"
#include "base/hash.h"
#include "objects/tables.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::api::lfs {
namespace {

using http::Method;
using http::Request;
using http::Response;

class LfsTest : public ::testing::Test {
 protected:
  LfsTest() {
    std::filesystem::create_directory(folder_.path() / "scratch");
    MUST(db_->migrate({objects::migrations()}));
    router_.add_all(
        lfs_routes(files_, contents_,
                   {.file_bytes_max = 1000,
                    .path_prefix = "/prefix",
                    .may_edit = [](const std::string& user) { return user != "reader"; },
                    .may_manage = [](const std::string& user) { return user == "root"; }}));
    router_.set_fallback("/lfs/", no_route);
  }

  Response send(Method method, const std::string& target, std::string_view body = "",
                std::vector<std::pair<std::string_view, std::string_view>> headers = {},
                std::string user = "ada") {
    Request request;
    request.method = method;
    request.target = target;
    request.path = request.target.substr(0, request.target.find('?'));
    request.headers = std::move(headers);
    request.headers.emplace_back("Host", "server:5000");
    request.user = std::move(user);
    std::vector<Method> allowed;
    const http::Route* route = router_.match(request, allowed);
    if (route == nullptr) return router_.no_route(request, allowed);
    if (route->open_sink) {
      auto sink = route->open_sink(request);
      if (!sink) return route->refuse(request, sink.error());
      request.body_sink = std::move(*sink);
      MUST(request.body_sink->write(body));
    } else {
      request.body = body;
    }
    return route->handler(request);
  }
  static JsonObject json(const Response& response) {
    return base::parse_json_object(response.body).value();
  }
  static std::string message(const Response& response) {
    return base::get_string(json(response), "message").value_or("none");
  }
  Response batch(std::string_view operation, std::string_view oid, int size,
                 std::string user = "ada") {
    return send(Method::kPost, "/lfs/r/objects/batch",
                fmt::format(R"({{"operation":"{}","objects":[{{"oid":"{}","size":{}}}]}})",
                            operation, oid, size),
                {{"Authorization", "Basic x"}}, std::move(user));
  }
  static JsonObject first(const Response& response) {
    return json(response)["objects"].as_array().at(0).as_object();
  }
  static std::string lock_id(const Response& response) {
    return std::string(json(response)["lock"].as_object()["id"].as_string());
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'700'000'000'123'456}};
  base::SystemRandom random_;
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "t.db"}, clock_, random_).value();
  objects::Contents contents_{*db_, clock_, random_, folder_.path() / "objects",
                              folder_.path() / "scratch"};
  objects::LfsFiles files_{*db_, clock_, random_, contents_};
  http::Router router_;
  const std::string oid_ = base::sha256_hex("hello");
};

TEST_F(LfsTest, AFileComesAndIsFound) {
  EXPECT_EQ(first(batch("download", oid_, 5))["error"].as_object()["code"].as_int64(), 404);
  const JsonObject asked = first(batch("upload", oid_, 5));
  const JsonObject& upload = asked.at("actions").as_object().at("upload").as_object();
  EXPECT_EQ(upload.at("href").as_string(), "http://server:5000/prefix/lfs/r/objects/" + oid_);
  EXPECT_EQ(upload.at("header").as_object().at("Authorization").as_string(), "Basic x");

  const Response wrong = send(Method::kPut, "/lfs/r/objects/" + oid_, "other");
  EXPECT_EQ(wrong.status, 422);
  EXPECT_NE(message(wrong).find("not what its oid says"), std::string::npos);
  EXPECT_EQ(send(Method::kPut, "/lfs/r/objects/" + oid_, "hello").status, 200);
  EXPECT_EQ(send(Method::kPut, "/lfs/r/objects/" + oid_, "hello").status, 200) << "again";
  EXPECT_FALSE(first(batch("upload", oid_, 5)).contains("actions")) << "nothing to do";
  EXPECT_EQ(first(batch("upload", oid_, 6))["error"].as_object()["code"].as_int64(), 422);
  EXPECT_TRUE(first(batch("download", oid_, 5)).contains("actions"));

  const Response part = send(Method::kGet, "/lfs/r/objects/" + oid_, "", {{"Range", "bytes=2-"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.file->offset, 2u);
  EXPECT_EQ(part.file->bytes, 3u);
  EXPECT_EQ(send(Method::kGet, "/lfs/other/objects/" + oid_).status, 404);
  const std::string empty = base::sha256_hex("");
  EXPECT_EQ(send(Method::kPut, "/lfs/r/objects/" + empty, "").status, 200);
  EXPECT_EQ(send(Method::kGet, "/lfs/r/objects/" + empty).status, 200);
}

TEST_F(LfsTest, WhatIsRefusedSaysWhy) {
  const struct {
    const char* name;
    Response response;
    int status;
    const char* words;
  } cases[] = {
      {"no JSON", send(Method::kPost, "/lfs/r/objects/batch", "{"), 422, ""},
      {"a reader who pushes", batch("upload", oid_, 5, "reader"), 403, "needs EDIT"},
      {"a repository's name", send(Method::kPut, "/lfs/-r/objects/" + oid_, "hello"), 422,
       "repository's name"},
      {"an oid", send(Method::kPut, "/lfs/r/objects/xyz", "hello"), 422, "SHA-256"},
      {"an oid in capitals", send(Method::kGet, "/lfs/r/objects/" + std::string(64, 'A')), 422,
       "SHA-256"},
      {"a path", send(Method::kGet, "/lfs/r/info/lfs"), 404, "lfs.url"},
      {"a limit", send(Method::kGet, "/lfs/r/locks?limit=x"), 422, "limit"},
      {"a lock without a path", send(Method::kPost, "/lfs/r/locks", R"({"path":""})"), 422, "path"},
  };
  std::string many = R"({"operation":"download","objects":[0)";
  for (int i = 0; i < 1000; ++i) many += ",0";
  EXPECT_EQ(send(Method::kPost, "/lfs/r/objects/batch", many + "]}").status, 413);
  for (const auto& c : cases) {
    EXPECT_EQ(c.response.status, c.status) << c.name << ": " << c.response.body;
    EXPECT_NE(message(c.response).find(c.words), std::string::npos) << c.response.body;
    EXPECT_EQ(c.response.content_type, "application/vnd.git-lfs+json") << c.name;
  }
  EXPECT_EQ(first(batch("upload", oid_, 1001))["error"].as_object()["code"].as_int64(), 413);
  EXPECT_EQ(first(batch("upload", "../x", 5))["error"].as_object()["code"].as_int64(), 422);
  EXPECT_EQ(first(batch("upload", oid_, -1))["error"].as_object()["code"].as_int64(), 422);
}

TEST_F(LfsTest, Locks) {
  const auto lock = [&](std::string_view path, std::string user) {
    return send(Method::kPost, "/lfs/r/locks", fmt::format(R"({{"path":"{}"}})", path), {},
                std::move(user));
  };
  const auto unlock = [&](const std::string& id, std::string_view body, std::string user) {
    return send(Method::kPost, "/lfs/r/locks/" + id + "/unlock", body, {}, std::move(user));
  };
  const Response made = lock("a", "ada");
  EXPECT_EQ(made.status, 201);
  const Response again = lock("a", "bob");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(lock_id(again), lock_id(made)) << "whose it is";
  lock("b", "bob");
  const Response verified = send(Method::kPost, "/lfs/r/locks/verify", "{}");
  EXPECT_EQ(json(verified)["ours"].as_array().size(), 1u);
  EXPECT_EQ(json(verified)["theirs"].as_array().size(), 1u);
  EXPECT_EQ(json(send(Method::kGet, "/lfs/r/locks?limit=1"))["next_cursor"].as_string(), "a");
  EXPECT_EQ(json(send(Method::kGet, "/lfs/other/locks"))["locks"].as_array().size(), 0u);
  EXPECT_EQ(unlock(lock_id(made), "", "bob").status, 403);
  EXPECT_EQ(unlock(lock_id(made), R"({"force":true})", "bob").status, 403) << "he does not manage";
  EXPECT_EQ(unlock(lock_id(made), R"({"force":true})", "root").status, 200);
  EXPECT_EQ(unlock(lock_id(made), "", "ada").status, 404);
}

TEST_F(LfsTest, EveryRouteHasARule) {
  for (const http::Route& one : router_.routes())
    EXPECT_NE(access::find_rule(rules(), one), nullptr) << one.pattern;
}

}  // namespace
}  // namespace slipway::api::lfs
