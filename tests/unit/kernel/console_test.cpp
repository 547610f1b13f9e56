// The streams over the one serial line: plain, and as the records that run.sh takes apart.
#include "tests/catch.hpp"

#include "tests/port/world.hpp"

#include <algorithm>
#include <string>

#include <sluice/kernel/console.hpp>

using namespace sluice;
using console::Stream;

namespace {

struct FakeLine final : console::Device {
  void write(std::string_view bytes) override {
    for (const char c : bytes) {
      if (bytes_until_panic-- == 0) {
        throw test::Panic("in the middle");
      }
      sent.push_back(c);
    }
    if (take_over_after) {
      take_over_after = false;
      test::World& world = test::World::current();
      world.run_as(0, [&] {
        const u64 start = world.now_ticks;
        world.ns_per_relax = 1000;
        console::take_over();
        waited_ns = world.now_ticks - start;
      });
    }
    if (log_after_write) {
      log_after_write = false;
      CHECK_FALSE(port::irq_save());  // nothing comes between the parts of a record
    }
  }
  int read() override {
    if (input.empty()) {
      return -1;
    }
    const int byte = static_cast<unsigned char>(input.front());
    input.erase(0, 1);
    return byte;
  }
  void enable_input() override { input_enabled = true; }
  bool is_transparent() const override { return transparent; }

  bool transparent = true;
  std::string sent;
  std::string input;
  bool input_enabled = false;
  bool log_after_write = false;
  bool take_over_after = false;  // hart 0 does, while another writes
  u64 waited_ns = 0;
  int bytes_until_panic = -1;
};

struct Setting {
  explicit Setting(bool records) {
    console::set_device(&line);
    console::use_records(records);
  }
  ~Setting() {
    console::use_records(false);
    console::set_device(nullptr);
  }
  test::World world{2};
  FakeLine line;
};

// Takes a byte stream apart as run.sh does: what is outside a record is log.
struct Taken {
  std::string out, err, exit, log;
};
Taken take_apart(const std::string& bytes) {
  Taken taken;
  for (usize at = 0; at < bytes.size();) {
    if (bytes[at] != '\x01') {
      taken.log += bytes[at++];
      continue;
    }
    REQUIRE(bytes.size() - at >= 7);
    std::string* to = bytes[at + 1] == 'o'   ? &taken.out
                      : bytes[at + 1] == 'e' ? &taken.err
                                             : &taken.exit;
    const usize count = std::stoul(bytes.substr(at + 2, 4), nullptr, 16);
    REQUIRE(bytes[at + 6] == '\x02');
    REQUIRE(bytes.size() - at - 7 >= count);
    *to += bytes.substr(at + 7, count);
    at += 7 + count;
  }
  return taken;
}

std::string any_bytes(usize count) {
  std::string bytes;
  for (usize i = 0; i < count; ++i) {
    bytes.push_back(static_cast<char>(i * 7 + i / 256));
  }
  return bytes;
}

}  // namespace

TEST_CASE("console: plain output is the bytes, and an exit status is not shown") {
  Setting s(false);
  console::write(Stream::Output, "out ");
  console::write(Stream::Error, "err");
  console::write(Stream::Exit, "7");
  CHECK(s.line.sent == "out err");
}

TEST_CASE("console: over a line that changes ends of line a record has none") {
  Setting s(true);
  s.line.transparent = false;
  console::write(Stream::Output,
                 "a\nn\x10"
                 "b");
  CHECK(s.line.sent ==
        "\x01O0007\x02"
        "a\x10nn\x10\x10"
        "b");
  s.line.sent.clear();
  console::write(Stream::Error, std::string(1025, '\n'));
  usize records = 0;
  for (usize at = 0; at < s.line.sent.size(); ++records) {
    REQUIRE(s.line.sent.substr(at, 2) ==
            "\x01"
            "E");
    at += 7 + std::stoul(s.line.sent.substr(at + 2, 4), nullptr, 16);
  }
  CHECK(records == 3);
  CHECK(std::ranges::count(s.line.sent, 'n') == 1025);
  CHECK(s.line.sent.find('\n') == std::string::npos);
}

TEST_CASE("console: a record is its stream, its length and its bytes") {
  Setting s(true);
  console::write(Stream::Output, "hello");
  CHECK(s.line.sent == "\x01o0005\x02hello");
  s.line.sent.clear();
  console::write(Stream::Output, "");
  CHECK(s.line.sent == "");
}

TEST_CASE("console: output of any bytes and any length comes out of its records as it went in") {
  for (const usize bytes : {1u, 15u, 1023u, 1024u, 1025u, 5000u}) {
    Setting s(true);
    console::write(Stream::Output, any_bytes(bytes));
    console::write_log("[1] log\n");
    console::write(Stream::Error, "oops");
    console::write(Stream::Exit, "0");
    const Taken taken = take_apart(s.line.sent);
    CHECK(taken.out == any_bytes(bytes));
    CHECK(taken.err == "oops");
    CHECK(taken.exit == "0");
    CHECK(taken.log == "[1] log\n");
  }
}

TEST_CASE("console: a record is sent with interrupts off") {
  Setting s(true);
  s.line.log_after_write = true;
  console::write(Stream::Output, "x");
  CHECK_FALSE(s.line.log_after_write);
}

TEST_CASE("console: a panic in the middle of a record ends it first, so that neither is lost") {
  for (const int until : {0, 7, 16, 23, 48}) {
    INFO(until);
    Setting s(true);
    s.line.bytes_until_panic = until;
    const std::string text = any_bytes(60);
    CHECK_THROWS_AS(console::write(Stream::Output, text), test::Panic);
    s.line.bytes_until_panic = -1;
    const usize sent = s.line.sent.size();
    console::finish_interrupted_record();
    console::write_log("panic: it is over\n");
    CHECK(sent == static_cast<usize>(until));
    if (until % 16 == 0) {
      const Taken taken = take_apart(s.line.sent);
      CHECK(taken.out == text);
      CHECK(taken.log == "panic: it is over\n");
    } else {
      CHECK(s.line.sent.ends_with("panic: it is over\n"));
    }
    s.line.sent.clear();
    console::finish_interrupted_record();
    CHECK(s.line.sent == "");
  }
}

TEST_CASE("console: formatted output is gathered into one record") {
  Setting s(true);
  print("{} files, {} bytes\n", 3, 512);
  print_error("no {}\n", "such file");
  CHECK(s.line.sent ==
        "\x01o0013\x02"
        "3 files, 512 bytes\n"
        "\x01"
        "e000d\x02"
        "no such file\n");
}

TEST_CASE("console: a writer passes on more than it holds") {
  Setting s(false);
  const std::string text = any_bytes(2000);
  {
    console::Writer out(Stream::Output);
    out.put(text.substr(0, 600));
    out.put(text.substr(600));
    CHECK(s.line.sent.size() < 2000);
  }
  CHECK(s.line.sent == text);
}

TEST_CASE("console: reading waits for a byte, and gives -1 where there is no console") {
  Setting s(false);
  int steps = 0;
  s.world.steps.push_back([&] {
    if (++steps == 3) {
      s.line.input = "\xe9z";
    }
    return true;
  });
  CHECK(console::read_byte() == 0xe9);
  CHECK(s.line.input_enabled);
  CHECK(console::read_byte() == 'z');
  console::set_device(nullptr);
  CHECK(console::read_byte() == -1);
  console::write(Stream::Output, "to nobody");
  console::write_log("to nobody");
}

TEST_CASE("console: once a hart has taken it over, it alone writes") {
  for (const bool records : {false, true}) {
    Setting s(records);
    console::take_over();
    // A hart that gets the line after all, because its holder could not be waited for, is silent.
    console::write_log("ours\n");
    console::write(Stream::Output, "ours, too");
    const std::string sent = s.line.sent;
    CHECK(sent.find("ours, too") != std::string::npos);
    s.world.run_as(1, [] {
      CHECK_THROWS_AS(console::write_log("theirs"), test::Panic);  // waits, for good
    });
    CHECK(s.line.sent == sent);
    console::give_back();
    s.world.run_as(1, [] { console::write_log("theirs"); });
    CHECK(s.line.sent == sent + "theirs");
  }
}

TEST_CASE("console: who holds the line for good keeps nobody from taking it over") {
  Setting s(false);
  s.line.take_over_after = true;
  s.world.run_as(1, [] { console::write(Stream::Output, "held"); });
  CHECK(s.line.sent == "held");
  CHECK(s.line.waited_ns >= 100'000'000);
  console::write_log("panic");
  s.world.run_as(1, [] { console::write_log("silent"); });
  CHECK(s.line.sent == "heldpanic");
  console::give_back();
}
