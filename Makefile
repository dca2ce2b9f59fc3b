# Builds the kernel (make kernel, make kernel DEBUG=1), the host program (make host) and the tests.
# People use ./fanga, which calls this.

CC := gcc
BUILD := build
VARIANT := $(if $(DEBUG),debug,release)
OUT := $(BUILD)/$(VARIANT)

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all kernel host clean
all: kernel host

WARNINGS := -Wall -Wextra -Wundef -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith

# --- kernel -------------------------------------------------------------------------------------

KERNEL_CFLAGS := -std=gnu17 -O2 -g $(WARNINGS) -I. -Iinclude \
	-ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-strict-aliasing -fno-common \
	-fno-asynchronous-unwind-tables -fcf-protection=none -fno-stack-clash-protection \
	-fstack-protector-strong -mstack-protector-guard=tls -mstack-protector-guard-reg=gs \
	-mstack-protector-guard-symbol=stack_canary \
	$(if $(DEBUG),-DCONFIG_DEBUG) $(KERNEL_EXTRA_CFLAGS)
KERNEL_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -T boot/kernel.ld

KERNEL_SOURCES := $(sort $(wildcard boot/*.c boot/*.S arch/x86_64/*.c arch/x86_64/*.S \
	kernel/*.c kernel/*/*.c lib/*.c tests/kernel/*.c))
KERNEL_OBJECTS := $(patsubst %,$(OUT)/%.o,$(basename $(KERNEL_SOURCES)))

kernel: $(OUT)/fanga.elf

$(OUT)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/%.o: %.S Makefile
	@mkdir -p $(@D)
	$(CC) -I. -Iinclude -MMD -MP -c $< -o $@

# Twice: the symbol table is made from the first link and lies behind everything in the second.
$(OUT)/unnamed.elf: $(KERNEL_OBJECTS) $(OUT)/symbols-none.o boot/kernel.ld
	$(CC) $(KERNEL_LDFLAGS) $(KERNEL_OBJECTS) $(OUT)/symbols-none.o -o $@

$(OUT)/fanga.elf: $(OUT)/unnamed.elf $(OUT)/symbols.o
	$(CC) $(KERNEL_LDFLAGS) $(KERNEL_OBJECTS) $(OUT)/symbols.o -o $@

$(OUT)/symbols-none.S: Makefile
	@mkdir -p $(@D)
	printf '.section .symtab_blob, "a"\n.globl symtab_blob_start, symtab_blob_end\nsymtab_blob_start:\nsymtab_blob_end:\n.section .note.GNU-stack, "", @progbits\n' > $@

$(OUT)/symbols.S: $(OUT)/unnamed.elf $(BUILD)/host/mksymtab
	$(BUILD)/host/mksymtab $< $@

$(OUT)/symbols%.o: $(OUT)/symbols%.S
	$(CC) -c $< -o $@
$(OUT)/symbols.o: $(OUT)/symbols.S
	$(CC) -c $< -o $@

# --- host program -------------------------------------------------------------------------------

HOST := $(BUILD)/host
HOST_CFLAGS := -std=gnu17 -O1 -g $(WARNINGS) -D_GNU_SOURCE -I. -Iinclude -MMD -MP

# Pure kernel files that the host program shares.
HOST_SHARED := $(filter-out lib/string.c,$(wildcard lib/*.c)) $(wildcard kernel/acpi/*.c) \
	$(addprefix kernel/numa/,topology.c ranges.c distance.c topology_json.c)
HOST_SOURCES := $(sort $(filter-out tools/mksymtab.c,$(wildcard tools/*.c)) $(HOST_SHARED))
HOST_OBJECTS := $(patsubst %.c,$(HOST)/%.o,$(HOST_SOURCES))

host: $(HOST)/fanga

$(HOST)/fanga: $(HOST_OBJECTS)
	$(CC) $^ -o $@

$(HOST)/mksymtab: $(HOST)/tools/mksymtab.o
	$(CC) $^ -o $@

$(HOST)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -c $< -o $@

clean:
	rm -rf $(BUILD)

-include tests/host/host.mk tests/fuzz/fuzz.mk
-include $(KERNEL_OBJECTS:.o=.d) $(HOST_OBJECTS:.o=.d)
