// lsdev: the tree of devices, with the bus and driver of each, or class by class; or all of it as
// JSON.
#include "commands.hpp"
#include "json.hpp"

#include <sluice/drivers/base/bus.hpp>

namespace sluice::app {
namespace {

constexpr u32 kMaxDepth = 10;  // the platform bus's of buses in buses, a device, its child

void put_resources(Sink& out, const dev::Device& device) {
  for (u32 i = 0; i < device.mmio_count; ++i) {
    format_to(out, "  {:#x}", device.mmio[i].base);
  }
  for (u32 i = 0; i < device.irq_count; ++i) {
    format_to(out, "  irq {}", device.irqs[i].source);
  }
}

// Puts an indent in front of each line.
class IndentedSink final : public Sink {
 public:
  IndentedSink(Sink& out, std::string_view indent) : out_(out), indent_(indent) {}
  void put(std::string_view text) override {
    while (!text.empty()) {
      if (at_start_) {
        format_to(out_, "{}    ", indent_);
      }
      const usize end = text.find('\n');
      const std::string_view line = text.substr(0, end == std::string_view::npos ? end : end + 1);
      out_.put(line);
      at_start_ = line.ends_with('\n');
      text.remove_prefix(line.size());
    }
  }

 private:
  Sink& out_;
  std::string_view indent_;
  bool at_start_ = true;
};

void put_details(Sink& out, const dev::Device& device) {
  for (u32 i = 0; device.node && i < 8; ++i) {
    const auto compatible = device.node.text_at("compatible", i);
    if (!compatible) {
      break;
    }
    format_to(out, "compatible: {}\n", *compatible);
  }
  for (u32 i = 0; i < device.mmio_count; ++i) {
    format_to(out, "registers: {:#x}, {:#x} bytes\n", device.mmio[i].base, device.mmio[i].bytes);
  }
  for (u32 i = 0; i < device.irq_count; ++i) {
    format_to(out, "interrupt: {} of controller {}\n", device.irqs[i].source,
              device.irqs[i].controller_phandle);
  }
  if (!device.class_name().empty()) {
    format_to(out, "class: {}\n", device.class_name());
  }
  for (const dev::Link& link : device.suppliers()) {
    format_to(out, "supplier: {}, {}\n", link.supplier.name(), link.what);
  }
  device.describe(out);
}

std::string_view state_of(const dev::Device& device) {
  return device.suspended() ? "suspended" : dev::to_string(device.state());
}

void put_device(Sink& out, const dev::Device& device, bool verbose, u32 depth) {
  constexpr std::string_view kIndent = "                    ";
  const std::string_view indent = kIndent.substr(0, 2 * (depth + 1));
  format_to(out, "{}{}  [{}]", indent, device.name(),
            device.driver() != nullptr ? device.driver()->name() : "no driver");
  put_resources(out, device);
  format_to(out, "  {}", state_of(device));
  if (!device.reason().empty()) {
    format_to(out, ": {}", device.reason());
  }
  out.put("\n");
  if (verbose) {
    IndentedSink details(out, indent);
    put_details(details, device);
  }
}

// Devices below `parent`, whatever their bus.
void put_children(Sink& out, const dev::Device& parent, bool verbose, u32 depth) {
  for (const dev::Bus& bus : dev::buses()) {
    for (const dev::Device& device : bus.devices()) {
      if (device.parent() == &parent) {
        put_device(out, device, verbose, depth);
        if (depth + 1 < kMaxDepth) {
          put_children(out, device, verbose, depth + 1);
        }
      }
    }
  }
}

void put_tree(Sink& out, bool verbose) {
  for (const dev::Bus& bus : dev::buses()) {
    format_to(out, "{}\n", bus.name());
    if (verbose) {
      for (const dev::Driver& driver : bus.drivers()) {
        format_to(out, "  driver {}\n", driver.name());
      }
    }
    for (const dev::Device& device : bus.devices()) {
      if (device.parent() == nullptr) {
        put_device(out, device, verbose, 0);
        put_children(out, device, verbose, 1);
      }
    }
  }
}

// Classes in the order of their names.
void put_classes(Sink& out, bool verbose) {
  for (std::string_view last;;) {
    std::string_view next;
    dev::for_each_device([&](const dev::Device& device) {
      const std::string_view name = device.class_name();
      if (name > last && (next.empty() || name < next)) {
        next = name;
      }
    });
    if (next.empty()) {
      return;
    }
    format_to(out, "{}\n", next);
    dev::for_each_device([&](const dev::Device& device) {
      if (device.class_name() == next) {
        put_device(out, device, verbose, 0);
      }
    });
    last = next;
  }
}

void put_json_device(JsonWriter& json, const dev::Device& device) {
  json.begin_object();
  json.text("name", device.name());
  json.text("parent", device.parent() != nullptr ? device.parent()->name() : "");
  json.text("driver", device.driver() != nullptr ? device.driver()->name() : "");
  json.text("state", state_of(device));
  json.text("reason", device.reason());
  json.text("class", device.class_name());
  json.begin_array("suppliers");
  for (const dev::Link& link : device.suppliers()) {
    json.text_item(link.supplier.name());
  }
  json.end_array();
  json.begin_array("registers");
  for (u32 i = 0; i < device.mmio_count; ++i) {
    json.begin_object();
    json.number("base", device.mmio[i].base.value());
    json.number("bytes", device.mmio[i].bytes);
    json.end_object();
  }
  json.end_array();
  json.begin_array("interrupts");
  for (u32 i = 0; i < device.irq_count; ++i) {
    json.begin_object();
    json.number("controller", device.irqs[i].controller_phandle);
    json.number("source", device.irqs[i].source);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void put_json(Sink& out) {
  JsonWriter json(out);
  json.begin_object();
  json.begin_array("buses");
  for (const dev::Bus& bus : dev::buses()) {
    json.begin_object();
    json.text("name", bus.name());
    json.begin_array("drivers");
    for (const dev::Driver& driver : bus.drivers()) {
      json.text_item(driver.name());
    }
    json.end_array();
    json.begin_array("devices");
    for (const dev::Device& device : bus.devices()) {
      put_json_device(json, device);
    }
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.end_object();
  out.put("\n");
}

}  // namespace

int run_lsdev(Session&, Words words) {
  bool verbose = false;
  bool json = false;
  bool by_class = false;
  OptionReader options(words);
  while (options.next()) {
    if (options.is("v")) {
      verbose = true;
    } else if (options.is("c") || (options.is("class") && !options.has_unwanted_value())) {
      by_class = true;
    } else if (options.is("json") && !options.has_unwanted_value()) {
      json = true;
    } else {
      return unknown_option("lsdev", options);
    }
  }
  if (!options.operands().empty()) {
    return usage_error("lsdev", "takes no operand", options.operands()[0]);
  }
  console::Writer out(console::Stream::Output);
  if (json) {
    put_json(out);
  } else if (by_class) {
    put_classes(out, verbose);
  } else {
    put_tree(out, verbose);
  }
  return kSucceeded;
}

}  // namespace sluice::app
