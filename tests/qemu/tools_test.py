"""Unit tests of run.sh's own parts (tools/guest), without QEMU. Run by CTest."""

import contextlib
import io
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

import coverage_gaps  # noqa: E402
from guest import bench, bench_runs, device_tree, disks, elf, fat_image, hart_report, memory_size, options  # noqa: E402
from guest.errors import CannotStart, UsageError  # noqa: E402
from guest.records import Demultiplexer  # noqa: E402


def taken_apart(stream, piece):
    got = {"out": b"", "err": b"", "log": b""}

    def sink(name):
        def take(data):
            got[name] += data

        return take

    streams = Demultiplexer(sink("out"), sink("err"), sink("log"))
    for at in range(0, len(stream), piece):
        streams.feed(stream[at : at + piece])
    streams.finish()
    return got["out"], got["err"], got["log"], streams.status


class Records(unittest.TestCase):
    def check(self, stream, *expected):
        for piece in range(1, len(stream) + 1):
            self.assertEqual(taken_apart(stream, piece), expected, f"in pieces of {piece}")

    def test_streams_and_log_are_separated_wherever_the_stream_is_cut(self):
        self.check(b"boot\n\x01o0003\x02a\nb log \x01e0002\x02no\x01x0001\x023", b"a\nb", b"no", b"boot\n log ", 3)

    def test_a_record_may_hold_what_looks_like_one(self):
        self.check(b"\x01o0008\x02\x01e0001\x02!.", b"\x01e0001\x02!", b"", b".", None)

    def test_what_is_no_record_is_log(self):
        for text in (b"\x01", b"\x01o", b"\x01o00", b"\x01q0001\x02a", b"\x01o00g1\x02a", b"\x01o0001a", b"\x01\x01o"):
            self.check(text, b"", b"", text, None)
        self.check(b"\x01\x01o0001\x02a", b"a", b"", b"\x01", None)

    def test_a_record_with_a_capital_letter_is_escaped(self):
        self.check(b"\x01O0006\x02a\x10n\x10\x10b\x01E0000\x02\x01X0001\x024", b"a\n\x10b", b"", b"", 4)

    def test_the_last_status_counts(self):
        self.check(b"\x01x0001\x020\x01x0001\x021", b"", b"", b"", 1)

    def test_a_status_beyond_a_process_is_none(self):
        self.check(b"\x01x0003\x02256", b"", b"", b"", None)
        self.check(b"\x01x0003\x02255", b"", b"", b"", 255)
        self.check(b"\x01x0003\x0210", b"", b"", b"", None)


class DeviceTrees(unittest.TestCase):
    """Beside the test trees of other machines, made without dtc."""

    ARM = os.path.join(ROOT, "tests", "images", "trees", "arm-virt.dtb")

    @staticmethod
    def tree(compatible=b"riscv-virtio\0", timebase=True):
        def words(*numbers):
            return struct.pack(f">{len(numbers)}I", *numbers)

        def padded(text):
            return text + b"\0" * (-len(text) % 4)

        cpus = words(1) + padded(b"cpus\0") + (words(3, 4, 11, 10_000_000) if timebase else words(4)) + words(2)
        structure = words(1, 0) + words(3, len(compatible), 0) + padded(compatible) + cpus + words(2, 9)
        strings = b"compatible\0timebase-frequency\0"
        header = [0xD00DFEED, 56 + len(structure) + len(strings), 56, 56 + len(structure), 40, 17, 16, 0, len(strings), len(structure)]
        return words(*header) + b"\0" * 16 + structure + strings

    def complaint(self, blob):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tree.dtb")
            with open(path, "wb") as file:
                file.write(blob)
            try:
                device_tree.check(["-s", "-dtb", path])
            except CannotStart as error:
                self.assertIn(path, str(error))
                return str(error)
            return ""

    def test_the_tree_of_this_machine_is_let_through(self):
        self.assertEqual(self.complaint(self.tree()), "")
        self.assertEqual(self.complaint(self.tree(b"other\0riscv-virtio\0")), "")

    def test_a_tree_that_the_firmware_would_stop_at_is_named_with_the_reason(self):
        self.assertIn("cut short: it claims", self.complaint(self.tree()[:-1]))
        self.assertIn("no device tree", self.complaint(b"x" * 100))
        self.assertIn("no device tree", self.complaint(b""))
        self.assertIn("another machine's ('spike')", self.complaint(self.tree(b"spike\0")))
        self.assertIn("timebase-frequency", self.complaint(self.tree(timebase=False)))
        with open(self.ARM, "rb") as file:
            self.assertIn("'linux,dummy-virt'", self.complaint(file.read()))

    def test_any_byte_may_be_another_one(self):
        blob = self.tree()
        for at in range(len(blob)):
            for value in (0, 1, 9, 255):
                self.complaint(blob[:at] + bytes([value]) + blob[at + 1 :])

    def test_a_tree_that_is_not_there_is_named(self):
        with self.assertRaisesRegex(CannotStart, "no/such.dtb: No such file"):
            device_tree.check(["-dtb", "no/such.dtb"])


class Coverage(unittest.TestCase):
    def summary(self, counts, built=("a.cpp",)):
        """Of kernel/a.cpp, whose lines were reached so many times."""
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "kernel"))
            os.makedirs(os.path.join(root, "build"))
            with open(os.path.join(root, "kernel", "a.cpp"), "w", encoding="utf-8") as file:
                file.write("".join(f"line {number}\n" for number in range(1, len(counts) + 1)))
            for name in built:
                with open(os.path.join(root, "build", name + ".gcno"), "w", encoding="utf-8"):
                    pass
            lines = [{"line_number": number, "count": count} for number, count in enumerate(counts, 1)]
            with open(os.path.join(root, "build", "lines.json"), "w", encoding="utf-8") as file:
                json.dump({"files": [{"file": "kernel/a.cpp", "lines": lines}]}, file)
            gaps = os.path.join(root, "build", "gaps.txt")
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                status = coverage_gaps.main(root, os.path.join(root, "build", "lines.json"), gaps)
            with open(gaps, encoding="utf-8") as file:
                return status, out.getvalue(), file.read()

    def test_too_few_lines_fail_and_are_listed(self):
        status, out, gaps = self.summary([1] * 16 + [0, 0, 2, 0])
        self.assertEqual(status, 1)
        self.assertIn("17-18, 20", out)
        self.assertIn("85.0 % of 20 lines", out)
        self.assertEqual(gaps, "".join(f"kernel/a.cpp:{number}: line {number}\n" for number in (17, 18, 20)))

    def test_enough_lines_pass_and_what_is_not_built_fails(self):
        self.assertEqual(self.summary([1] * 19 + [0])[0], 0)
        status, out, _ = self.summary([1] * 20, built=())
        self.assertEqual(status, 1)
        self.assertIn("kernel/a.cpp: no test program is built from it", out)

    def test_nothing_measured_fails(self):
        self.assertEqual(self.summary([])[0], 1)


class Bench(unittest.TestCase):
    JSON = '{"jobs": [{"read": {"iops": 1000.5, "lat_ns": {"mean": 2500.0}, "clat_ns": {"percentile": {"99.000000": 9000}}}%s}]}'

    def test_the_counters_are_taken_where_the_guest_prints_them(self):
        plain = bench_runs.result_of_json(self.JSON % "")
        self.assertEqual(plain, bench_runs.Result(1000.5, 2.5, 9.0))
        counted = bench_runs.result_of_json(
            self.JSON % ', "sluice": {"notifies_per_1000": 31.25, "interrupts_per_1000": 30, "merges_per_1000": 0}'
        )
        self.assertEqual((counted.notifies, counted.interrupts, counted.merges), (31.25, 30, 0))

    def test_what_is_no_result_is_an_error(self):
        for text in ("", "[]", "{}", '{"jobs": []}', '{"jobs": [{"read": {}}]}', '{"jobs": [{"read": []}]}'):
            with self.assertRaisesRegex(CannotStart, "no fio JSON"):
                bench_runs.result_of_json(text)

    def test_the_run_with_the_median_rate_counts_and_a_refused_job_is_tried_once(self):
        results = [bench_runs.Result(iops, latency) for iops, latency in ((3, 30), (1, 10), (2, 20))]
        refused = []
        got = bench.measure({"a": iter(results).__next__, "b": lambda: refused.append(1)}, rounds=3)
        self.assertEqual(got, {"a": results[2], "b": None})
        self.assertEqual(len(refused), 1)

    def test_a_row_is_compared_with_the_host_and_a_dash_stands_for_what_is_not_known(self):
        results = {("host", 1): bench_runs.Result(2000, 500), ("ours", 1): bench_runs.Result(1000, 1000.04, 1500, 999.6, 1, 0)}
        table = list(bench.lines(results))
        self.assertEqual(table[3].split(), "qemu-img bench 2000 1.00 500.0 – – – –".split())
        self.assertEqual(table[4].split(), "bare ring, interrupts – – – – – – –".split())
        self.assertEqual(table[6].split(), "sluice, interrupts 1000 0.50 1000.0 1500.0 1000 1 0".split())
        self.assertEqual({len(line) for line in table[2:] if line.startswith("  ")}, {len(table[1])})


class Disks(unittest.TestCase):
    def test_direct_is_for_images_that_are_written_for_good_or_not_at_all(self):
        self.assertTrue(disks.parse("a.img,ro,direct").direct and disks.parse("a.img,direct,rw").direct)
        with self.assertRaisesRegex(UsageError, "direct needs rw or ro"):
            disks.parse("a.img,direct")

    def test_a_doubled_comma_is_one(self):
        disk = disks.parse("a,,b.img,rw,queue-size=4")
        self.assertEqual((disk.what, disk.writable, disk.device), ("a,b.img", True, [("queue-size", "4")]))

    def test_the_physical_block_follows_the_logical_one_unless_given(self):
        self.assertIn(("physical_block_size", "4096"), disks.parse("x,logical_block_size=4096").device)
        both = disks.parse("x,logical_block_size=512,physical_block_size=4096").device
        self.assertEqual(both.count(("physical_block_size", "4096")), 1)
        self.assertNotIn(("physical_block_size", "512"), both)

    def test_names_go_on_after_z(self):
        self.assertEqual([disks.device_name(i) for i in (0, 1, 25, 26, 27, 702)], ["vda", "vdb", "vdz", "vdaa", "vdab", "vdaaa"])

    def test_writes_vanish_unless_asked_for(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "i,.qcow2")
            with open(path, "wb"):
                pass
            drive = disks.qemu_arguments([disks.Disk(path)], folder)[1]
            self.assertIn("snapshot=on", drive)
            self.assertIn("format=qcow2", drive)
            self.assertIn("i,,.qcow2", drive)
            drive = disks.qemu_arguments([disks.Disk(path, writable=True, format="raw")], folder)[1]
            self.assertNotIn("snapshot", drive)
            self.assertIn("format=raw", drive)


class Memory(unittest.TestCase):
    MIB = 1 << 20
    END = 0x8030_0000

    def test_the_default_grows_with_the_image(self):
        for image, wanted in ((None, "128M"), (60 * self.MIB, "128M"), (60 * self.MIB + 512, "256M")):
            self.assertEqual(memory_size.choose(None, self.END, image, 7), wanted)
        self.assertEqual(memory_size.choose(None, self.END, 300 * self.MIB, 7), "512M")
        self.assertEqual(memory_size.choose(None, self.END, 300 * self.MIB, 10), "1G")

    def test_too_little_is_refused_with_what_is_needed(self):
        self.assertEqual(memory_size.choose("16M", self.END, 4 * self.MIB, 7), "16M")
        with self.assertRaisesRegex(UsageError, "needs 1[67]M"):
            memory_size.choose("15", self.END, 5 * self.MIB, 7)

    def test_a_kernel_alone_needs_room_below_the_tree(self):
        self.assertEqual(memory_size.choose(None, self.END, None, 7), "128M")
        self.assertEqual(memory_size.choose("5M", self.END, None, 7), "5M")
        self.assertEqual(memory_size.choose("8G", self.END, None, 10), "8G")
        with self.assertRaisesRegex(UsageError, "--mem 4M is too small for this kernel: it needs 5M"):
            memory_size.choose("4M", self.END, None, 7)

    def test_an_image_beyond_the_tree_is_refused(self):
        with self.assertRaises(CannotStart):
            memory_size.choose(None, self.END, 900 * self.MIB, 7)


class Options(unittest.TestCase):
    def test_words_after_the_dashes_are_the_guests(self):
        parsed = options.parse(["--smp=4", "--qemu", "-d 'a b'", "--", "ls", "--help"])
        self.assertEqual((parsed.command, parsed.smp, parsed.qemu, parsed.words), ("exec", "4", ["-d", "a b"], ["ls", "--help"]))

    def test_mistakes_name_the_word(self):
        for words, named in ((["--smp"], "--smp"), (["--legacy=1", "--", "x"], "--legacy=1"), (["bench", "x"], "'x'"), (["-x"], "-x")):
            with self.assertRaisesRegex(UsageError, named):
                options.parse(words)


class Folders(unittest.TestCase):
    def test_every_fault_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            names = ["A", "a", "q?", "dot.", "con.txt", "n" * 250, "\U0001F600", "Ä", "ä"]
            for name in names:
                with open(os.path.join(folder, name), "wb"):
                    pass
            os.symlink("nowhere", os.path.join(folder, "link"))
            self.assertEqual(len(fat_image.Folder(folder).faults), 7)

    def test_a_name_that_mcopy_changes_is_a_fault(self):
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "source")
            os.makedirs(source)
            with open(os.path.join(source, "ŁÓDŹ.TXT"), "wb"):
                pass
            image = os.path.join(folder, "image")
            try:
                fat_image.make_from_folder(source, image)
            except CannotStart as error:
                self.assertIn("ŁÓDŹ.TXT", str(error))
            else:
                self.assertIn("ŁÓDŹ.TXT", fat_image._listing(image))

    def test_an_empty_folder_is_a_disk(self):
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "source")
            os.makedirs(source)
            fat_image.make_from_folder(source, os.path.join(folder, "image"))


class Harts(unittest.TestCase):
    def test_registers_are_found_per_hart(self):
        text = "\nCPU#0\n V      =   0\n pc       0000000080200010\n mhartid  0000000000000003\n x0/zero  0000000000000000 x1/ra    0000000080200020 x2/sp    0000000080300000\nCPU#1\n pc 00000000\n"
        self.assertEqual(hart_report.parse(text), [{"pc": 0x80200010, "mhartid": 3, "ra": 0x80200020, "sp": 0x80300000}])


class Elves(unittest.TestCase):
    def test_what_is_no_image_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x")
            for data in (b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x02\x01" + bytes(20)):
                with open(path, "wb") as file:
                    file.write(data)
                with self.assertRaises(CannotStart):
                    elf.Elf(path)


class Doctor(unittest.TestCase):
    SHELL = "bash cat env dirname df awk grep head sed sort paste tr cut timeout".split()

    def test_every_tool_has_its_line_and_what_is_missing_is_told_with_how_to_get_it(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in self.SHELL:
                os.symlink(shutil.which(name), os.path.join(folder, name))
            words = [os.path.join(ROOT, "tools", "packages.sh"), "doctor"]
            result = subprocess.run(words, env={"PATH": folder}, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        rows = {(fields[0], fields[3]): fields for fields in map(str.split, result.stdout.splitlines()) if len(fields) > 3}
        for tool, needed in (("cmake", "boot"), ("qemu-img", "test"), ("qemu-img", "bench"), ("gdb", "gdb")):
            self.assertEqual(rows[tool, needed][1], "missing")
        self.assertEqual(rows["cmake", "boot"][4:], ["apt-get", "install", "cmake"])
        self.assertRegex(result.stdout, r"All of it at once: apt-get install .*cmake.* gdb-multiarch")


class Build(unittest.TestCase):
    def test_a_build_that_fails_is_status_125(self):
        self.addCleanup(shutil.rmtree, os.path.join(ROOT, "build", "no-such-preset"), ignore_errors=True)
        result = subprocess.run([os.path.join(ROOT, "tools", "build.sh"), "no-such-preset"], capture_output=True, check=False)
        self.assertEqual(result.returncode, 125)
        self.assertEqual(result.stdout, b"")
        self.assertIn(b"no-such-preset", result.stderr)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    unittest.main()
