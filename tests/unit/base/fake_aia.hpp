// An APLIC's domain and the interrupt files of harts, as the test process plays them.
// Used by the tests of drivers/irqchip; written from the RISC-V Advanced Interrupt Architecture
// 1.0, chapters 3 and 4, and strict where it leaves the driver no freedom.
#pragma once

#include <functional>

#include "tests/port/world.hpp"
#include "tests/unit/base/fake_devices.hpp"

namespace sluice::test {

// A supervisor-level interrupt file with 64-bit registers.
class FakeFile final : public InterruptFile {
 public:
  explicit FakeFile(u32 identities = 255) : identities_(identities) {}

  bool refuses_delivery = false;  // eidelivery is WARL (3.8.1)
  u64 delivery = 0x4000'0000;     // as a firmware may have left it
  u64 threshold = 7;
  std::bitset<2048> enabled, pending;

  void message(u32 identity) {  // a store to its page (3.5)
    if (identity != 0 && identity <= identities_) {
      pending[identity] = true;
    }
  }
  u32 best() const {
    for (u32 i = 1; delivery == 1 && i <= identities_; ++i) {
      if (enabled[i] && pending[i] && (threshold == 0 || i < threshold)) {
        return i;
      }
    }
    return 0;
  }

  u64 read(u32 select) override {
    check(select);
    return select == 0x70 ? delivery : select == 0x72 ? threshold : word(bits(select), select);
  }
  void write(u32 select, u64 value) override {
    check(select);
    if (select == 0x70) {
      delivery = refuses_delivery ? 0 : value;
    } else if (select == 0x72) {
      threshold = value;
    } else {
      for (u32 i = 0; i < 64; ++i) {
        bits(select)[first(select) + i] = (value >> i & 1) != 0;
      }
    }
  }
  u32 claim() override {
    const u32 identity = best();
    pending[identity] = false;
    return identity << 16 | identity;
  }

 private:
  static u32 first(u32 select) { return (select & 0x3f) * 32; }
  std::bitset<2048>& bits(u32 select) { return select < 0xc0 ? pending : enabled; }
  static u64 word(const std::bitset<2048>& bits, u32 select) {
    u64 value = 0;
    for (u32 i = 0; i < 64; ++i) {
      value |= u64{bits[first(select) + i]} << i;
    }
    return value;
  }
  void check(u32 select) const {
    const bool array = select >= 0x80 && select < 0x100;
    // 3.8: with 64 bits, registers with odd numbers are an illegal instruction.
    if ((select != 0x70 && select != 0x72 && !array) ||
        (array && (select % 2 != 0 || first(select) > identities_))) {
      throw std::logic_error("siselect " + std::to_string(select));
    }
    if (World::current().mine().irqs_on) {
      throw std::logic_error("siselect is another's as soon as an interrupt comes");
    }
  }
  u32 identities_;
};

class FakeAplic final : public FakeRegisters {
 public:
  enum Mode : u32 { Inactive = 0, Detached = 1, Edge1 = 4, Edge0 = 5, Level1 = 6, Level0 = 7 };
  static constexpr u32 kSources = 1024;
  explicit FakeAplic(u64 bytes = 0x8000, u32 last_source = 95)
      : FakeRegisters(bytes), last_(last_source) {
    for (u32 i = 1; i <= last_source && i < kSources; ++i) {
      enabled[i] = true;  // as a firmware may have left it
    }
  }

  u32 domaincfg_mask = 0x104;  // what of IE and DM it takes
  u32 domaincfg = 0;
  std::array<u32, kSources> sourcecfg{}, target{};
  std::bitset<kSources> wire, pending, enabled, undelegated;
  struct Idc {
    u32 delivery = 0, force = 1, threshold = 1;
  };
  std::map<u32, Idc> idcs;
  std::function<void(u32 hart_index, u32 identity)> send;
  bool eager = false;  // makes pending what is not there, too, as QEMU before 9.0 does
  u32 lie = 0;         // what a claim answers instead, where it is not 0

  bool msi() const { return (domaincfg & 4) != 0; }
  bool rectified(u32 i) const {  // 4.5.2
    const u32 mode = sourcecfg[i];
    return mode == Level1 || mode == Edge1 ? wire[i]
                                           : (mode == Level0 || mode == Edge0) && !wire[i];
  }
  bool is_level(u32 i) const { return sourcecfg[i] >= Level1; }

  void set_wire(u32 i, bool up) {
    const bool before = rectified(i);
    wire[i] = up;
    changed(i, before);
  }
  u32 best(u32 place) const {  // 4.8.1.4; all priorities are alike unless the driver says otherwise
    const auto found = idcs.find(place);
    u32 source = 0;
    if ((domaincfg & 0x100) == 0 || found == idcs.end() || found->second.delivery != 1) {
      return 0;
    }
    for (u32 i = 1; i <= last_; ++i) {
      const u32 priority = std::max(target[i] & 0xff, 1u);
      const u32 threshold = found->second.threshold;
      const bool here = pending[i] && enabled[i] && target[i] >> 18 == place;
      if (here && (threshold == 0 || priority < threshold) &&
          (source == 0 || priority < (target[source] & 0xff))) {
        source = i;
      }
    }
    return source;
  }

  u32 read32(u64 offset) override {
    check("read32", offset, 4);
    if (offset == 0) {
      return 0x8000'0000 | domaincfg;
    }
    if (offset < 0x1000) {
      return sourcecfg[known(offset / 4)];
    }
    if (offset >= 0x1d00 && offset < 0x1d80) {  // in_clrip (4.5.6)
      u32 word = 0;
      for (u32 i = 0; i < 32; ++i) {
        word |= u32{rectified(static_cast<u32>(offset - 0x1d00) * 8 + i)} << i;
      }
      return word;
    }
    if (offset >= 0x4000 && offset % 32 == 0x1c) {  // claimi (4.8.1.5)
      if (lie != 0) {
        return lie << 16;
      }
      const u32 source = best(place_of(offset));
      pending[source] = source != 0 && is_level(source);
      return source << 16 | (target[source] & 0xff);
    }
    return wrong<u32>("read32", offset);
  }
  void write32(u64 offset, u32 value) override {
    check("write32", offset, 4);
    if (offset == 0) {
      domaincfg = value & domaincfg_mask;
    } else if (offset < 0x1000) {
      const u32 i = known(offset / 4);
      const bool before = rectified(i);
      sourcecfg[i] = undelegated[i] ? 0 : value;
      changed(i, before);
    } else if (offset == 0x1cdc) {  // setipnum (4.7, 4.9.2)
      const u32 i = known(value);
      const bool level = !eager && is_level(i);
      pending[i] = level ? (msi() ? rectified(i) : pending[i]) : sourcecfg[i] != Inactive;
    } else if (offset == 0x1edc) {  // setienum
      enabled[known(value)] = sourcecfg[value] != Inactive;
    } else if (offset == 0x1fdc) {  // clrienum
      enabled[known(value)] = false;
    } else if (offset >= 0x3004 && offset < 0x4000) {
      const u32 i = known((offset - 0x3000) / 4);
      if (sourcecfg[i] == Inactive) {
        wrong<u8>("target of an inactive source", offset);  // 4.5.16: it is read-only zero
      }
      target[i] = value;
    } else if (offset >= 0x4000 && !msi() && offset % 32 == 0x00) {
      idcs[place_of(offset)].delivery = value;
    } else if (offset >= 0x4000 && !msi() && offset % 32 == 0x04) {
      idcs[place_of(offset)].force = value;
    } else if (offset >= 0x4000 && !msi() && offset % 32 == 0x08) {
      idcs[place_of(offset)].threshold = value;
    } else {
      wrong<u8>("write32", offset);
    }
    forward();
  }

 private:
  static u32 place_of(u64 offset) { return static_cast<u32>((offset - 0x4000) / 32); }
  u32 known(u64 source) const {
    return source >= 1 && source <= last_ ? static_cast<u32>(source)
                                          : wrong<u32>("no such source", source);
  }
  void changed(u32 i, bool before) {
    if (is_level(i) && !msi()) {
      pending[i] = rectified(i);
    } else if (!before && rectified(i)) {
      pending[i] = true;
    } else if (is_level(i) && !rectified(i)) {
      pending[i] = false;
    }
    forward();
  }
  void forward() {  // 4.9
    for (u32 i = 1; (domaincfg & 0x104) == 0x104 && i <= last_; ++i) {
      if (pending[i] && enabled[i]) {
        pending[i] = false;
        send(target[i] >> 18, target[i] & 0x7ff);
      }
    }
  }
  u32 last_;
};

}  // namespace sluice::test
