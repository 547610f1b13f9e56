// The serial line's driver beside a 16550A that counts overruns.
#include "tests/catch.hpp"

#include "tests/unit/base/fake_devices.hpp"
#include "tests/unit/base/log_lines.hpp"
#include "tests/unit/base/machine.hpp"

#include <string>

#include <sluice/drivers/serial/ns16550a.hpp>
#include <sluice/kernel/console.hpp>

using namespace sluice;
using test::FakeUart;
using test::LogLines;
using test::Machine;
using test::TreeBuilder;

namespace {

constexpr u32 kSource = 10;

struct Options {
  u32 shift = 0;
  u32 width = 1;
  const char* stdout_path = nullptr;
  u32 controller = 1;  // the World's own; any other never comes
  u32 polls = 1000;
  bool fifo = true;
};

TreeBuilder::Blob uart_tree(const Options& options) {
  TreeBuilder build;
  build.cells("#address-cells", {2}).cells("#size-cells", {2});
  build.begin("aliases").text("serial1", "/serial@20000000").end();
  build.begin("chosen");
  if (options.stdout_path != nullptr) {
    build.text("stdout-path", options.stdout_path);
  }
  build.end();
  build.begin("irq").cells("phandle", {options.controller}).cells("#interrupt-cells", {1}).end();
  for (const u32 base : {0x10000000u, 0x20000000u}) {
    build.begin(base == 0x10000000 ? "serial@10000000" : "serial@20000000")
        .text("compatible", "ns16550a");
    build.cells("reg", {0, base, 0, 8u << options.shift})
        .cells("interrupt-parent", {options.controller});
    build.cells("interrupts", {base == 0x10000000 ? kSource : kSource + 1});
    if (options.shift != 0) {
      build.cells("reg-shift", {options.shift});
    }
    if (options.width != 1) {
      build.cells("reg-io-width", {options.width});
    }
    build.end();
  }
  return build.finish();
}

struct Setting {
  explicit Setting(const Options& options = {})
      : uart(options.shift, options.width),
        second(options.shift, options.width),
        machine(uart_tree(options)),
        driver(options.polls) {
    uart.has_fifo = options.fifo;
    machine.world.add_registers(PhysAddr(0x10000000), uart);
    machine.world.add_registers(PhysAddr(0x20000000), second);
    added = machine.bus.populate(machine.tree) && dev::add_driver(driver);
    device = machine.bus.find_device("10000000.serial");
  }
  ~Setting() { machine.bus.remove_driver(driver); }

  // The line's level reaches the controller, and that the hart.
  void interrupt() {
    for (int i = 0; i < 20 && uart.interrupt(); ++i) {
      machine.world.controller.raise(kSource);
      machine.world.deliver();
    }
    machine.world.controller.lower(kSource);
  }
  std::string read_all() {
    std::string text;
    for (int byte = console::device()->read(); byte >= 0; byte = console::device()->read()) {
      text.push_back(static_cast<char>(byte));
    }
    return text;
  }
  void type(std::string_view text) { uart.line.insert(uart.line.end(), text.begin(), text.end()); }

  FakeUart uart;
  FakeUart second;
  Machine machine;
  serial::Ns16550aDriver driver;
  bool added = false;
  dev::Device* device = nullptr;
};

std::string pattern(usize bytes) {
  std::string text;
  for (usize i = 0; i < bytes; ++i) {
    text.push_back(static_cast<char>('a' + i % 26));
  }
  return text;
}

}  // namespace

TEST_CASE("uart: everything written is sent in order, in bursts that never overrun the FIFO") {
  Setting s;
  REQUIRE(console::device() != nullptr);
  for (const usize bytes : {0u, 1u, 15u, 16u, 17u, 1000u}) {
    s.uart.sent.clear();
    console::device()->write(pattern(bytes));
    CHECK(s.uart.sent == pattern(bytes));
  }
  CHECK(s.uart.overruns == 0);
  CHECK((s.uart.line_control & 0x80) == 0);
  CHECK(s.uart.interrupt_enable == 0);
}

TEST_CASE("uart: nobody takes the console away by hand") {
  Setting s;
  CHECK(s.machine.bus.unbind(*s.device).error() == Errc::NotSupported);
  CHECK(console::device() != nullptr);
}

TEST_CASE("uart: without a FIFO every byte waits for its turn") {
  Setting s({.fifo = false});
  console::device()->write(pattern(100));
  CHECK(s.uart.sent == pattern(100));
  CHECK(s.uart.overruns == 0);
}

TEST_CASE("uart: registers that are shifted and wide are reached where they are") {
  for (const auto& [shift, width] : {std::pair{2u, 4u}, {2u, 1u}, {1u, 2u}}) {
    INFO("shift " << shift << ", width " << width);
    Setting s({.shift = shift, .width = width});
    REQUIRE(console::device() != nullptr);
    console::device()->write("hello");
    CHECK(s.uart.sent == "hello");
  }
}

TEST_CASE("uart: a layout that cannot be is refused and named") {
  for (const auto& [shift, width] : {std::pair{0u, 4u}, {4u, 1u}, {2u, 3u}, {3u, 8u}}) {
    LogLines lines;
    Setting s({.shift = shift, .width = width});
    CHECK(s.device->state() == dev::State::Failed);
    CHECK(lines.has("reg-io-width " + std::to_string(width)));
    CHECK(console::device() == nullptr);
  }
}

TEST_CASE(
    "uart: a line that takes nothing costs one bounded wait, and is used again when it takes "
    "bytes") {
  Setting s({.polls = 50});
  console::device()->write(pattern(16));
  s.uart.drains = false;
  s.uart.status_reads = 0;
  console::device()->write(pattern(100));
  CHECK(s.uart.status_reads == 50);
  console::device()->write(pattern(100));
  CHECK(s.uart.status_reads == 51);
  CHECK(s.uart.sent == pattern(16));
  s.uart.drains = true;
  s.uart.polls_to_drain = 1;
  console::device()->write("back");
  CHECK(s.uart.sent == pattern(16) + "back");
  CHECK(s.uart.overruns == 0);
}

TEST_CASE("uart: after a drain nothing is left on its way, and a stuck line ends it") {
  Setting s({.polls = 50});
  console::device()->write(pattern(16));
  CHECK_FALSE(s.uart.all_sent());
  console::device()->drain();
  CHECK(s.uart.all_sent());
  console::device()->write("more");
  s.uart.drains = false;
  s.uart.status_reads = 0;
  console::device()->drain();
  CHECK(s.uart.status_reads == 50);
}

TEST_CASE("uart: the console is the line that stdout-path names, options and aliases included") {
  for (const char* path :
       {"/serial@20000000", "/serial@20000000:115200n8", "serial1", "serial1:9600"}) {
    INFO(path);
    Setting s({.stdout_path = path});
    REQUIRE(console::device() != nullptr);
    console::device()->write("x");
    CHECK(s.uart.sent == "");
    CHECK(s.second.sent == "x");
  }
}

TEST_CASE(
    "uart: without a stdout-path, or with one that leads nowhere, the first line is the console") {
  for (const char* path : {static_cast<const char*>(nullptr), "/soc/uart@1", ""}) {
    LogLines lines;
    Setting s({.stdout_path = path});
    REQUIRE(console::device() != nullptr);
    console::device()->write("x");
    CHECK(s.uart.sent == "x");
    CHECK(s.second.sent == "");
    CHECK(lines.has("stdout-path") == (path != nullptr));
  }
}

TEST_CASE("uart: a stdout-path that names another device makes no line the console") {
  Setting s({.stdout_path = "/chosen"});
  CHECK(s.device->state() == dev::State::Bound);
  CHECK(console::device() == nullptr);
}

TEST_CASE("uart: input comes through the interrupt once it is wanted") {
  Setting s;
  CHECK_FALSE(s.machine.world.controller.enabled(kSource));
  console::device()->enable_input();
  CHECK(s.machine.world.controller.enabled(kSource));
  CHECK(s.read_all() == "");
  s.type("ls\r");
  s.interrupt();
  CHECK(s.uart.line.empty());
  CHECK(s.read_all() == "ls\r");
  CHECK(s.uart.bytes_read_empty == 0);
}

TEST_CASE("uart: more input than there is room for waits in the line and is not lost") {
  Setting s;
  console::device()->enable_input();
  const std::string text = pattern(1000);
  s.type(text);
  std::string read;
  for (int round = 0; round < 10; ++round) {
    s.interrupt();
    CHECK_FALSE(s.uart.interrupt());
    read += s.read_all();
  }
  CHECK(read == text);
}

TEST_CASE("uart: a full buffer stops the interrupt until a byte is read") {
  Setting s;
  console::device()->enable_input();
  s.type(pattern(300));
  s.interrupt();
  CHECK(s.uart.interrupt_enable == 0);
  CHECK_FALSE(s.uart.line.empty());
  CHECK(console::device()->read() == 'a');
  CHECK(s.uart.interrupt_enable == 1);
}

TEST_CASE("uart: typed-ahead input is there when it is wanted") {
  Setting s;
  s.type("early");
  console::device()->enable_input();
  s.interrupt();
  CHECK(s.read_all() == "early");
}

TEST_CASE(
    "uart: a line whose interrupt controller never comes is polled, also while a task waits") {
  Setting s({.controller = 55});
  REQUIRE(s.device->state() == dev::State::Bound);
  console::device()->enable_input();
  s.type("ab");
  CHECK(s.read_all() == "ab");
  // Nobody steps a device model here: only the poll timer can wake the wait.
  int ticks = 0;
  s.machine.world.steps.push_back([&] {
    if (++ticks == 5) {
      s.type("q");
    }
    return false;
  });
  CHECK(console::read_byte() == 'q');
  CHECK(s.device->reason() == "");
}

TEST_CASE("uart: the interrupt is asked for again when its controller has come") {
  Setting s({.controller = 55});
  console::device()->enable_input();
  test::FakeController late(55);
  irq::add_controller(late);
  console::device()->enable_input();
  CHECK(late.enabled(kSource));
  s.machine.bus.release_all();
  CHECK_FALSE(late.enabled(kSource));
  irq::remove_controller(late);
}

TEST_CASE("uart: a line that goes is no console any more and asks for nothing") {
  Setting s;
  console::device()->enable_input();
  s.machine.bus.remove_driver(s.driver);
  CHECK(console::device() == nullptr);
  CHECK(s.uart.interrupt_enable == 0);
  CHECK_FALSE(s.machine.world.controller.enabled(kSource));
  REQUIRE(dev::add_driver(s.driver));
}
