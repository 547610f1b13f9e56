// The word splitter and the kernel command line.
#include "tests/catch.hpp"

#include "tests/port/world.hpp"
#include "tests/unit/base/log_lines.hpp"

#include <random>
#include <string>
#include <vector>

#include <sluice/kernel/command_line.hpp>
#include <sluice/kernel/words.hpp>

using namespace sluice;
using Kind = WordReader::Kind;

namespace {

struct Split {
  std::vector<std::string> words;  // ";" for a separator in angle brackets
  Kind end;
};

Split split(std::string_view line, usize room) {
  std::vector<char> storage(room);
  WordReader reader(line, storage);
  Split result{};
  while (true) {
    result.end = reader.next();
    if (result.end == Kind::Word) {
      CHECK(reader.word().data()[reader.word().size()] == '\0');
      result.words.emplace_back(reader.word());
    } else if (result.end == Kind::Separator) {
      result.words.emplace_back("<;>");
    } else {
      CHECK(reader.next() == result.end);
      CHECK(reader.next() == result.end);
      return result;
    }
  }
}

Split split(std::string_view line) {
  return split(line, line.size() + 1);
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("words: blanks separate, quotes and backslashes keep together") {
  CHECK(split("").words.empty());
  CHECK(split("  \t\n ").words.empty());
  CHECK(split(" ls  -l\tvda:/ ").words == Words{"ls", "-l", "vda:/"});
  CHECK(split("cat 'a b'\"c d\"e\\ f").words == Words{"cat", "a bc de f"});
  CHECK(split("'' \"\" x''").words == Words{"", "", "x"});
  CHECK(split("'a\\b' \"a\\b\\\"\\\\\\$\\`\" \\'").words == Words{"a\\b", "a\\b\"\\$`", "'"});
  CHECK(split("'\"' \"'\"").words == Words{"\"", "'"});
}

TEST_CASE("words: an unquoted semicolon stands alone") {
  CHECK(split("a;b ;; c';'\\;").words == Words{"a", "<;>", "b", "<;>", "<;>", "c;;"});
  CHECK(split(";").words == Words{"<;>"});
}

TEST_CASE("words: an open quote or a last backslash is told, again and again") {
  CHECK(split("a 'b").end == Kind::Unterminated);
  CHECK(split("a \"b").end == Kind::Unterminated);
  CHECK(split("a b\\").end == Kind::Unterminated);
  CHECK(split("\"b\\").end == Kind::Unterminated);
  CHECK(split("a 'b").words == Words{"a"});
  CHECK(split("a b").end == Kind::End);
}

TEST_CASE("words: storage that is too small is told, and never written beyond") {
  CHECK(split("abc", 3).end == Kind::NoRoom);
  CHECK(split("abc", 4).words == Words{"abc"});
  CHECK(split("a bc", 2).words == Words{"a"});
  CHECK(split("a", 0).end == Kind::NoRoom);
  CHECK(split("''", 0).end == Kind::NoRoom);
}

TEST_CASE("words: a storage of the line's size and one is always enough") {
  std::mt19937 random(42);
  const std::string_view alphabet = "ab \t;'\"\\$";
  for (int round = 0; round < 5000; ++round) {
    std::string line;
    for (usize i = random() % 20; i > 0; --i) {
      line.push_back(alphabet[random() % alphabet.size()]);
    }
    INFO(line);
    REQUIRE(split(line).end != Kind::NoRoom);
  }
}

TEST_CASE("words: what is quoted word by word comes back as it was") {
  std::mt19937 random(43);
  const std::string_view alphabet = "ab \t\n;'\"\\$`\xc3\xa9";
  for (int round = 0; round < 1000; ++round) {
    Words words;
    std::string line;
    for (usize count = random() % 5; count > 0; --count) {
      std::string word;
      for (usize i = random() % 8; i > 0; --i) {
        word.push_back(alphabet[random() % alphabet.size()]);
      }
      line += " '";
      for (const char c : word) {
        line += c == '\'' ? std::string("'\\''") : std::string(1, c);
      }
      line += "'";
      words.push_back(word);
    }
    REQUIRE(split(line).words == words);
  }
}

TEST_CASE("command line: the last value of a name counts, among the kernel's words alone") {
  command_line::set(
      "loglevel=3  quiet loglevel=7 x= virtio_blk.queue_size=4 -- loglevel=1 'a -- b'");
  CHECK(command_line::value("loglevel") == "7");
  CHECK(command_line::value("x") == "");
  CHECK_FALSE(command_line::value("quiet"));
  CHECK_FALSE(command_line::value("level"));
  CHECK_FALSE(command_line::value("virtio_blk"));
  CHECK(command_line::value("virtio_blk.queue_size") == "4");
  CHECK(command_line::program_words() == "loglevel=1 'a -- b'");
  command_line::set("");
}

TEST_CASE("command line: without two dashes alone the program has no words") {
  for (const char* line : {"", "a=1", "a=1 --b", "--", "a --"}) {
    INFO(line);
    command_line::set(line);
    CHECK(command_line::program_words() == "");
  }
  command_line::set("-- ls -l");
  CHECK(command_line::program_words() == "ls -l");
  CHECK_FALSE(command_line::value("ls"));
  command_line::set("");
}

TEST_CASE(
    "command line: numbers are decimal or hexadecimal and inside their bounds, or named and "
    "ignored") {
  test::World world;
  test::LogLines lines;
  command_line::set("a=10 b=0x1F c=1024 d=ten e=-1 f= g=0x h=18446744073709551616 i=1k j=010");
  CHECK(command_line::number("a", 0, 10) == 10u);
  CHECK(command_line::number("b", 0, 100) == 31u);
  CHECK(command_line::number("c", 2, 1024) == 1024u);
  CHECK(command_line::number("j", 0, 100) == 10u);
  CHECK_FALSE(command_line::number("none", 0, 100));
  CHECK(lines.text() == "");
  CHECK_FALSE(command_line::number("c", 2, 1023));
  CHECK(lines.has("c=1024"));
  CHECK(lines.has("from 2 to 1023"));
  for (const char* name : {"d", "e", "f", "g", "h", "i"}) {
    lines.mark();
    CHECK_FALSE(command_line::number(name, 0, ~u64{0}));
    CHECK(lines.has(std::string(name) + "="));
  }
  command_line::set("");
}

TEST_CASE("command line: words that mean nothing are named, with the names that there are") {
  test::World world;
  test::LogLines lines;
  const auto report = [&lines](std::string_view line, bool (*knows)(std::string_view) = nullptr) {
    lines.mark();
    command_line::set(line);
    command_line::report_unknown("", "loglevel virtio_blk.timeout", knows);
    command_line::set("");
    return lines.text();
  };
  CHECK(report("loglevel=7 virtio_blk.timeout=1 -- loglvel=7") == "");
  CHECK(report("") == "");
  for (const char* word : {"loglvel=7", "loglevel", "loglevel.x=1", "=", "=7", "virtio_blk=1",
                           "a'b", "\x01\x80\xff"}) {
    INFO(word);
    report(word);
    CHECK(lines.has("means nothing"));
    CHECK(lines.has("there is NAME=VALUE with these names: loglevel virtio_blk.timeout"));
  }
  report("loglvel=7");
  CHECK(lines.has("loglvel=7 means nothing"));
  CHECK(report("mine.depth=1", [](std::string_view name) { return name == "mine.depth"; }) == "");
}

TEST_CASE("command line: of many words that mean nothing some are named, and the rest counted") {
  test::World world;
  test::LogLines lines;
  std::string line;
  while (line.size() < 60'000) {
    line += "word" + std::to_string(line.size()) + " ";
  }
  line += std::string(60'000, 'x');
  command_line::set(line);
  command_line::report_unknown("", "loglevel");
  command_line::set("");
  CHECK(lines.has("word0 means nothing"));
  CHECK(lines.has("more words mean nothing"));
  CHECK(lines.text().size() < 1000);
}

TEST_CASE("command line: a name that stands there twice is named") {
  test::World world;
  test::LogLines lines;
  command_line::set("loglevel=7 loglevels=1 loglevel=6");
  command_line::report_unknown("", "loglevel loglevels");
  CHECK(lines.has("loglevel= stands there 2 times; the last counts"));
  CHECK_FALSE(lines.has("loglevels="));
  lines.mark();
  command_line::report_unknown("log", "level levels");
  CHECK(lines.has("loglevel= stands there 2 times"));
  command_line::set("");
}
