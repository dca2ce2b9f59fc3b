# Host tests: the kernel's pure code as programs of this machine. Included by the top Makefile.
#
#   make host-tests    build every tests/host/test_*.c (ASan, UBSan) and stress_*.c (TSan)
#   tests/host/run     run what is built (see there)
#
# A test is one file. It names the sources it is about in lines of its own:
#   // sources: lib/cpio.c lib/printf.c
#   // cflags: -DCONFIG_DEBUG          (optional; it then has objects of its own)
#   // needs: mksymtab                 (optional; host tools that it runs, in build/host)
# tests/host/shim is in front of the include path: its headers replace those of the same name.

HOST_CC     ?= gcc
HOST_CLANG  ?= clang-14
HOST_BUILD  := build/host
HOST_CFLAGS := -std=gnu17 -g -Wall -Wextra -Wstrict-prototypes -Wmissing-declarations \
	       -fno-omit-frame-pointer -Itests/host/shim -Iinclude -I.

# Every mode has a compiler, flags and a folder of objects and programs.
HOST_asan_CC     = $(HOST_CC)
HOST_asan_CFLAGS = -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_tsan_CC     = $(HOST_CLANG)
HOST_tsan_CFLAGS = -O2 -fsanitize=thread
HOST_fuzz_CC     = $(HOST_CLANG)
HOST_fuzz_CFLAGS = -O2 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
HOST_fuzz_LDFLAGS = -fsanitize=fuzzer
HOST_asan_LDFLAGS = -lcmocka
HOST_tsan_LDFLAGS = -lcmocka -pthread

HOST_TESTS  := $(sort $(wildcard tests/host/test_*.c))
HOST_STRESS := $(sort $(wildcard tests/host/stress_*.c))

$(HOST_BUILD)/tests.mk: tests/host/rules tests/host $(HOST_TESTS) $(HOST_STRESS)
	@mkdir -p $(@D)
	@tests/host/rules asan $(HOST_TESTS) >$@.new
	@tests/host/rules tsan $(HOST_STRESS) >>$@.new
	@mv $@.new $@

-include $(HOST_BUILD)/tests.mk

define HOST_MODE_RULES
$(HOST_BUILD)/$(1)/obj/%.o: %.c
	@mkdir -p $$(@D)
	$$(HOST_$(1)_CC) $$(HOST_CFLAGS) $$(HOST_$(1)_CFLAGS) -MMD -MP -c $$< -o $$@
endef
$(foreach mode,asan tsan fuzz,$(eval $(call HOST_MODE_RULES,$(mode))))

-include $(shell find $(HOST_BUILD) -name '*.d' 2>/dev/null)

$(HOST_BUILD)/mksymtab: tools/mksymtab.c lib/symtab.h lib/types.h
	@mkdir -p $(@D)
	$(HOST_CC) -std=gnu17 -O2 -g -Wall -Wextra -Iinclude -I. $< -o $@

.PHONY: host-tests
host-tests: $(HOST_asan_PROGRAMS) $(HOST_tsan_PROGRAMS)
