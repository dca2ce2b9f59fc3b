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

TEST_CC     ?= gcc
TEST_CLANG  ?= clang-14
TEST_BUILD  := build/tests
TEST_CFLAGS := -std=gnu17 -g -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes \
	       -fno-omit-frame-pointer -Itests/host/shim -Iinclude -I.
TEST_LDFLAGS := -Wl,-T,tests/host/shim/sections.ld

# Every mode has a compiler, flags and a folder of objects and programs.
TEST_asan_CC     = $(TEST_CC)
TEST_asan_CFLAGS = -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
TEST_tsan_CC     = $(TEST_CLANG)
TEST_tsan_CFLAGS = -O2 -fsanitize=thread
TEST_fuzz_CC     = $(TEST_CLANG)
TEST_fuzz_CFLAGS = -O2 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
TEST_fuzz_LDFLAGS = -fsanitize=fuzzer
TEST_asan_LDFLAGS = -lcmocka
TEST_tsan_LDFLAGS = -lcmocka -pthread

TEST_HOST  := $(sort $(wildcard tests/host/test_*.c))
TEST_STRESS := $(sort $(wildcard tests/host/stress_*.c))

$(TEST_BUILD)/tests.mk: tests/host/rules tests/host $(TEST_HOST) $(TEST_STRESS)
	@mkdir -p $(@D)
	@new=$@.$$$$; { tests/host/rules asan $(TEST_HOST) && \
		tests/host/rules tsan $(TEST_STRESS); } >$$new && mv $$new $@

-include $(TEST_BUILD)/tests.mk

define TEST_MODE_RULES
$(TEST_BUILD)/$(1)/obj/%.o: %.c tests/host/host.mk
	@mkdir -p $$(@D)
	$$(TEST_$(1)_CC) $$(TEST_CFLAGS) $$(TEST_$(1)_CFLAGS) -MMD -MP -c $$< -o $$@
endef
$(foreach mode,asan tsan fuzz,$(eval $(call TEST_MODE_RULES,$(mode))))

-include $(shell find $(TEST_BUILD) -name '*.d' 2>/dev/null)

.PHONY: host-tests
host-tests: $(TEST_asan_PROGRAMS) $(TEST_tsan_PROGRAMS)
