#include "app/hex_dumper.hpp"

#include <algorithm>
#include <cstring>

#include "../fat/image_builder.hpp"
#include "test_machine.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

std::string dump(const Bytes& data, u64 offset = 0, usize piece = ~usize{0}) {
  std::string text(100000, ' ');
  BufferSink sink(text);
  app::HexDumper dumper(sink, offset);
  for (usize at = 0; at < data.size(); at += std::min(piece, data.size() - at)) {
    dumper.add(std::span(data).subspan(at, std::min(piece, data.size() - at)));
  }
  dumper.finish();
  return std::string(sink.text());
}

Bytes repeat(std::string_view text, usize times) {
  Bytes bytes;
  for (usize i = 0; i < times; ++i) {
    for (const char c : text) {
      bytes.push_back(static_cast<std::byte>(c));
    }
  }
  return bytes;
}

}  // namespace

// The expected texts are those of hexdump from util-linux 2.38.
TEST_CASE("a dump looks as that of hexdump -C") {
  CHECK(dump({}).empty());
  CHECK(dump(text_bytes("hello\n")) ==
        "00000000  68 65 6c 6c 6f 0a                                 |hello.|\n00000006\n");
  CHECK(dump(text_bytes("0123456789abcdef\x7f\x80~"), 0x1200) ==
        "00001200  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
        "00001210  7f 80 7e                                          |..~|\n00001213\n");
}

TEST_CASE("lines that repeat are one star") {
  const std::string line = "30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n";
  CHECK(dump(repeat("0123456789abcdef", 4)) == "00000000  " + line + "*\n00000040\n");
  CHECK(dump(repeat("0123456789abcdef", 2)) == "00000000  " + line + "*\n00000020\n");
  Bytes broken = repeat("0123456789abcdef", 3);
  const Bytes other = repeat("x", 16);
  broken.insert(broken.end(), other.begin(), other.end());
  CHECK(dump(broken) ==
        "00000000  " + line +
            "*\n00000030  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  |xxxxxxxxxxxxxxxx|\n"
            "00000040\n");
}

TEST_CASE("each run of lines that repeat has its star") {
  Bytes data(48);
  const Bytes other = repeat("x", 48);
  data.insert(data.end(), other.begin(), other.end());
  const std::string text = dump(data);
  CHECK(std::count(text.begin(), text.end(), '*') == 2);
  CHECK(std::count(text.begin(), text.end(), '\n') == 5);
}

TEST_CASE("a dump does not depend on the pieces it comes in") {
  Bytes data = pattern(5000);
  std::fill(data.begin() + 1000, data.begin() + 3000, std::byte{0});
  for (const usize piece : {1, 7, 16, 17, 512}) {
    REQUIRE(dump(data, 0, piece) == dump(data));
  }
}

TEST_CASE("hexdump shows a part of a disk, or of a file") {
  Machine machine;
  ImageBuilder image(fat12());
  image.add_file(image.root, "A       TXT", text_bytes("hello"));
  Bytes bytes = image.bytes;
  std::memcpy(bytes.data() + 64 * 512 + 5, "marker", 6);
  machine.add_disk("vda", bytes);
  CHECK(machine.run("hexdump vda -s 64 -n 16") == 0);
  CHECK(machine.out ==
        "00008000  00 00 00 00 00 6d 61 72  6b 65 72 00 00 00 00 00  |.....marker.....|\n"
        "00008010\n");
  CHECK(machine.run("hexdump -n5 vda:/a.txt") == 0);
  CHECK(machine.out == dump(text_bytes("hello")));
  CHECK(machine.run("hexdump vda") == 0);
  CHECK(machine.out == dump(bytes));
  CHECK(machine.run("hexdump vda -s 1000000") == 1);
  CHECK(machine.error == "hexdump: vda: -s goes beyond its end\n");
  CHECK(machine.run("hexdump vda -n") == 2);
  CHECK(machine.run("hexdump vda -s 1x") == 2);
  CHECK(machine.error.starts_with("hexdump: -s needs a sector's number: 1x\n"));
}

TEST_CASE("hexdump reads edges of large blocks whole") {
  Machine machine;
  const Bytes bytes = pattern(65536);
  blk::Disk::Options options;
  options.limits.logical_block_bytes = 4096;
  machine.add_disk("vda", bytes, options);
  CHECK(machine.run("hexdump vda -s 9 -n 100") == 0);
  CHECK(machine.out ==
        dump(Bytes(bytes.begin() + 9 * 512, bytes.begin() + 9 * 512 + 100), 9 * 512));
}
