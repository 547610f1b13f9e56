// The reader of QEMU's answers.
#include "json.hpp"

#include "fd.hpp"
#include "tests/catch.hpp"

using qemu::Json;

TEST_CASE("An answer of QEMU's is read into a tree") {
  const Json answer = Json::parse(
      R"({"return": {"names": ["a: \"b\", c", "d"], "inuse": 12, "broken": true, "none": null},)"
      R"( "id": -1, "empty": {}, "list": []})");
  const Json& inner = answer["return"];
  REQUIRE(inner["names"].items.size() == 2);
  CHECK(inner["names"].items[0].text == R"(a: "b", c)");
  CHECK(inner["inuse"].number() == 12);
  CHECK(inner["broken"].is_true());
  CHECK_FALSE(inner["none"].exists());
  CHECK_FALSE(inner["absent"].exists());
  CHECK(answer["empty"].kind == Json::Kind::Object);
  CHECK(answer["list"].items.empty());
  CHECK_THROWS_AS(answer["id"].number(), qemu::Failure);
  CHECK_THROWS_AS(answer["absent"].number(), qemu::Failure);
}

TEST_CASE("What is no JSON is refused, wherever it breaks off") {
  const std::string whole = R"({"a": [1, {"b": "c\\"}], "d": true})";
  CHECK_NOTHROW(Json::parse(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO(whole.substr(0, length));
    CHECK_THROWS_AS(Json::parse(whole.substr(0, length)), qemu::Failure);
  }
  for (const char* const text : {"{} {}", R"({"a" 1})", R"({1: 2})", "[1 2]", "]"}) {
    INFO(text);
    CHECK_THROWS_AS(Json::parse(text), qemu::Failure);
  }
  CHECK_THROWS_AS(Json::parse(std::string(100'000, '[')), qemu::Failure);
}
