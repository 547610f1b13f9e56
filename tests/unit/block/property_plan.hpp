// What the property tests make up: a machine with its disks, and the steps of what happens to it;
// each says in words what it is, for RapidCheck's counterexamples. Everything is a plain number
// that shrinks towards the simplest case: one hart, one disk, one read of one block.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <vector>

#include "property_device.hpp"

namespace sluice::test {

inline constexpr u32 kPages = PropertyDevice::kBytes / 4096;
inline constexpr std::array<std::string_view, 3> kSchedulers{"none", "mq-deadline", "kyber"};

struct Machine {
  u32 harts = 1;
  u32 disks = 1;
  blk::TagSet::Shape shape{};
  blk::Limits limits{};
  u32 scheduler = 0;
  PropertyDevice::Ends ends = PropertyDevice::Ends::Later;
  bool express = false;  // the driver has queue_rqs
  bool write_cache = false;
  bool fua = false;
  u64 timeout_ns = 0;
};

inline std::ostream& operator<<(std::ostream& out, const Machine& machine) {
  static constexpr std::array<const char*, 3> kEnds{"later", "inline", "inline, together"};
  const blk::Limits& limits = machine.limits;
  return out << machine.harts << " harts, " << machine.disks << " disks, "
             << machine.shape.hw_queues << " queues (" << machine.shape.read_queues << " read, "
             << machine.shape.poll_queues << " poll) of " << machine.shape.depth
             << (machine.shape.merge ? "" : ", nomerges") << ", block "
             << limits.logical_block_bytes << ", " << limits.max_segments << " segments of "
             << limits.max_segment_bytes << ", " << limits.max_bytes << " bytes, boundary "
             << limits.boundary_bytes << ", zeroes " << limits.max_write_zeroes_bytes
             << ", discard " << limits.max_discard_bytes << ", " << kSchedulers[machine.scheduler]
             << ", ends " << kEnds[static_cast<usize>(machine.ends)]
             << (machine.express ? ", queue_rqs" : "") << (machine.write_cache ? ", cache" : "")
             << (machine.fua ? ", FUA" : "") << ", timeout " << machine.timeout_ns / 1000 << " us";
}

inline rc::Gen<Machine> machines() {
  return rc::gen::exec([] {
    using rc::gen::element;
    using rc::gen::inRange;
    Machine machine;
    machine.harts = *inRange<u32>(1, 5);
    machine.disks = *inRange<u32>(1, 3);
    blk::TagSet::Shape& shape = machine.shape;
    shape.hw_queues = *inRange<u32>(1, 5);
    shape.read_queues = std::min(*element<u32>(0, 0, 1), shape.hw_queues - 1);
    shape.poll_queues = std::min(*element<u32>(0, 0, 1), shape.hw_queues - 1 - shape.read_queues);
    shape.depth = *rc::gen::oneOf(inRange<u32>(1, 5), inRange<u32>(1, 65));
    shape.merge = *element(true, true, false);
    blk::Limits& limits = machine.limits;
    const u32 block = *element<u32>(512, 512, 4096);
    limits.logical_block_bytes = block;
    limits.max_segments = *inRange<u32>(1, 9);
    limits.max_segment_bytes =
        *element(~0u, ~0u, block, block / limits.max_segments + 1 + *inRange<u32>(0, 5000));
    limits.max_bytes = block * *inRange<u32>(1, 13);
    limits.boundary_bytes = *element<u32>(0, 0, block, 4 * block);
    limits.max_write_zeroes_bytes = u64{block} * *inRange<u32>(0, 5);
    limits.max_discard_bytes = u64{block} * *inRange<u32>(0, 5);
    machine.scheduler = *inRange<u32>(0, 3);
    machine.ends = *element(PropertyDevice::Ends::Later, PropertyDevice::Ends::Later,
                            PropertyDevice::Ends::Inline, PropertyDevice::Ends::InlineTogether);
    machine.express = *element(false, true);
    machine.write_cache = *element(false, true);
    machine.fua = machine.write_cache && *element(false, true);
    machine.timeout_ns = *element<u64>(0, 200'000, 5'000'000);
    return machine;
  });
}

// --- Steps ---------------------------------------------------------------------------------------

enum class Do : u8 {
  Bio,
  BadBio,
  Complete,
  Requeue,
  Device,
  Time,
  Poll,
  Schedule,
  Quiesce,
  Unquiesce,
  Freeze,
  Resize,
  Remove,
};

struct Step {
  Do what = Do::Bio;
  u32 hart = 0;
  u32 disk = 0;
  u32 where = 0;
  u32 count = 1;
  u32 how = 0;

  // Of a bio:
  Op op() const {
    static constexpr std::array kOps{Op::Read,  Op::Write, Op::Read,        Op::Write,
                                     Op::Flush, Op::Write, Op::WriteZeroes, Op::Discard};
    return kOps[how & 7];
  }
  u8 flags() const {
    u32 flags = 0;
    flags |= (how >> 3 & 3) == 3 ? blk::bio_flag::kPreflush : 0;
    flags |= (how >> 5 & 3) == 3 ? blk::bio_flag::kFua : 0;
    flags |= (how >> 7 & 3) == 3 ? blk::bio_flag::kPolled : 0;
    flags |= (how >> 9 & 3) == 3 ? blk::bio_flag::kNoMerge : 0;
    return static_cast<u8>(flags);
  }
  u32 cuts() const { return (how >> 11 & 1) == 0 ? 0 : how >> 12; }  // not 0: several segments
  bool plugged() const { return (how >> 13 & 1) != 0; }  // goes out together with the next
  bool again() const { return (how >> 14 & 3) == 3; }    // another one is submitted from its end_io
  bool behind_last() const { return (how >> 16 & 3) == 1; }  // it continues the one before
  bool before_last() const { return (how >> 16 & 3) == 3; }
  // Of Complete:
  Status status() const {
    static constexpr std::array kStatuses{Status::IoError,   Status::MediumError,
                                          Status::NoSpace,   Status::Unsupported,
                                          Status::Transient, Status::Transient};
    return (how & 3) != 3 ? Status::Ok : kStatuses[(how >> 2) % kStatuses.size()];
  }
  bool together() const { return (how >> 5 & 1) != 0; }
  bool in_irq() const { return (how >> 6 & 1) != 0; }
};

inline std::ostream& operator<<(std::ostream& out, const Step& step) {
  static constexpr std::array<const char*, 13> kNames{
      "",           "bad bio ", "complete ", "requeue", "device ", "time ", "poll",
      "scheduler ", "quiesce",  "unquiesce", "freeze",  "resize ", "remove"};
  static constexpr std::array<const char*, 6> kTold{"room ",     "busy ",     "fails ",
                                                    "swallows ", "stubborn ", "another hart "};
  out << "\n  hart " << step.hart << " disk " << step.disk << ": "
      << kNames[static_cast<usize>(step.what)];
  switch (step.what) {
    case Do::Bio:
      return out << to_string(step.op()) << " " << step.where << "+" << step.count << " flags "
                 << u32{step.flags()} << " cuts " << step.cuts() << (step.plugged() ? " plug" : "")
                 << (step.again() ? " again" : "") << (step.behind_last() ? " behind the last" : "")
                 << (step.before_last() ? " before the last" : "");
    case Do::BadBio:
      return out << step.how % 4;
    case Do::Complete:
      return out << step.count << " from " << step.where << ": " << to_string(step.status())
                 << (step.together() ? " together" : "") << (step.in_irq() ? " irq" : "");
    case Do::Device:
      return out << kTold[step.how % kTold.size()] << step.count;
    case Do::Schedule:
      return out << kSchedulers[step.how % kSchedulers.size()];
    case Do::Time:
    case Do::Resize:
      return out << step.where;
    default:
      return out;
  }
}

inline rc::Gen<std::vector<Step>> steps() {
  const auto what = rc::gen::weightedElement<Do>({{60, Do::Bio},
                                                  {3, Do::BadBio},
                                                  {25, Do::Complete},
                                                  {3, Do::Requeue},
                                                  {8, Do::Device},
                                                  {10, Do::Time},
                                                  {4, Do::Poll},
                                                  {2, Do::Schedule},
                                                  {2, Do::Quiesce},
                                                  {2, Do::Unquiesce},
                                                  {2, Do::Freeze},
                                                  {1, Do::Resize},
                                                  {1, Do::Remove}});
  using rc::gen::inRange;
  return rc::gen::scale(2.0, rc::gen::container<std::vector<Step>>(rc::gen::construct<Step>(
                                 what, rc::gen::resize(100, inRange<u32>(0, 4)), inRange<u32>(0, 2),
                                 rc::gen::resize(100, inRange<u32>(0, 500)),
                                 rc::gen::resize(100, inRange<u32>(1, 13)),
                                 rc::gen::resize(100, inRange<u32>(0, 1u << 20)))));
}

}  // namespace sluice::test
