#include "../fat/image_builder.hpp"
#include "test_machine.hpp"

#include <memory>
#include <vector>

#include <sluice/drivers/base/platform_bus.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/memory_usage.hpp>

using namespace sluice;
using namespace sluice::test;

namespace {

struct TestBus final : dev::Bus {
  explicit TestBus(std::string_view name) : Bus(name) { dev::add_bus(*this); }
  ~TestBus() override { dev::remove_bus(*this); }
  bool match(const dev::Device&, const dev::Driver&) const override { return true; }
};

// Binds, or does not, as the device's name says.
struct TestDriver final : dev::Driver {
  using Driver::Driver;
  std::string_view bus_name() const override { return "test"; }
  Result<void> probe(dev::Device& device) override {
    if (device.name() == "waits") {
      return device.defer("its interrupt controller");
    }
    if (device.name() == "broken") {
      return device.reject(Errc::Malformed, "its \"version\" is 7");
    }
    return {};
  }
  std::string_view class_name() const override { return "tty"; }
  Result<void> suspend(dev::Device& device) override {
    return &device == sleepless ? fail(Errc::Io) : Result<void>{};
  }
  const dev::Device* sleepless = nullptr;
};

// A bus with a bound device, its child, one that waits and one that failed.
struct Hardware {
  TestBus bus{"test"};
  TestDriver driver{"tester"};
  dev::Device good{"good", nullptr};
  dev::Device child{"child", &good};
  dev::Device waits{"waits", nullptr};
  dev::Device broken{"broken", nullptr};

  Hardware() {
    good.mmio[0] = {PhysAddr(0x1000), 0x200};
    good.mmio_count = 1;
    good.irqs[0] = {3, 8};
    good.irq_count = 1;
    for (dev::Device* device : {&good, &child, &waits, &broken}) {
      REQUIRE(bus.add_device(*device));
    }
    bus.add_driver(driver);
  }
  ~Hardware() {
    bus.remove_driver(driver);
    for (dev::Device* device : {&broken, &waits, &child, &good}) {
      bus.remove_device(*device);
    }
  }
};

}  // namespace

TEST_CASE("devices are unbound, bound, suspended and resumed by hand") {
  Machine machine;
  const Hardware hardware;
  CHECK(machine.run("unbind child") == 0);
  CHECK(hardware.child.state() == dev::State::Unbound);
  CHECK(machine.run("unbind child") == 1);
  CHECK(machine.error == "unbind: child: it has no driver\n");
  CHECK(machine.run("bind child") == 0);
  CHECK(hardware.child.state() == dev::State::Bound);
  CHECK(machine.run("bind child") == 1);
  CHECK(machine.error == "bind: child: it has a driver already\n");
  CHECK(machine.run("suspend good") == 1);
  CHECK(machine.error == "suspend: good: what needs it is not suspended\n");
  CHECK(machine.run("suspend child good") == 0);
  CHECK(machine.run("lsdev") == 0);
  CHECK(machine.out.find("child  [tester]  suspended\n") != std::string::npos);
  CHECK(machine.run("suspend good") == 1);
  CHECK(machine.error == "suspend: good: it is suspended\n");
  CHECK(machine.run("resume good child") == 0);
  CHECK(machine.run("resume good") == 1);
  CHECK(machine.error == "resume: good: it is not suspended\n");
  CHECK(machine.run("bind broken") == 1);
  CHECK(machine.error == "bind: broken: its \"version\" is 7\n");
}

TEST_CASE("the whole tree is suspended and resumed in order") {
  Machine machine;
  const Hardware hardware;
  for (const char* all : {"", " all"}) {
    CHECK(machine.run("suspend" + std::string(all)) == 0);
    CHECK(hardware.good.suspended());
    CHECK(hardware.child.suspended());
    CHECK(machine.run("resume child") == 1);
    CHECK(machine.error == "resume: child: what it needs is suspended\n");
    CHECK(machine.run("resume" + std::string(all)) == 0);
    CHECK_FALSE(hardware.child.suspended());
  }
  CHECK(machine.run("suspend all good") == 2);
  CHECK(machine.error.starts_with("suspend: `all` stands alone: good\n"));
}

TEST_CASE("a device that cannot be suspended is named, and the tree stays awake") {
  Machine machine;
  Hardware hardware;
  hardware.driver.sleepless = &hardware.good;
  CHECK(machine.run("suspend all") == 1);
  CHECK(machine.error == "suspend: good: I/O error\n");
  CHECK_FALSE(hardware.child.suspended());
}

TEST_CASE("lsdev --class lists what devices are to the rest, and lsdev -v their suppliers") {
  Machine machine;
  Hardware hardware;
  REQUIRE(hardware.child.add_supplier(hardware.waits, "its clock"));
  for (const char* line : {"lsdev -c", "lsdev --class"}) {
    CHECK(machine.run(line) == 0);
    CHECK(machine.out == "tty\n  good  [tester]  0x1000  irq 8  bound\n  child  [tester]  bound\n");
  }
  CHECK(machine.run("lsdev --class=x") == 2);
  CHECK(machine.run("lsdev -v") == 0);
  CHECK(machine.out.find("supplier: waits, its clock\n") != std::string::npos);
  CHECK(machine.out.find("class: tty\n") != std::string::npos);
  CHECK(machine.run("lsdev --json") == 0);
  CHECK(machine.out.find("\"class\" : \"tty\"") != std::string::npos);
}

TEST_CASE("what is no device is not bound, and a device has to be named") {
  Machine machine;
  const Hardware hardware;
  CHECK(machine.run("resume nothing") == 1);
  CHECK(machine.error == "resume: nothing: no such device; lsdev names them\n");
  CHECK(machine.run("unbind") == 2);
  CHECK(machine.run("suspend -x good") == 2);
}

TEST_CASE("lsdev prints the tree with addresses, interrupts and states") {
  Machine machine;
  const Hardware hardware;
  CHECK(machine.run("lsdev") == 0);
  CHECK(machine.out ==
        "test\n  good  [tester]  0x1000  irq 8  bound\n    child  [tester]  bound\n"
        "  waits  [no driver]  deferred: waits for its interrupt controller\n"
        "  broken  [no driver]  failed: its \"version\" is 7\n");
  CHECK(machine.run("lsdev -v") == 0);
  CHECK(machine.out.find("  driver tester\n") != std::string::npos);
  CHECK(machine.out.find("      registers: 0x1000, 0x200 bytes\n") != std::string::npos);
  CHECK(machine.out.find("      interrupt: 8 of controller 3\n") != std::string::npos);
}

TEST_CASE("lsirq has a line for each source that is held, and one for what has none") {
  Machine machine;
  CHECK(machine.run("lsirq") == 0);
  CHECK(machine.out ==
        "SOURCE CONTROLLER            HART  0  NAME\n"
        "     - -                           0  timers and other harts\n");
  const auto held = irq::request(1, 8, [](void*) {}, nullptr, "10008000.virtio_mmio");
  const auto silent = irq::request(1, 12, [](void*) {}, nullptr, "line");
  REQUIRE(held);
  REQUIRE(silent);
  for (u32 i = 0; i < 3; ++i) {
    World::current().controller.raise(8);
    World::current().deliver();
  }
  irq::silence(1, 12);
  CHECK(machine.run("lsirq") == 0);
  CHECK(machine.out.find("     8 fake-irqchip                3  10008000.virtio_mmio\n") !=
        std::string::npos);
  CHECK(machine.out.find("    12 fake-irqchip                0  line  silenced\n") !=
        std::string::npos);
  CHECK(machine.run("lsirq -v") == 2);
  CHECK(machine.run("lsirq 8") == 2);
}

TEST_CASE("lsdev --json has every device with its parent and its reason") {
  Machine machine;
  const Hardware hardware;
  CHECK(machine.run("lsdev --json") == 0);
  for (const char* part : {"\"name\" : \"child\"", "\"parent\" : \"good\"", "\"base\" : 4096",
                           "\"source\" : 8", "\"reason\" : \"its \\\"version\\\" is 7\""}) {
    INFO(part);
    CHECK(machine.out.find(part) != std::string::npos);
  }
  CHECK(machine.run("lsdev --json=x") == 2);
}

TEST_CASE("a missing disk comes with the devices that wait or failed") {
  Machine machine;
  const Hardware hardware;
  CHECK(machine.run("ls vda:/") == 1);
  CHECK(
      machine.error ==
      "ls: vda: no such disk; there are none; waits deferred: waits for its interrupt controller; "
      "broken failed: its \"version\" is 7\n");
}

TEST_CASE("lsblk prints a line for each disk") {
  Machine machine;
  blk::Disk::Options options;
  options.read_only = true;
  options.write_cache = true;
  options.limits.logical_block_bytes = 4096;
  machine.add_disk("vda", Bytes(3 << 20), options);
  machine.add_disk("ram0", Bytes(1536));
  CHECK(machine.run("lsblk") == 0);
  CHECK(machine.out ==
        "NAME           SIZE  BLOCK  RO   QUEUES SCHED       CACHE\n"
        "vda              3M   4096 yes     1x64 none        write-back\n"
        "ram0           1.5K    512  no     1x64 none        write-through\n");
}

TEST_CASE("free prints who holds how many bytes") {
  Machine machine;
  const u64 before = memory_usage::held(Holder::RamDisk);
  memory_usage::hold(Holder::RamDisk, 123456);
  CHECK(machine.run("free") == 0);
  memory_usage::release(Holder::RamDisk, 123456);
  CHECK(machine.out.starts_with("HOLDER               BYTES\ntotal "));
  CHECK(machine.out.find("\nRAM disk    ") != std::string::npos);
  CHECK(machine.out.find(std::to_string(before + 123456) + "\nbuffers ") != std::string::npos);
  CHECK(machine.out.find("\nfree ") != std::string::npos);
  CHECK(machine.run("free now") == 2);
  CHECK(machine.run("free -m") == 2);
}

TEST_CASE("dmesg prints times, levels and lines") {
  Machine machine;
  machine.world.now_ticks = 12'345'678'901;
  log::warning("something is {}", "odd");
  CHECK(machine.run("dmesg") == 0);
  CHECK(machine.out.ends_with("[   12.345678] warning something is odd\n"));
}

TEST_CASE("stat and fsinfo describe what is there") {
  Machine machine;
  ImageBuilder image(fat16());
  const std::vector<u32> clusters = {50, 51, 60, 61, 70};
  image.add_file(image.root, "A       BIN", pattern(4 * image.cluster_bytes() + 1), clusters);
  machine.add_disk("vda", image.bytes);
  CHECK(machine.run("stat vda:/a.bin") == 0);
  CHECK(machine.out.find("type: file\nsize: 2049\n") != std::string::npos);
  CHECK(machine.out.find("first_cluster: 50\nextents: 3\n") != std::string::npos);
  CHECK(machine.run("stat vda:/") == 0);
  CHECK(machine.out.find("type: directory\n") != std::string::npos);
  for (const char* line : {"fsinfo vda", "fsinfo vda:", "fsinfo vda:/"}) {
    CHECK(machine.run(line) == 0);
    CHECK(machine.out.starts_with("type: FAT16\nlabel: "));
    CHECK(machine.out.find("sector_bytes: 512\ncluster_bytes: 512\nclusters: 4085\n") !=
          std::string::npos);
    CHECK(machine.out.find("free_clusters: 4080 (counted)\n") != std::string::npos);
  }
}

TEST_CASE("fsinfo --check says of each problem where it is, and fails where there is one") {
  Machine machine;
  ImageBuilder image(fat16());
  image.add_file(image.root, "A       BIN", pattern(3000), {50, 51, 60, 61, 70, 71});
  machine.add_disk("vda", image.bytes);
  image.set_entry(60, 50);
  machine.add_disk("vdb", image.bytes);
  CHECK(machine.run("fsinfo --check vda") == 0);
  CHECK(machine.out.starts_with("type: FAT16\n"));
  CHECK(machine.out.ends_with("error: no\nproblems: 0\n"));
  CHECK(machine.run("fsinfo vdb --check") == 1);
  CHECK(machine.out.ends_with(
      "problem: /A.BIN: its chain comes back to cluster 50 after 3 clusters\n"
      "problem: /A.BIN: its size is 3000 bytes, and its chain, from cluster 50 on, holds 1536\n"
      "problem: 3 clusters are in use and belong to no file that was reached, first cluster 61\n"
      "problems: 3\n"));
  CHECK(machine.error.empty());
}

TEST_CASE("lsdev shows a device below as many buses as the platform bus takes, and its child") {
  Machine machine;
  TestBus bus("test");
  std::vector<std::unique_ptr<dev::Device>> chain;
  for (u32 depth = 0; depth < dev::PlatformBus::kMaxDepth + 2; ++depth) {
    chain.push_back(std::make_unique<dev::Device>("device" + std::to_string(depth),
                                                  chain.empty() ? nullptr : chain.back().get()));
    REQUIRE(bus.add_device(*chain.back()));
  }
  CHECK(machine.run("lsdev") == 0);
  CHECK(machine.out.ends_with(std::string(20, ' ') + "device9  [no driver]  unbound\n"));
  for (; !chain.empty(); chain.pop_back()) {
    bus.remove_device(*chain.back());
  }
}

TEST_CASE("who asks for a disk whose device was unbound is told to bind it") {
  struct DiskDriver final : dev::Driver {
    using Driver::Driver;
    std::string_view bus_name() const override { return "test"; }
    std::string_view class_name() const override { return "block"; }
    Result<void> probe(dev::Device&) override { return {}; }
  };
  Machine machine;
  TestBus bus("test");
  dev::Device device("virtio0", nullptr);
  REQUIRE(bus.add_device(device));
  CHECK(machine.run("ls vda:/") == 1);  // no driver would make a disk of it
  CHECK(machine.error.find("bind") == std::string::npos);
  DiskDriver driver("disks");
  bus.add_driver(driver);
  CHECK(machine.run("unbind virtio0; ls vda:/") == 1);
  CHECK(machine.error ==
        "ls: vda: no such disk; there are none; virtio0 unbound: `bind` gives it to its driver\n");
  bus.remove_driver(driver);
  bus.remove_device(device);
}
