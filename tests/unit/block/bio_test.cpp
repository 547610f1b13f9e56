// Bios by themselves: lengths, words, and the walk over segments.
#include <sluice/drivers/block/bio.hpp>

#include "test_device.hpp"

namespace sluice::test {
namespace {

std::vector<u32> lengths(const blk::SegmentRange& range) {
  std::vector<u32> result;
  for (const Segment segment : range) {
    result.push_back(segment.bytes);
  }
  return result;
}

TEST_CASE("a bio's bytes are those of its segments, of its range, or none") {
  TestBio read(Op::Read, 0, {512, 0, 1024});
  read.bio.range_bytes = 99;
  CHECK(read.bio.bytes() == 1536);
  CHECK(TestBio::range(Op::Discard, 0, u64{1} << 40)->bio.bytes() == u64{1} << 40);
  CHECK(TestBio::range(Op::Flush, 0, 512)->bio.bytes() == 0);
}

TEST_CASE("a segment range passes over empty segments and clips at both ends") {
  const TestBio bio(Op::Read, 0, {0, 100, 0, 300, 112, 0});
  CHECK(lengths({&bio.bio, {}, 512, ~u32{0}}) == std::vector<u32>{100, 300, 112});
  CHECK(lengths({&bio.bio, {1, 60}, 140, ~u32{0}}) == std::vector<u32>{40, 100});
  CHECK(lengths({&bio.bio, {1, 100}, 300, ~u32{0}}) == std::vector<u32>{300});
  CHECK(lengths({&bio.bio, {}, 0, ~u32{0}}).empty());
}

TEST_CASE("a segment range cuts at the longest segment that the device takes") {
  const TestBio bio(Op::Read, 0, {100, 300});
  CHECK(lengths({&bio.bio, {}, 400, 128}) == std::vector<u32>{100, 128, 128, 44});
  CHECK(lengths({&bio.bio, {}, 229, 128}) == std::vector<u32>{100, 128, 1});
}

TEST_CASE("a segment range yields the addresses in order") {
  TestBio bio(Op::Read, 0, {512, 1024});
  bio.fill(7);
  std::vector<std::byte> walked;
  for (const Segment segment : blk::SegmentRange(&bio.bio, {}, 1536, 100)) {
    walked.insert(walked.end(), segment.data, segment.data + segment.bytes);
  }
  CHECK(walked == bio.content());
}

TEST_CASE("each status and each operation has words of its own") {
  std::set<std::string_view> words;
  for (u32 status = 0; status <= static_cast<u32>(Status::Removed); ++status) {
    words.insert(to_string(static_cast<Status>(status)));
  }
  for (u32 op = 0; op < blk::kOps; ++op) {
    words.insert(to_string(static_cast<Op>(op)));
  }
  CHECK(words.size() == static_cast<usize>(Status::Removed) + 1 + blk::kOps);
  CHECK(to_errc(Status::ReadOnly) == Errc::ReadOnly);
  CHECK(to_errc(Status::Removed) == Errc::Removed);
  CHECK(to_errc(Status::IoError) == Errc::Io);
}

}  // namespace
}  // namespace sluice::test
