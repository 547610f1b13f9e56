// Asking the firmware, and doing without.
#include <sluice/boot/firmware.hpp>

#include <array>

#include <sluice/boot/csr.hpp>
#include <sluice/boot/sbi.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/timer.hpp>

extern "C" void _start();  // NOLINT(readability-identifier-naming): the linker script's
extern "C" sluice::u32 start_is_taken;  // entry.S

namespace sluice::boot {
namespace {

constexpr u64 kBase = 0x10;
constexpr u64 kMostWrites = 1 << 20;  // that took nothing: the console is stuck
constexpr u64 kPollIntervalNs = 10'000'000;

struct Name {
  std::string_view name;
  u64 id;
};
// By Extension.
constexpr std::array<Name, 10> kNames{{{"TIME", sbi::kTime},
                                       {"IPI", sbi::kIpi},
                                       {"RFENCE", sbi::kRfence},
                                       {"HSM", sbi::kHsm},
                                       {"SRST", sbi::kReset},
                                       {"DBCN", sbi::kDebugConsole},
                                       {"legacy set_timer", sbi::kLegacySetTimer},
                                       {"legacy putchar", sbi::kLegacyPutchar},
                                       {"legacy getchar", sbi::kLegacyGetchar},
                                       {"legacy shutdown", sbi::kLegacyShutdown}}};
constexpr u32 kLegacy = 0x3c0;  // SBI 0.1 had these and no way to ask

constinit u32 present = 0;  // a bit per Extension
constinit u64 version = 0;  // of the SBI: major << 24 | minor
constinit u64 implementation = 0;

// Puts the names of the extensions in `set` into a line.
void put_names(Sink& out, u32 set) {
  std::string_view separator;
  for (usize i = 0; i < kNames.size(); ++i) {
    if ((set >> i & 1) != 0) {
      format_to(out, "{}{}", separator, kNames[i].name);
      separator = ", ";
    }
  }
}

constexpr u32 bit(Extension extension) {
  return u32{1} << static_cast<u32>(extension);
}
constexpr u32 kForHarts = bit(Extension::Ipi) | bit(Extension::Rfence) | bit(Extension::Hsm);

class FirmwareConsole final : public console::Device {
 public:
  void write(std::string_view bytes) override;
  bool is_transparent() const override { return false; }  // OpenSBI puts a \r before each \n
  int read() override;
  void enable_input() override { poll(); }

 private:
  void poll();
  int next_ = -1;  // a byte that has come
  Timer poll_timer_{[](void* self) { static_cast<FirmwareConsole*>(self)->poll(); }, this};
};

void FirmwareConsole::write(std::string_view bytes) {
  if (!firmware_has(Extension::DebugConsole)) {
    for (const char c : firmware_has(Extension::LegacyPutchar) ? bytes : std::string_view()) {
      sbi::call(sbi::kLegacyPutchar, 0, static_cast<u8>(c));
    }
    return;
  }
  for (u64 idle_calls = 0; !bytes.empty() && idle_calls < kMostWrites; ++idle_calls) {
    const auto [error, written] =
        sbi::call(sbi::kDebugConsole, 0, bytes.size(), reinterpret_cast<u64>(bytes.data()), 0);
    if (error != 0 || static_cast<u64>(written) > bytes.size()) {
      return;
    }
    if (written > 0) {
      bytes.remove_prefix(static_cast<usize>(written));
      idle_calls = 0;
    }
  }
}

int FirmwareConsole::read() {
  if (next_ < 0) {
    poll();
  }
  const int byte = next_;
  next_ = -1;
  return byte;
}

// Looks now, and again later for as long as nothing has come: the firmware gives no interrupt.
void FirmwareConsole::poll() {
  if (next_ >= 0) {
    return;
  }
  if (firmware_has(Extension::DebugConsole)) {
    u8 byte = 0;
    const auto [error, count] = sbi::call(sbi::kDebugConsole, 1, 1, reinterpret_cast<u64>(&byte));
    next_ = error == 0 && count == 1 ? byte : -1;
  } else if (firmware_has(Extension::LegacyGetchar)) {
    const i64 byte = sbi::call(sbi::kLegacyGetchar, 0).error;
    next_ = byte >= 0 && byte <= 0xff ? static_cast<int>(byte) : -1;
  } else {
    return;
  }
  if (next_ < 0) {
    poll_timer_.arm(clock::now_ns() + kPollIntervalNs);
  }
}

}  // namespace

void probe_firmware() {
  const sbi::Return spec = sbi::call(kBase, 0);
  if (spec.error != 0) {
    present = kLegacy;
    return;
  }
  version = static_cast<u64>(spec.value);
  implementation = static_cast<u64>(sbi::call(kBase, 1).value);
  present = 0;
  for (usize i = 0; i < kNames.size(); ++i) {
    const sbi::Return found = sbi::call(kBase, 3, kNames[i].id);
    present |= (found.error == 0 && found.value != 0 ? u32{1} : 0) << i;
  }
}

bool firmware_has(Extension extension) {
  return (present & bit(extension)) != 0;
}

bool firmware_runs_harts() {
  return (present & kForHarts) == kForHarts;
}

void report_firmware(u32 harts, bool has_sstc) {
  std::array<char, 160> line;
  BufferSink names(line);
  put_names(names, present & ~kLegacy);
  log::info("firmware: SBI {}.{}, implementation {}: {}", version >> 24, version & 0xff'ffff,
            implementation, names.text());
  if (harts > 1 && !firmware_runs_harts()) {
    BufferSink missing(line);
    put_names(missing, kForHarts & ~present);
    log::warning("firmware: lacks {}: the other {} harts are left alone", missing.text(),
                 harts - 1);
  }
  if (has_sstc) {
    log::info("timer: Sstc");
  } else if (firmware_has(Extension::Time)) {
    log::info("timer: the firmware's (SBI TIME)");
  } else if (firmware_has(Extension::LegacyTimer)) {
    log::info("timer: the firmware's (SBI legacy set_timer)");
  } else {
    log::warning(
        "timer: none: the firmware lacks TIME, and the harts have no Sstc; nothing that waits for "
        "a time ends");
  }
}

void set_firmware_timer(u64 ticks) {
  if (firmware_has(Extension::Time)) {
    sbi::call(sbi::kTime, 0, ticks);
  } else if (firmware_has(Extension::LegacyTimer)) {
    sbi::call(sbi::kLegacySetTimer, 0, ticks);
  }
}

void firmware_shut_down() {
  if (firmware_has(Extension::Reset)) {
    sbi::call(sbi::kReset, 0, 0, 0);
  }
  if (firmware_has(Extension::LegacyShutdown)) {
    sbi::call(sbi::kLegacyShutdown, 0);
  }
}

void firmware_reboot() {
  constexpr u64 kColdReboot = 1;
  if (firmware_has(Extension::Reset)) {
    sbi::call(sbi::kReset, 0, kColdReboot, 0);
  }
}

// Once the other hart runs, it has this one's stack and data: registers alone are used from there
// on.
i64 boot_on(u64 id, u64 tree_address) {
  start_is_taken = 0;
  register u64 a0 asm("a0") = id;
  register u64 a1 asm("a1") = reinterpret_cast<u64>(&_start);
  register u64 a2 asm("a2") = tree_address;
  register u64 a6 asm("a6") = 0;
  register u64 a7 asm("a7") = sbi::kHsm;
  asm volatile(
      "ecall\n\t"
      "bnez a0, 2f\n\t"
      "csrw sie, zero\n\t"
      "li a6, 1\n\t"
      "ecall\n\t"
      "1: wfi\n\t"
      "j 1b\n\t"
      "2:"
      : "+r"(a0), "+r"(a1), "+r"(a6)
      : "r"(a2), "r"(a7)
      : "memory");
  start_is_taken = 1;
  return static_cast<i64>(a0);
}

console::Device& firmware_console() {
  static FirmwareConsole line;
  return line;
}

}  // namespace sluice::boot
