# Fuzz targets: one libFuzzer program for each tests/fuzz/fuzz_*.c. Included by the top Makefile
# after tests/host/host.mk, whose `// sources:` and `// cflags:` lines they use.
#
#   make fuzz-targets    build them into build/tests/fuzz
#   tests/fuzz/run       run them (see there)

TEST_FUZZ := $(sort $(wildcard tests/fuzz/fuzz_*.c))

$(TEST_BUILD)/fuzz.mk: tests/host/rules tests/fuzz $(TEST_FUZZ)
	@mkdir -p $(@D)
	@new=$@.$$$$; tests/host/rules fuzz $(TEST_FUZZ) >$$new && mv $$new $@

-include $(TEST_BUILD)/fuzz.mk

.PHONY: fuzz-targets
fuzz-targets: $(TEST_fuzz_PROGRAMS)
