// The referee's README is complete: every rule with its clause, every mistake.
#include <regex>
#include <string>

#include "text_files.hpp"

namespace {

using tiny::text_of;

// The matches' parts, each as one row of a table: "| `a` | b |".
std::size_t check_rows(const std::string& source, const std::string& pattern,
                       const std::string& row, const std::string& readme) {
  const std::regex wanted(pattern);
  std::size_t rows = 0;
  for (std::sregex_iterator at(source.begin(), source.end(), wanted), end; at != end; ++at) {
    const std::string line = at->format(row);
    INFO(line);
    CHECK(readme.find(line) != std::string::npos);
    ++rows;
  }
  return rows;
}

}  // namespace

TEST_CASE("The referee's README lists every rule and every mistake with its test") {
  const std::string readme = text_of("/tests/model/README.md");
  CHECK(check_rows(text_of("/tests/model/rules.hpp"),
                   R"re(Rule \w+\{\s*"([a-z_0-9.]+)",\s*"([0-9.]+)")re", "| `$1` | $2 |",
                   readme) > 70);
  const std::string mistakes = text_of("/tests/unit/model/mistakes.hpp");
  CHECK(check_rows(mistakes.substr(mistakes.find("None,") + 5), R"(([A-Z]\w+),)", "| `$1` |",
                   readme) > 60);
  for (const std::string file :
       {"mistakes_test.cpp", "mistakes_queue_test.cpp", "mistakes_block_test.cpp",
        "packed_mistakes_test.cpp", "entropy_mistakes_test.cpp"}) {
    CHECK(check_rows(text_of("/tests/unit/model/" + file), R"re(TEST_CASE\("(.*)"\))re", " | $1 | ",
                     readme) > 3);
  }
}
