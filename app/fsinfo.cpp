// fsinfo: what a volume says of itself, and what is wrong with it.
#include "commands.hpp"

namespace sluice::app {
namespace {

std::string_view yes_no(bool value) {
  return value ? "yes" : "no";
}

void put_info(Sink& out, const fat::VolumeInfo& info) {
  const auto serial = info.serial_text();
  format_to(out, "type: {}\nlabel: {}\nserial: {}\n", fat::to_string(info.type), info.label.view(),
            std::string_view(serial.data(), serial.size()));
  format_to(out, "sector_bytes: {}\ncluster_bytes: {}\nclusters: {}\n", info.sector_bytes,
            info.cluster_bytes, info.clusters);
  format_to(out, "free_clusters: {} ({})\n", info.free_clusters,
            info.free_clusters_from_fsinfo ? "from FSInfo" : "counted");
  format_to(out, "dirty: {}\nerror: {}\n", yes_no(info.dirty), yes_no(info.error));
}

class ProblemPrinter final : public fat::CheckReport {
 public:
  explicit ProblemPrinter(Sink& out) : out_(out) {}
  void problem(std::string_view path, std::string_view what) override {
    format_to(out_, "problem: {}{}{}\n", path, path.empty() ? "" : ": ", what);
  }

 private:
  Sink& out_;
};

int check(fat::Volume& volume, std::string_view disk) {
  console::Writer out(console::Stream::Output);
  ProblemPrinter printer(out);
  const Result<u32> problems = volume.check(printer);
  if (!problems) {
    return failure("fsinfo", disk, in_words(problems.error()));
  }
  format_to(out, "problems: {}\n", *problems);
  return *problems == 0 ? kSucceeded : kFailed;
}

}  // namespace

int run_fsinfo(Session& session, Words words) {
  OptionReader options(words);
  bool wants_check = false;
  while (options.next()) {
    if (options.is("check") && !options.has_unwanted_value()) {
      wants_check = true;
    } else {
      return unknown_option("fsinfo", options);
    }
  }
  const Words disks = options.operands();
  if (disks.size() != 1) {
    return usage_error("fsinfo", "one device is needed");
  }
  std::string_view disk = disks[0];
  if (const auto path = parse_path(disk); path && (path->inside.empty() || path->inside == "/")) {
    disk = path->disk;
  }
  fat::Volume* volume = session.volumes.mount("fsinfo", disk);
  if (volume == nullptr) {
    return kFailed;
  }
  const Result<fat::VolumeInfo> info = volume->info();
  if (info) {
    console::Writer out(console::Stream::Output);
    put_info(out, *info);
    for (const fat::Line& note : volume->notes()) {
      format_to(out, "note: {}\n", note.view());
    }
  }
  if (wants_check) {
    return check(*volume, disk);
  }
  return info ? kSucceeded : failure("fsinfo", disk, to_string(info.error()));
}

}  // namespace sluice::app
