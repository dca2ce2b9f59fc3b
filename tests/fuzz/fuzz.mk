# Fuzz targets: one libFuzzer program for each tests/fuzz/fuzz_*.c. Included by the top Makefile
# after tests/host/host.mk, whose `// sources:` and `// cflags:` lines they use.
#
#   make fuzz-targets    build them into build/host/fuzz
#   tests/fuzz/run       run them (see there)

FUZZ_TARGETS := $(sort $(wildcard tests/fuzz/fuzz_*.c))

$(HOST_BUILD)/fuzz.mk: tests/host/rules tests/fuzz $(FUZZ_TARGETS)
	@mkdir -p $(@D)
	@tests/host/rules fuzz $(FUZZ_TARGETS) >$@.new
	@mv $@.new $@

-include $(HOST_BUILD)/fuzz.mk

.PHONY: fuzz-targets
fuzz-targets: $(HOST_fuzz_PROGRAMS)
