// Making bios, and judging how they ended.
#include "property_bios.hpp"

namespace sluice::test {

PropertyBios::PropertyBios(const Machine& machine, PropertyDevice& device, Disks& disks)
    : machine_(machine),
      device_(device),
      disks_(disks),
      models_(machine.disks, std::vector<std::byte>(PropertyDevice::kBytes)),
      users_(machine.disks, std::vector<int>(PropertyDevice::kBytes / block())) {}

// --- Before --------------------------------------------------------------------------------------

u64 PropertyBios::place_of(const Step& step) const {
  const u64 last = PropertyDevice::kBytes / block() - step.count;
  if (step.behind_last() && last_end_ <= last) {
    return last_end_;
  }
  if (step.before_last() && step.count <= last_first_) {
    return last_first_ - step.count;
  }
  return step.where % (last + 1);
}

bool PropertyBios::use(const Io& io, u32 disk) {
  const auto first = users_[disk].begin() + static_cast<std::ptrdiff_t>(io.first_block);
  const auto end = first + static_cast<std::ptrdiff_t>(io.blocks);
  const bool reads = io.bio.op == Op::Read;
  if (std::any_of(first, end, [reads](int users) { return users < 0 || (users > 0 && !reads); })) {
    return false;
  }
  std::for_each(first, end, [reads](int& users) { users += reads ? 1 : -1; });
  return true;
}

Io* PropertyBios::make(const Step& step, u32 disk) {
  auto io = std::make_unique<Io>();
  io->step = step;
  io->bio.op = step.op();
  io->bio.flags = step.flags();
  if (io->bio.op != Op::Flush) {
    io->blocks = step.count;
    io->first_block = place_of(step);
    io->bio.sector = Sector(io->first_block * block() / blk::kSectorBytes);
    if (!use(*io, disk)) {
      return nullptr;
    }
    last_first_ = io->first_block;
    last_end_ = io->first_block + io->blocks;
  }
  if (blk::carries_data(io->bio.op)) {
    cut(*io, io->blocks * block());
  } else {
    io->bio.range_bytes = io->blocks * block();
  }
  return add(std::move(io), disk);
}

Io* PropertyBios::make_bad(const Step& step, u32 disk) {
  auto io = std::make_unique<Io>();
  io->step.what = Do::BadBio;
  io->bio.op = Op::Write;
  cut(*io, step.how % 4 == 3 ? 0 : block());
  if (step.how % 4 == 0) {
    io->segments[0].bytes -= 1;
  } else if (step.how % 4 == 1) {
    io->bio.sector = Sector(PropertyDevice::kBytes / blk::kSectorBytes * (1 + step.where));
  } else if (step.how % 4 == 2) {
    io->segments[0].data = nullptr;
  }
  return add(std::move(io), disk);
}

Io* PropertyBios::make_filler(blk::QueueType type, u32 disk) {
  auto io = std::make_unique<Io>();
  io->step.what = Do::BadBio;
  io->bio.op = type == blk::QueueType::Read ? Op::Read : Op::Write;
  io->bio.flags = blk::bio_flag::kNoMerge;
  if (type == blk::QueueType::Poll) {
    io->bio.flags |= blk::bio_flag::kPolled;
  }
  cut(*io, block());
  return add(std::move(io), disk);
}

// Gives it memory, in pieces as its step says, with a content that no other has.
void PropertyBios::cut(Io& io, u64 bytes) {
  u32 random = io.step.cuts();
  while (bytes > 0) {
    u64 piece = bytes;
    if (random != 0) {
      random = random * 1664525 + 1013904223;
      piece = random >> 30 == 0 ? block() : 1 + (random >> 16) % (2 * block());
    }
    piece = std::min(piece, bytes);
    io.memory.push_back(std::make_unique<std::byte[]>(piece));
    for (u64 at = 0; at < piece; ++at) {
      io.memory.back()[at] = static_cast<std::byte>(content_ += 37);
    }
    content_ += 11;
    io.segments.push_back({io.memory.back().get(), static_cast<u32>(piece)});
    bytes -= piece;
  }
}

Io* PropertyBios::add(std::unique_ptr<Io> io, u32 disk) {
  io->disk = disk;
  io->bio.segments = io->segments;
  io->bio.context = this;
  io->bio.end_io = [](Bio& bio) { static_cast<PropertyBios*>(bio.context)->ended(bio); };
  by_bio_[&io->bio] = io.get();
  ios_.push_back(std::move(io));
  return ios_.back().get();
}

void PropertyBios::submit(Io& io) {
  expect(io.bio);
  disks_[io.disk]->submit(io.bio);
}

void PropertyBios::expect(const Bio& bio) {
  Io& io = *by_bio_.at(&bio);
  io.submitted = true;
  io.hart = port::this_hart().index;
  io.expected = refusal_of(io);
  if (!io.expected) {
    io.counted = bio.op != Op::Flush;
    io.too_fine = is_too_fine(io);
  }
}

// The status of what does not reach the device.
std::optional<Status> PropertyBios::refusal_of(const Io& io) const {
  const Bio& bio = io.bio;
  const blk::Limits& limits = machine_.limits;
  const Disk& disk = *disks_[io.disk];
  const bool durable = (bio.flags & (blk::bio_flag::kFua | blk::bio_flag::kPreflush)) != 0;
  if (disk.removed()) {
    return Status::Removed;
  }
  if ((bio.op == Op::Discard && limits.max_discard_bytes == 0) ||
      (bio.op == Op::WriteZeroes && limits.max_write_zeroes_bytes == 0) ||
      (durable && bio.op != Op::Write && bio.op != Op::Flush) ||
      std::any_of(io.segments.begin(), io.segments.end(),
                  [](const Segment& segment) { return segment.data == nullptr; })) {
    return Status::Unsupported;
  }
  if (bio.bytes() % block() != 0) {
    return Status::Misaligned;
  }
  if (bio.sector.value() + bio.bytes() / blk::kSectorBytes > disk.sectors() &&
      bio.op != Op::Flush) {
    return Status::OutOfRange;
  }
  const bool goes_to_device = bio.bytes() > 0 || (machine_.write_cache && bio.op == Op::Flush);
  return goes_to_device ? std::nullopt : std::optional(Status::Ok);
}

// Has it a block that no request holds?
bool PropertyBios::is_too_fine(const Io& io) const {
  u64 left_in_block = block();
  u32 pieces = 0;
  for (const Segment& segment : io.segments) {
    for (u64 left = segment.bytes; left > 0;) {
      const u64 piece = std::min({left, left_in_block, u64{machine_.limits.max_segment_bytes}});
      if (++pieces > machine_.limits.max_segments) {
        return true;
      }
      left -= piece;
      left_in_block -= piece;
      if (left_in_block == 0) {
        left_in_block = block();
        pieces = 0;
      }
    }
  }
  return false;
}

// --- After ---------------------------------------------------------------------------------------

bool PropertyBios::all_ended() const {
  return std::all_of(ios_.begin(), ios_.end(), [](const auto& io) { return io->ends == 1; });
}

void PropertyBios::ended(Bio& bio) {
  Io& io = *by_bio_.at(&bio);
  if (++io.ends != 1) {
    device_.complain("a bio ended twice");
    return;
  }
  judge_status(io);
  judge_content(io);
  for (u64 at = io.first_block; at < io.first_block + io.blocks; ++at) {
    users_[io.disk][at] -= bio.op == Op::Read ? 1 : -1;
  }
  if (io.step.what == Do::Bio && io.step.again() && port::this_hart().context != Context::Irq) {
    Step next = io.step;
    next.how &= ~(3u << 14);
    if (Io* const another = make(next, io.disk)) {
      submit(*another);
    }
  }
}

void PropertyBios::judge_status(const Io& io) {
  const std::set<Status>& said = device_.disks[io.disk].said;
  const Status status = io.bio.status;
  bool plausible = status == (io.too_fine ? Status::Misaligned : Status::Ok);
  plausible = plausible || said.contains(status);
  if (io.expected) {
    plausible = status == *io.expected || (status == Status::Removed && said.contains(status));
  }
  if (!plausible) {
    device_.complain("a " + std::string(to_string(io.bio.op)) + " of sector " +
                     std::to_string(io.bio.sector.value()) + " ended with \"" +
                     std::string(to_string(status)) + "\"");
  }
}

void PropertyBios::judge_content(const Io& io) {
  const Bio& bio = io.bio;
  if (io.expected || io.blocks == 0) {
    return;
  }
  const auto start = static_cast<std::ptrdiff_t>(io.first_byte());
  const auto bytes = static_cast<std::ptrdiff_t>(bio.bytes());
  const auto in_model = models_[io.disk].begin() + start;
  const auto on_disk = device_.disks[io.disk].memory.begin() + start;
  if (bio.status != Status::Ok) {
    if (bio.op != Op::Read) {
      std::copy_n(on_disk, bytes, in_model);  // whatever part of it was carried out
    }
    return;
  }
  if (!blk::carries_data(bio.op)) {
    std::fill_n(in_model, bytes, std::byte{0});
  }
  auto at = in_model;
  for (const Segment& segment : io.segments) {
    if (bio.op == Op::Write) {
      std::copy_n(segment.data, segment.bytes, at);
    } else if (!std::equal(segment.data, segment.data + segment.bytes, at)) {
      device_.complain("a read brought what was not there");
    }
    at += segment.bytes;
  }
  if (!std::equal(in_model, in_model + bytes, on_disk)) {
    device_.complain("what was written is not on the disk");
  }
}

}  // namespace sluice::test
