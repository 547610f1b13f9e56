// QEMU's command line, start and end.
#include "qemu.hpp"

#include <initializer_list>

#include "tests/catch.hpp"

namespace qemu {
namespace {

constexpr const char* kProgram = "qemu-system-riscv64";

}  // namespace

Qemu::Qemu(const Disk& disk, std::span<const std::byte> image)
    : ram_(folder_.file("ram"), std::size_t{kRamMib} << 20) {
  folder_.write("disk.img", image);
  process_.emplace(words(disk), folder_.path());
  if (!process_->started()) {
    skip_test(std::string(kProgram) + " is not installed");
  }
  qtest_.socket().close_other_end();
  qmp_.socket().close_other_end();
  try {
    qmp_.greet();
    qtest_.intercept_interrupts(interrupt_controller());
  } catch (const Failure& failure) {
    throw Failure(failure.what() + ("\n" + process_->end(0)));
  }
}

std::vector<std::string> Qemu::words(const Disk& disk) {
  const auto socket = [](const std::string& id, LineSocket& of) {
    return "socket,id=" + id + ",fd=" + std::to_string(of.other_end());
  };
  const std::string ram = std::to_string(kRamMib) + "M";
  std::vector<std::string> words;
  const auto add = [&words](std::initializer_list<std::string> some) {
    words.insert(words.end(), some);
  };
  add({kProgram, "-machine", "virt,memory-backend=ram", "-accel", "tcg", "-S", "-m", ram});
  add({"-object", "memory-backend-file,id=ram,mem-path=ram,share=on,size=" + ram});
  // Nothing in the machine but what is asked for, and no firmware in its RAM.
  add({"-nodefaults", "-no-user-config", "-display", "none", "-bios", "none"});
  add({"-chardev", socket("qtest", qtest_.socket()), "-qtest", "chardev:qtest"});
  add({"-chardev", socket("qmp", qmp_.socket()), "-mon", "chardev=qmp,mode=control"});
  add({"-qtest-log", "none", "-d", "guest_errors,unimp", "-D", "guest_errors.log"});
  add({"-global", std::string("virtio-mmio.force-legacy=") + (disk.legacy ? "on" : "off")});
  add({"-blockdev", "driver=file,node-name=file,filename=disk.img,discard=unmap"});
  add({"-object", std::string("throttle-group,id=rate,x-iops-total=") + (disk.slow ? "1" : "0")});
  add({"-blockdev", "driver=throttle,node-name=image,throttle-group=rate,file=file,discard=unmap"});
  add({"-device", "virtio-blk-device,id=disk,drive=image,serial=" + std::string(kSerial) +
                      ",num-queues=" + std::to_string(disk.queues) + disk.more_properties});
  return words;
}

// It has no name of its own in QEMU's tree.
std::string Qemu::interrupt_controller() {
  const std::string folder = "/machine/unattached";
  const Json devices = qmp_.execute("qom-list", R"({"path": ")" + folder + R"("})");
  for (const Json& device : devices.items) {
    if (device["type"].text == "child<riscv.sifive.plic>") {
      return folder + "/" + device["name"].text;
    }
  }
  throw Failure("QEMU's machine has no PLIC");
}

std::string Qemu::quit() {
  qmp_.execute("quit");
  constexpr auto kBound = std::chrono::milliseconds(kLongestAnswer);
  const std::string printed = process_->end(static_cast<int>(kBound.count()));
  return folder_.read("guest_errors.log") + printed;
}

}  // namespace qemu
