// The device tree's reader over small trees made here: what each lookup says, and what parse()
// refuses.
#include "tests/catch.hpp"

#include "tests/unit/base/log_lines.hpp"
#include "tests/unit/base/tree_builder.hpp"

#include <memory>

#include <sluice/kernel/fdt.hpp>

using namespace sluice;
using test::LogLines;
using test::TreeBuilder;

namespace {

// A tree with the blob that it reads, in memory of exactly its size.
struct Parsed {
  explicit Parsed(TreeBuilder::Blob from) : blob(std::move(from)), result(tree.parse(blob)) {}
  TreeBuilder::Blob blob;
  fdt::Tree tree;
  Result<void> result;
};

TreeBuilder sample() {
  TreeBuilder build;
  build.cells("#address-cells", {2}).cells("#size-cells", {2}).cells("interrupt-parent", {7});
  build.text("model", "a sample").nop();
  build.begin("aliases").text("serial0", "/soc/serial@10000000").text("loop", "loop").end();
  build.begin("chosen")
      .text("stdout-path", "serial0:115200")
      .raw("unterminated", "abc")
      .end()
      .nop()
      .nop();
  build.begin("soc").cells("#address-cells", {1}).cells("#size-cells", {1});
  build.texts("compatible", {"vendor,soc", "simple-bus"});
  build.begin("serial@10000000").cells("reg", {0x10000000, 0x100, 0x20000000, 0x200});
  build.text("compatible", "ns16550a")
      .text("status", "okay")
      .cells("clock", {0, 0x384000})
      .cells("phandle", {9})
      .end();
  build.begin("serial@20000000").text("status", "disabled").cells("interrupt-parent", {3}).end();
  build.end();
  build.begin("memory@80000000").cells("reg", {0, 0x80000000, 1, 0}).end();
  build.reserve(0x1000, 0x2000).reserve(0x5000, 0);
  return build;
}

}  // namespace

TEST_CASE("fdt: nodes are found by path, with and without their unit address") {
  const Parsed parsed(sample().finish());
  REQUIRE(parsed.result);
  const fdt::Tree& tree = parsed.tree;
  CHECK(tree.find("/") == tree.root());
  CHECK(tree.root().name() == "");
  CHECK(tree.find("/soc/serial@10000000").name() == "serial@10000000");
  CHECK(tree.find("/soc/serial").name() == "serial@10000000");
  CHECK(tree.find("/soc/serial@20000000/").name() == "serial@20000000");
  CHECK(tree.find("//soc//serial").name() == "serial@10000000");
  CHECK_FALSE(tree.find("/soc/serial@3"));
  CHECK_FALSE(tree.find("/soc/serial/deeper"));
  CHECK_FALSE(tree.find("/so"));
}

TEST_CASE("fdt: a path may start with an alias, which itself is absolute") {
  const Parsed parsed(sample().finish());
  CHECK(parsed.tree.find("serial0").name() == "serial@10000000");
  CHECK_FALSE(parsed.tree.find("loop"));
  CHECK_FALSE(parsed.tree.find("serial1"));
  CHECK_FALSE(parsed.tree.find(""));
}

TEST_CASE("fdt: the ways between nodes lead where they should") {
  const Parsed parsed(sample().finish());
  const fdt::Node root = parsed.tree.root();
  std::vector<std::string> names;
  for (const fdt::Node node : root.children()) {
    names.emplace_back(node.name());
    CHECK(node.parent() == root);
  }
  CHECK(names == std::vector<std::string>{"aliases", "chosen", "soc", "memory@80000000"});
  CHECK_FALSE(root.parent());
  CHECK_FALSE(root.next_sibling());
  CHECK(parsed.tree.find("/soc/serial@20000000").parent() == parsed.tree.find("/soc"));

  std::vector<std::string> all;
  for (fdt::Node node = root; node; node = parsed.tree.next(node)) {
    all.emplace_back(node.name());
  }
  CHECK(all == std::vector<std::string>{"", "aliases", "chosen", "soc", "serial@10000000",
                                        "serial@20000000", "memory@80000000"});
}

TEST_CASE("fdt: properties are read as cells, numbers and strings, and not as what they are not") {
  const Parsed parsed(sample().finish());
  const fdt::Node serial = parsed.tree.find("/soc/serial");
  CHECK(serial.cell("phandle") == 9u);
  CHECK_FALSE(serial.cell("clock"));
  CHECK(serial.number("clock") == 0x384000u);
  CHECK(serial.number("phandle") == 9u);
  CHECK_FALSE(serial.number("reg"));
  CHECK(serial.cell_at("reg", 3) == 0x200u);
  CHECK_FALSE(serial.cell_at("reg", 4));
  CHECK_FALSE(serial.cell_at("reg", ~0u));
  CHECK_FALSE(serial.cell("phandl"));
  CHECK_FALSE(serial.cell("phandles"));

  const fdt::Node soc = parsed.tree.find("/soc");
  CHECK(soc.text("compatible") == "vendor,soc");
  CHECK(soc.text_at("compatible", 1) == "simple-bus");
  CHECK_FALSE(soc.text_at("compatible", 2));
  CHECK_FALSE(parsed.tree.find("/chosen").text("unterminated"));
  CHECK(soc.is_compatible("simple-bus"));
  CHECK_FALSE(soc.is_compatible("simple"));
  CHECK_FALSE(parsed.tree.find("/chosen").is_compatible(""));
  CHECK(soc.property_at(2)->name == "compatible");
  CHECK_FALSE(soc.property_at(3));
  CHECK(parsed.tree.root().property_at(3)->name == "model");
}

TEST_CASE("fdt: a node is enabled unless its status says otherwise") {
  const Parsed parsed(TreeBuilder()
                          .begin("a")
                          .text("status", "okay")
                          .end()
                          .begin("b")
                          .text("status", "ok")
                          .end()
                          .begin("c")
                          .end()
                          .begin("d")
                          .text("status", "disabled")
                          .end()
                          .begin("e")
                          .raw("status", "okay")
                          .end()
                          .begin("f")
                          .raw("status", "")
                          .end()
                          .finish());
  std::string enabled;
  for (const fdt::Node node : parsed.tree.root().children()) {
    enabled += node.enabled() ? node.name() : "-";
  }
  CHECK(enabled == "abc---");
}

TEST_CASE("fdt: reg is read by the cells of the parent") {
  const Parsed parsed(sample().finish());
  const auto memory = parsed.tree.find("/memory").reg(0);
  REQUIRE(memory);
  CHECK(memory->base == 0x80000000);
  CHECK(memory->bytes == 0x100000000);
  CHECK_FALSE(parsed.tree.find("/memory").reg(1));
  const auto second = parsed.tree.find("/soc/serial").reg(1);
  REQUIRE(second);
  CHECK(second->base == 0x20000000);
  CHECK(second->bytes == 0x200);
  CHECK_FALSE(parsed.tree.root().reg(0));
}

TEST_CASE(
    "fdt: reg with cells that make no sense, or a range past the end of addresses, is nothing") {
  const Parsed parsed(TreeBuilder()
                          .begin("cpus")
                          .cells("#address-cells", {1})
                          .cells("#size-cells", {0})
                          .begin("cpu")
                          .cells("reg", {3})
                          .end()
                          .end()
                          .begin("pci")
                          .cells("#address-cells", {3})
                          .cells("#size-cells", {2})
                          .begin("child")
                          .cells("reg", {0, 0, 0, 0, 1})
                          .end()
                          .end()
                          .begin("none")
                          .cells("#address-cells", {0})
                          .begin("child")
                          .cells("reg", {1})
                          .end()
                          .end()
                          .begin("wide")
                          .cells("#address-cells", {2})
                          .cells("#size-cells", {2})
                          .begin("over")
                          .cells("reg", {~0u, 0xfffff000, 0, 0x1001})
                          .end()
                          .begin("up-to")
                          .cells("reg", {~0u, 0xfffff000, 0, 0x1000})
                          .end()
                          .end()
                          .begin("default")
                          .begin("child")
                          .cells("reg", {0, 5, 6})
                          .end()
                          .end()
                          .finish());
  REQUIRE(parsed.result);
  CHECK(parsed.tree.find("/cpus/cpu").reg(0)->base == 3);
  CHECK(parsed.tree.find("/cpus/cpu").reg(0)->bytes == 0);
  CHECK_FALSE(parsed.tree.find("/pci/child").reg(0));
  CHECK_FALSE(parsed.tree.find("/none/child").reg(0));
  CHECK_FALSE(parsed.tree.find("/wide/over").reg(0));
  CHECK(parsed.tree.find("/wide/up-to").reg(0)->bytes == 0x1000);
  CHECK(parsed.tree.find("/default/child").reg(0)->base == 5);
  CHECK(parsed.tree.find("/default/child").reg(0)->bytes == 6);
}

TEST_CASE("fdt: the interrupt parent is that of the nearest ancestor") {
  const Parsed parsed(sample().finish());
  CHECK(parsed.tree.find("/soc/serial@10000000").interrupt_parent() == 7u);
  CHECK(parsed.tree.find("/soc/serial@20000000").interrupt_parent() == 3u);
  CHECK_FALSE(Parsed(TreeBuilder().begin("a").end().finish()).tree.find("/a").interrupt_parent());
}

TEST_CASE("fdt: nodes are found by phandle and by compatible") {
  const Parsed parsed(sample().finish());
  CHECK(parsed.tree.find_phandle(9).name() == "serial@10000000");
  CHECK_FALSE(parsed.tree.find_phandle(10));
  CHECK_FALSE(parsed.tree.find_phandle(0));
  CHECK_FALSE(parsed.tree.find_phandle(~0u));
  const fdt::Node soc = parsed.tree.find_compatible("simple-bus");
  CHECK(soc.name() == "soc");
  CHECK_FALSE(parsed.tree.find_compatible("simple-bus", soc));
}

TEST_CASE("fdt: memory reservations are listed up to their end") {
  const Parsed parsed(sample().finish());
  CHECK(parsed.tree.reserved(0)->base == 0x1000);
  CHECK(parsed.tree.reserved(0)->bytes == 0x2000);
  CHECK(parsed.tree.reserved(1)->base == 0x5000);
  CHECK_FALSE(parsed.tree.reserved(2));
  CHECK_FALSE(parsed.tree.reserved(~0u));
}

TEST_CASE("fdt: a null node and an unparsed tree answer every question with nothing") {
  const fdt::Node null;
  CHECK_FALSE(null);
  CHECK(null.name() == "");
  CHECK_FALSE(null.parent());
  CHECK_FALSE(null.first_child());
  CHECK_FALSE(null.next_sibling());
  CHECK_FALSE(null.child("a"));
  CHECK_FALSE(null.property("a"));
  CHECK_FALSE(null.property_at(0));
  CHECK_FALSE(null.reg(0));
  CHECK_FALSE(null.interrupt_parent());
  CHECK(null.children().begin() == null.children().end());
  const fdt::Tree tree;
  CHECK_FALSE(tree.root());
  CHECK_FALSE(tree.next(null));
  CHECK_FALSE(tree.find("/a"));
  CHECK_FALSE(tree.find_phandle(1));
  CHECK_FALSE(tree.reserved(0));
  CHECK(tree.bytes() == 0);
}

TEST_CASE("fdt: the size that a header claims is told without the tree") {
  const TreeBuilder::Blob blob = sample().finish();
  CHECK(fdt::Tree::claimed_bytes(blob) == blob.size());
  CHECK(fdt::Tree::claimed_bytes(std::span(blob).first(8)) == blob.size());
  CHECK_FALSE(fdt::Tree::claimed_bytes(std::span(blob).first(7)));
  TreeBuilder::Blob other = blob;
  other[0] = std::byte{0};
  CHECK_FALSE(fdt::Tree::claimed_bytes(other));
}

TEST_CASE("fdt: what follows the tree in the blob is no part of it") {
  TreeBuilder::Blob blob = sample().finish();
  const usize bytes = blob.size();
  blob.resize(bytes + 100);
  const Parsed parsed(std::move(blob));
  CHECK(parsed.result);
  CHECK(parsed.tree.bytes() == bytes);
}

TEST_CASE("fdt: parse refuses a bad header and says what is wrong with it") {
  struct Case {
    usize offset;
    u32 word;
    const char* message;
  };
  const TreeBuilder::Blob good = sample().finish();
  const u32 size = static_cast<u32>(good.size());
  const Case cases[] = {
      {0, 0xedfe0dd0, "magic number is 0xedfe0dd0"},
      {4, size + 1, "it claims"},
      {4, 39, "it claims 39 bytes"},
      {8, size, "its structure block"},
      {8, ~0u, "its structure block"},
      {8, 42, "not aligned to 4"},
      {8, 0, "its structure block"},
      {12, size, "its strings block"},
      {16, 44, "not aligned to 8"},
      {16, ~7u, "its reservation block"},
      {16, size / 8 * 8, "the reservation block does not end"},
      {20, 16, "version 16"},
      {24, 18, "readable as 18"},
      {32, 1, "a property whose name does not lie in the strings block"},
      {32, ~0u, "its strings block"},
      {36, ~0u, "its structure block"},
      {36, 0, "the structure block ends without FDT_END"},
  };
  for (const Case& bad : cases) {
    INFO(bad.message << " at " << bad.offset);
    TreeBuilder::Blob blob = good;
    TreeBuilder::patch(blob, bad.offset, bad.word);
    LogLines lines;
    const Parsed parsed(std::move(blob));
    REQUIRE_FALSE(parsed.result);
    CHECK(parsed.result.error() == Errc::Malformed);
    CHECK_FALSE(parsed.tree.root());
    CHECK(lines.has(bad.message));
  }
}

TEST_CASE("fdt: parse refuses a structure that breaks its rules and says where") {
  const auto refused = [](const TreeBuilder& build, std::string_view message) {
    LogLines lines;
    const Parsed parsed(build.assemble());
    INFO(lines.text());
    return !parsed.result && !parsed.tree.root() && lines.has(message) && lines.has("at offset 0x");
  };
  CHECK(refused(TreeBuilder().end().begin("second").end().token(9), "a second root node"));
  CHECK(refused(TreeBuilder().begin("").end().end().token(9), "a node without a name"));
  CHECK(refused(TreeBuilder().begin("a").end().cells("late", {1}).end().token(9),
                "does not stand at the start"));
  CHECK(refused(TreeBuilder().end().cells("outside", {1}).token(9), "does not stand at the start"));
  CHECK(refused(TreeBuilder().end().end().token(9), "FDT_END_NODE without a node"));
  CHECK(refused(TreeBuilder().token(9), "FDT_END before the root node has ended"));
  CHECK(refused(TreeBuilder().end(), "ends without FDT_END"));
  CHECK(refused(TreeBuilder().end().token(5).token(9), "an unknown token"));
  CHECK(refused(TreeBuilder().token(3).token(1000).token(0).end().token(9),
                "goes beyond the structure block"));
  // Eight bytes are left behind the property's head: nine are too many.
  CHECK(refused(TreeBuilder().token(3).token(9).token(0).end().token(9),
                "goes beyond the structure block"));
  CHECK(refused(TreeBuilder().token(3).token(~0u).token(0).end().token(9),
                "goes beyond the structure block"));
  CHECK(refused(TreeBuilder().token(3).token(0), "a property is cut short"));
  CHECK(refused(TreeBuilder().token(3).token(0).token(0).end().token(9),
                "does not lie in the strings block"));
  CHECK(refused(TreeBuilder().token(1).token(0x61616161), "a node's name does not end"));
  CHECK(refused(TreeBuilder().raw(std::string(300, 'x'), "").end().token(9),
                "does not lie in the strings block"));
}

TEST_CASE("fdt: nodes are nested 64 deep and no deeper") {
  const auto nested = [](int depth) {
    TreeBuilder build;  // the root is the first
    for (int i = 1; i < depth; ++i) {
      build.begin("n");
    }
    for (int i = 1; i < depth; ++i) {
      build.end();
    }
    return build.finish();
  };
  LogLines lines;
  const Parsed deepest(nested(64));
  REQUIRE(deepest.result);
  fdt::Node last;
  for (fdt::Node node = deepest.tree.root(); node; node = deepest.tree.next(node)) {
    last = node;
  }
  u32 above = 0;
  for (fdt::Node node = last.parent(); node; node = node.parent()) {
    ++above;
  }
  CHECK(above == 63);
  CHECK_FALSE(Parsed(nested(65)).result);
  CHECK(lines.has("nested too deeply"));
}
