/* A QEMU plugin that counts the guest's instructions: per executed block, the number in it, for each hart apart.
   Used by tools/count_instructions.sh, which compiles it: -plugin insn_plugin.so,out=FILE writes the sum to FILE at exit.
   Reference: QEMU, "Emulation plugins". qemu-plugin.h is not in every package: what is used is declared here. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t plugin_id;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*callback)(plugin_id, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, void (*callback)(unsigned, void *), int flags,
                                          void *argument);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*callback)(plugin_id, void *), void *argument);

/* In QEMU since version 2 of the interface. What is used above is the same in version 1 (QEMU 4.2 to 8.2) and after. */
__attribute__((weak)) int qemu_plugin_num_vcpus(void);
int qemu_plugin_version = 1;
__attribute__((constructor)) static void choose_version(void) {
  if (qemu_plugin_num_vcpus != NULL) {
    qemu_plugin_version = 2;
  }
}

enum { harts = 64, no_registers = 0 };
static struct {
  uint64_t instructions;
  char apart[56]; /* a cache line for each */
} counts[harts];
static char path[4096];

static void executed(unsigned hart, void *instructions) { counts[hart % harts].instructions += (uintptr_t)instructions; }

static void translated(plugin_id id, struct qemu_plugin_tb *block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_cb(block, executed, no_registers, (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

static void at_exit(plugin_id id, void *argument) {
  (void)id, (void)argument;
  uint64_t sum = 0;
  for (int hart = 0; hart < harts; ++hart) {
    sum += counts[hart].instructions;
  }
  FILE *file = fopen(path, "w");
  if (file == NULL || fprintf(file, "%llu\n", (unsigned long long)sum) < 0 || fclose(file) != 0) {
    perror(path);
  }
}

int qemu_plugin_install(plugin_id id, const qemu_info_t *info, int argc, char **argv) {
  (void)info;
  if (argc != 1 || strncmp(argv[0], "out=", 4) != 0 || strlen(argv[0] + 4) >= sizeof path) {
    fprintf(stderr, "insn_plugin: its one argument is out=FILE\n");
    return 1;
  }
  strcpy(path, argv[0] + 4);
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, at_exit, NULL);
  return 0;
}
