// The floor: 4 KiB random reads from one virtio-mmio disk through one split ring, nothing above it.
// Used by ./run.sh bench and tools/count_instructions.sh as the least that a QEMU allows; nothing
// is taken from kernel/ or drivers/, on purpose. Reference: virtio 1.2, 2.7 (split
// virtqueues), 4.2.2 (MMIO registers), 5.2 (block device).
//
// The machine is QEMU's virt, whose addresses are fixed; the disk is the first of version 2 in the
// eight slots. Numbers on the kernel command line:
//   ring.depth=N   reads in flight, 1 to 256 (1)
//   ring.batch=N   that many are replaced at once, with one notify (1). All of the depth: lockstep,
//                  the device idles while the guest works. Less: the two overlap.
//   ring.ios=N     reads in all (as many as the depth)
//   ring.polled=1  no interrupts: spin on the used index
// Prints one line of key=value; `first` is what block 0 begins with, read at the end.
#include "machine.hpp"

namespace {

using namespace machine;

constexpr u64 kPlic = 0x0c00'0000;
constexpr u64 kSlots = 0x1000'1000;
constexpr u64 kSlotBytes = 0x1000;

// Offsets of the disk's registers that are used: 4.2.2.
constexpr u64 kMagic = 0x000, kVersion = 0x004, kDeviceId = 0x008;
constexpr u64 kDriverFeatures = 0x020, kDriverFeaturesSelect = 0x024;
constexpr u64 kQueueMax = 0x034, kQueueSize = 0x038, kQueueReady = 0x044, kQueueNotify = 0x050;
constexpr u64 kInterruptAck = 0x064, kStatus = 0x070;
constexpr u64 kQueueDescriptors = 0x080, kQueueDriver = 0x090, kQueueDevice = 0x0a0;
constexpr u64 kCapacity = 0x100;

constexpr u32 kRing = 1024;
constexpr u32 kMaxDepth = 256;
constexpr u32 kStride = 4;  // descriptors per request: a power of two, although three are used
constexpr u32 kBlock = 4096;

struct Descriptor {
  u64 address;
  u32 length;
  u16 flags;
  u16 next;
};
constexpr u16 kNext = 1;
constexpr u16 kDeviceWrites = 2;

struct Available {
  u16 flags;
  u16 index;
  u16 ring[kRing];
  u16 used_event;
};

struct Used {
  u16 flags;
  u16 index;
  struct {
    u32 id;
    u32 length;
  } ring[kRing];
  u16 available_event;
};

struct Header {
  u32 type;  // 0: read
  u32 reserved;
  u64 sector;
};

// All that is shared with the device.
alignas(16) volatile Descriptor descriptors[kRing];
volatile Available available;
alignas(4) volatile Used used;
volatile Header headers[kMaxDepth];
volatile u8 statuses[kMaxDepth];
alignas(kBlock) volatile u64 data[kMaxDepth][kBlock / sizeof(u64)];

u64 device;               // where its registers are
volatile u32* claim;      // the interrupt controller's, for this hart
volatile u64 interrupts;  // taken

u64 find_slot() {
  for (u64 slot = 0; slot < 8; ++slot) {
    const u64 base = kSlots + slot * kSlotBytes;
    if (reg(base + kMagic) == 0x7472'6976 && reg(base + kVersion) == 2 &&
        reg(base + kDeviceId) == 2) {
      return slot;
    }
  }
  fail("no disk of virtio-mmio version 2\n");
}

// 3.1.1, with VERSION_1 and EVENT_IDX.
void start_device() {
  const auto write = [](u64 offset, u64 value) { reg(device + offset) = static_cast<u32>(value); };
  const auto write_address = [&](u64 offset, const volatile void* memory) {
    write(offset, reinterpret_cast<u64>(memory));
    write(offset + 4, reinterpret_cast<u64>(memory) >> 32);
  };
  write(kStatus, 0);
  write(kStatus, 3);  // ACKNOWLEDGE, DRIVER
  write(kDriverFeaturesSelect, 0);
  write(kDriverFeatures, 1 << 29);
  write(kDriverFeaturesSelect, 1);
  write(kDriverFeatures, 1);
  write(kStatus, 11);  // and FEATURES_OK
  if (reg(device + kStatus) != 11 || reg(device + kQueueMax) < kRing) {
    fail("features refused, or a ring that is too short\n");
  }
  write(kQueueSize, kRing);
  write_address(kQueueDescriptors, descriptors);
  write_address(kQueueDriver, &available);
  write_address(kQueueDevice, &used);
  write(kQueueReady, 1);
  write(kStatus, 15);  // and DRIVER_OK
  for (u32 slot = 0; slot < kMaxDepth; ++slot) {
    const auto describe = [&](u32 part, const volatile void* memory, u32 length, u16 flags) {
      volatile Descriptor& one = descriptors[slot * kStride + part];
      one.address = reinterpret_cast<u64>(memory);
      one.length = length;
      one.flags = flags;
      one.next = static_cast<u16>(slot * kStride + part + 1);
    };
    describe(0, &headers[slot], sizeof(Header), kNext);
    describe(1, data[slot], kBlock, kNext | kDeviceWrites);
    describe(2, &statuses[slot], 1, kDeviceWrites);
  }
}

[[gnu::interrupt("supervisor"), gnu::aligned(4)]] void on_interrupt() {
  const u32 source = *claim;
  reg(device + kInterruptAck) = 1;
  *claim = source;
  interrupts = interrupts + 1;
}

void take_interrupts(u64 hart, u64 source) {
  const u64 context = 2 * hart + 1;  // its supervisor mode
  reg(kPlic + 4 * source) = 1;
  reg(kPlic + 0x2000 + 0x80 * context) = u32{1} << source;
  reg(kPlic + 0x20'0000 + 0x1000 * context) = 0;
  claim = &reg(kPlic + 0x20'0004 + 0x1000 * context);
  asm volatile("csrw stvec, %0\n\tcsrw sie, %1" ::"r"(&on_interrupt), "r"(u64{1} << 9));
}

struct Ring {
  bool polled;
  u64 blocks;  // of the disk
  u64 random = 1;
  u64 notifies = 0;
  u16 submitted = 0;
  u16 taken = 0;

  u16 completed() const { return static_cast<u16>(used.index - taken); }

  void submit(u32 slot) {
    random = random * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    statuses[slot] = 0xff;
    headers[slot].sector = ((random >> 32) * blocks >> 32) * (kBlock / 512);
    available.ring[submitted++ % kRing] = static_cast<u16>(slot * kStride);
  }

  // 2.7.13: the index, then a notify if the device asked for one (2.7.10).
  void publish() {
    const u16 count = static_cast<u16>(submitted - available.index);
    fence();
    available.index = submitted;
    fence();
    if (static_cast<u16>(submitted - used.available_event - 1) < count) {
      reg(device + kQueueNotify) = 0;
      ++notifies;
    }
  }

  void wait(u64 count) {
    // Polled: the one asked for is past.
    available.used_event = static_cast<u16>(polled ? taken - 1 : taken + count - 1);
    fence();
    while (completed() < count) {
      if (!polled) {
        // Off but for one instruction: wfi ends when one is pending, so that none is slept over.
        asm volatile("wfi\n\tcsrsi sstatus, 2\n\tcsrci sstatus, 2" ::: "memory");
      }
    }
    fence();
  }

  // The slot of the oldest that has completed.
  u32 take() {
    const u32 slot = used.ring[taken++ % kRing].id / kStride;
    if (statuses[slot] != 0) {
      fail("a read failed\n");
    }
    return slot;
  }

  void run(u64 ios, u32 depth, u32 batch) {
    u64 left = ios - depth;
    for (u32 slot = 0; slot < depth; ++slot) {
      submit(slot);
    }
    publish();
    for (u64 flying = depth; flying > 0;) {
      const u64 count = std::min<u64>(batch, flying);
      wait(count);
      for (u64 done = 0; done < count; ++done) {
        const u32 slot = take();
        if (left > 0) {
          --left;
          submit(slot);
        } else {
          --flying;
        }
      }
      publish();
    }
  }
};

}  // namespace

extern "C" [[noreturn]] void bare_ring(u64 hart, const u8* tree) {
  const u32 tree_bytes = u32{tree[4]} << 24 | u32{tree[5]} << 16 | u32{tree[6]} << 8 | tree[7];
  const std::string_view words(reinterpret_cast<const char*>(tree), tree_bytes);
  const u32 depth = static_cast<u32>(number(words, "ring.depth=", 1, kMaxDepth));
  const u32 batch = static_cast<u32>(number(words, "ring.batch=", 1, depth));
  const u64 ios = number(words, "ring.ios=", depth, 1'000'000'000);
  const u64 slot = find_slot();
  device = kSlots + slot * kSlotBytes;
  start_device();
  take_interrupts(hart, slot + 1);
  const u64 sectors = reg(device + kCapacity) | u64{reg(device + kCapacity + 4)} << 32;
  Ring ring{.polled = number(words, "ring.polled=", 0, 1) == 1, .blocks = sectors * 512 / kBlock};

  const u64 start = ticks();
  ring.run(ios, depth, batch);
  print("ios=", ios);
  print(" elapsed_ns=", (ticks() - start) * kTickNs);
  print(" notifies=", ring.notifies);
  print(" interrupts=", interrupts);
  ring.blocks = 1;
  ring.run(1, 1, 1);
  print(" first=", data[0][0], 16);
  print("\n");
  end(0);
}
