// The log: what the ring keeps, what is shown, and what text from outside cannot do.
#include "tests/catch.hpp"

#include "tests/port/world.hpp"

#include <string>
#include <vector>

#include <sluice/kernel/log.hpp>

using namespace sluice;

namespace {

std::vector<std::string> lines() {
  std::vector<std::string> lines;
  log::for_each(
      [](const log::Line& line, void* to) {
        static_cast<std::vector<std::string>*>(to)->emplace_back(line.text);
      },
      &lines);
  return lines;
}

// Are the times in the ring those of a clock that moves one tick a line?
bool times_in_order() {
  u64 last = 0;
  log::for_each(
      [](const log::Line& line, void* to) {
        u64& before = *static_cast<u64*>(to);
        before = before == ~u64{0} || line.time_ns < before ? ~u64{0} : line.time_ns;
      },
      &last);
  return last != ~u64{0};
}

std::vector<std::string> shown;
void show(const log::Line& line) {
  shown.emplace_back(line.text);
}

// Shows nothing any more, and at the usual level, when a test ends.
struct Showing {
  Showing() { shown.clear(); }
  ~Showing() {
    log::set_show(nullptr);
    log::set_level(log::Level::Info);
  }
};

}  // namespace

TEST_CASE("log: a line keeps its text, level and time") {
  test::World world;
  world.now_ticks = 123'456;
  log::warning("disk {} has {} bytes", "vda", 512);
  log::Line last{};
  log::for_each(
      [](const log::Line& line, void* to) {
        const bool ours = line.text == "disk vda has 512 bytes";
        if (ours) {
          *static_cast<log::Line*>(to) = {line.time_ns, line.level, {}};
        }
      },
      &last);
  CHECK(last.level == log::Level::Warning);
  CHECK(last.time_ns == 123'456);
}

TEST_CASE("log: the ring keeps the newest lines, whole and in order, however often it wraps") {
  test::World world;
  // Lines of different lengths, so that the ends of the ring fall everywhere in a record.
  const auto line_of = [](u32 number) {
    return std::to_string(number) + std::string(number % 97, '.');
  };
  u32 number = 0;
  for (u32 round = 0; round < 40; ++round) {
    for (u32 i = 0; i < 200; ++i) {
      ++world.now_ticks;
      log::debug("{}", line_of(number++));
    }
    const std::vector<std::string> kept = lines();
    REQUIRE(kept.size() > 100);
    bool all_right = true;
    for (u32 back = 1; back <= kept.size() && back <= number; ++back) {
      all_right = all_right && kept[kept.size() - back] == line_of(number - back);
    }
    REQUIRE(all_right);
    REQUIRE((round < 10 || times_in_order()));  // by then no other test's lines are left
  }
}

TEST_CASE("log: a line that is too long is cut") {
  test::World world;
  log::info("{}", std::string(1000, 'x'));
  CHECK(lines().back() == std::string(240, 'x'));
  log::info("{}", "");
  CHECK(lines().back() == "");
}

TEST_CASE("log: control characters from outside become question marks, other bytes stay") {
  test::World world;
  log::info("a{}b", std::string_view("\x01\x02\n\r\x1b\x7f\0", 7));
  CHECK(lines().back() == "a???????b");
  log::info("tab\there, {}", "Jos\xc3\xa9");
  CHECK(lines().back() == "tab\there, Jos\xc3\xa9");
}

TEST_CASE("log: lines are shown up to the level, and the ring's older ones when showing begins") {
  test::World world;
  const Showing showing;
  log::error("before");
  log::debug("before, in detail");
  log::set_show(show);
  REQUIRE_FALSE(shown.empty());
  CHECK(shown.back() == "before");
  shown.clear();
  log::debug("quiet");
  log::info("loud");
  log::set_level(log::Level::Error);
  log::info("quiet again");
  log::error("wrong");
  CHECK(shown == std::vector<std::string>{"loud", "wrong"});
  CHECK(lines().back() == "wrong");
}

TEST_CASE("log: who reads the lines may log, and sees those that were there") {
  test::World world;
  log::info("first");
  log::info("second");
  const usize before = lines().size();
  usize seen = 0;
  log::for_each(
      [](const log::Line&, void* to) {
        ++*static_cast<usize*>(to);
        log::debug("seen");
      },
      &seen);
  CHECK(seen <= before);  // the ring may be full: then the oldest made room
  CHECK(seen > before / 2);
  CHECK(lines().back() == "seen");
}

TEST_CASE("a line is put with its time, and an error as such") {
  std::array<char, 80> text;
  BufferSink error(text);
  log::put_line(error, {12'345'678'999, log::Level::Error, "no disk"});
  CHECK(error.text() == "[   12.345678] error: no disk\n");
  BufferSink info(text);
  log::put_line(info, {1'000, log::Level::Info, "a disk"});
  CHECK(info.text() == "[    0.000001] a disk\n");
}

TEST_CASE("log: who takes it over reads it although a line is being shown") {
  test::World world;
  const Showing showing;
  log::warning("the line of before");
  static std::vector<std::string> read;
  log::set_show([](const log::Line& line) {
    if (line.text == "the line on its way") {
      log::take_over();
      read = lines();
    }
  });
  log::warning("the line on its way");
  REQUIRE(read.size() >= 2);
  CHECK(read[read.size() - 2] == "the line of before");
  CHECK(read.back() == "the line on its way");
}
