"""docs/device-model.md has a row for every field of Linux's structures, and the tests that it names exist."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Linux 6.12: include/linux/device/bus.h, device.h, device/driver.h, virtio.h.
FIELDS = {
    "bus_type": """name dev_name bus_groups dev_groups drv_groups match uevent probe sync_state remove shutdown online offline
        suspend resume num_vf dma_configure dma_cleanup pm need_parent_lock""",
    "device": """kobj parent p init_name type bus driver platform_data driver_data mutex links power pm_domain em_pd pins msi dma_ops
        dma_mask coherent_dma_mask bus_dma_limit dma_range_map dma_parms dma_pools dma_mem cma_area dma_io_tlb_mem
        dma_io_tlb_pools dma_io_tlb_lock dma_uses_io_tlb archdata of_node fwnode numa_node devt id devres_lock devres_head class
        groups release iommu_group iommu physical_location removable offline_disabled offline of_node_reused state_synced
        can_match dma_coherent dma_ops_bypass dma_skip_sync dma_iommu""",
    "device_driver": """name bus owner mod_name suppress_bind_attrs probe_type of_match_table acpi_match_table probe sync_state remove
        shutdown suspend resume groups dev_groups pm coredump p""",
    "virtio_driver": """driver id_table feature_table feature_table_size feature_table_legacy feature_table_size_legacy validate
        probe scan remove config_changed freeze restore""",
}


def test_names():
    names = set()
    for source in (ROOT / "tests/unit").rglob("*_test.cpp"):
        for literals in re.findall(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', source.read_text(encoding="utf-8")):
            names.add("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals)))
    return names


def main():
    page = (ROOT / "docs/device-model.md").read_text(encoding="utf-8")
    problems = []
    sections = dict(re.findall(r"^### struct (\w+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))
    for struct, fields in FIELDS.items():
        rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", sections.get(struct, ""), re.MULTILINE)
        for field in sorted(set(fields.split()) - {row[0] for row in rows}):
            problems.append(f"{struct}.{field} has no row")
    named = re.findall(r'"([^"]*)"', "".join(sections.values()).replace("\n", " "))
    known = test_names()
    problems += [f"there is no test {name!r}" for name in named if name not in known]
    for problem in problems:
        print(f"docs/device-model.md: {problem}")
    return 1 if problems or not named else 0


if __name__ == "__main__":
    sys.exit(main())
