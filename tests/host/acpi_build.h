/*
 * Builds ACPI tables byte by byte for tests, sound unless the test breaks them on purpose, and
 * holds the one big result they are parsed into.
 */
#pragma once

#include "tests/host/check.h"

#include <fanga/acpi.h>

#include "kernel/acpi/parsers.h"
#include "kernel/acpi/table.h"
#include "lib/errno.h"
#include "lib/checksum.h"

#define BUILD_BYTES 131072

struct build {
	uint8_t bytes[BUILD_BYTES];
	uint32_t length;
};

static inline void put8(struct build *b, uint8_t value)
{
	assert_true(b->length < BUILD_BYTES);
	b->bytes[b->length++] = value;
}

static inline void put16(struct build *b, uint16_t value)
{
	put8(b, (uint8_t)value);
	put8(b, (uint8_t)(value >> 8));
}

static inline void put32(struct build *b, uint32_t value)
{
	put16(b, (uint16_t)value);
	put16(b, (uint16_t)(value >> 16));
}

static inline void put64(struct build *b, uint64_t value)
{
	put32(b, (uint32_t)value);
	put32(b, (uint32_t)(value >> 32));
}

static inline void put_zeros(struct build *b, unsigned count)
{
	while (count--)
		put8(b, 0);
}

static inline void set32(struct build *b, uint32_t offset, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		b->bytes[offset + i] = (uint8_t)(value >> 8 * i);
}

static inline void set64(struct build *b, uint32_t offset, uint64_t value)
{
	set32(b, offset, (uint32_t)value);
	set32(b, offset + 4, (uint32_t)(value >> 32));
}

/* Right the checksum, leaving everything else, a wrong length included, as it is. */
static inline void build_checksum(struct build *b)
{
	b->bytes[9] = 0;
	b->bytes[9] = (uint8_t)-checksum_sum8(b->bytes, b->length);
}

static inline void build_begin(struct build *b, const char *signature, uint8_t revision)
{
	b->length = 0;
	for (unsigned i = 0; i < 4; i++)
		put8(b, (uint8_t)signature[i]);
	put32(b, 0);
	put8(b, revision);
	put8(b, 0);
	for (unsigned i = 0; i < 26; i++)
		put8(b, "FANGA TESTTABL\1\0\0\0TEST\1\0\0\0"[i]);
}

static inline void build_end(struct build *b)
{
	set32(b, 4, b->length);
	build_checksum(b);
}

/*
 * The table as parsers get it, in a buffer of its exact size so that a sanitizer sees a read past
 * it.
 */
static inline struct acpi_table build_open(const struct build *b)
{
	static uint8_t *exact;
	struct acpi_table table;
	const char *why = "";

	free(exact);
	exact = malloc(b->length);
	memcpy(exact, b->bytes, b->length);
	if (acpi_table_open(&table, exact, b->length, &why) != 0)
		fail_msg("%s", why);
	return table;
}

/* MADT and its entries. */
static inline void madt_begin(struct build *b)
{
	build_begin(b, "APIC", 5);
	put32(b, 0xfee00000);
	put32(b, 1);
}

static inline void madt_lapic(struct build *b, uint8_t uid, uint8_t apic_id, uint32_t flags)
{
	put8(b, 0);
	put8(b, 8);
	put8(b, uid);
	put8(b, apic_id);
	put32(b, flags);
}

static inline void madt_x2apic(struct build *b, uint32_t uid, uint32_t apic_id, uint32_t flags)
{
	put8(b, 9);
	put8(b, 16);
	put16(b, 0);
	put32(b, apic_id);
	put32(b, flags);
	put32(b, uid);
}

static inline void madt_ioapic(struct build *b, uint8_t ioapic_id, uint32_t address, uint32_t gsi)
{
	put8(b, 1);
	put8(b, 12);
	put8(b, ioapic_id);
	put8(b, 0);
	put32(b, address);
	put32(b, gsi);
}

static inline void madt_override(struct build *b, uint8_t bus, uint8_t irq, uint32_t gsi,
				 uint16_t flags)
{
	put8(b, 2);
	put8(b, 10);
	put8(b, bus);
	put8(b, irq);
	put32(b, gsi);
	put16(b, flags);
}

static inline void madt_lapic_nmi(struct build *b, uint8_t uid, uint16_t flags, uint8_t lint)
{
	put8(b, 4);
	put8(b, 6);
	put8(b, uid);
	put16(b, flags);
	put8(b, lint);
}

/* SRAT and its entries. */
#define SRAT_ON	     1u
#define SRAT_HOTPLUG 2u

static inline void srat_begin(struct build *b, uint8_t revision)
{
	build_begin(b, "SRAT", revision);
	put32(b, 1);
	put64(b, 0);
}

static inline void srat_cpu(struct build *b, uint32_t pxm, uint8_t apic_id, uint32_t flags)
{
	put8(b, 0);
	put8(b, 16);
	put8(b, (uint8_t)pxm);
	put8(b, apic_id);
	put32(b, flags);
	put8(b, 0);
	put8(b, (uint8_t)(pxm >> 8));
	put8(b, (uint8_t)(pxm >> 16));
	put8(b, (uint8_t)(pxm >> 24));
	put32(b, 0);
}

static inline void srat_x2apic(struct build *b, uint32_t pxm, uint32_t apic_id, uint32_t flags)
{
	put8(b, 2);
	put8(b, 24);
	put16(b, 0);
	put32(b, pxm);
	put32(b, apic_id);
	put32(b, flags);
	put64(b, 0);
}

static inline void srat_memory(struct build *b, uint32_t pxm, uint64_t base, uint64_t length,
			       uint32_t flags)
{
	put8(b, 1);
	put8(b, 40);
	put32(b, pxm);
	put16(b, 0);
	put64(b, base);
	put64(b, length);
	put32(b, 0);
	put32(b, flags);
	put64(b, 0);
}

static inline void srat_initiator(struct build *b, uint32_t pxm, uint32_t flags)
{
	put8(b, 5);
	put8(b, 32);
	put8(b, 0);
	put8(b, 1);
	put32(b, pxm);
	put64(b, 0);
	put64(b, 0);
	put32(b, flags);
	put32(b, 0);
}

/* SLIT of n domains, all at 20 until the test sets some with slit_set(). */
static inline void slit_build(struct build *b, uint32_t n)
{
	build_begin(b, "SLIT", 1);
	put64(b, n);
	for (uint32_t from = 0; from < n; from++)
		for (uint32_t to = 0; to < n; to++)
			put8(b, from == to ? 10 : 20);
	build_end(b);
}

static inline void slit_set(struct build *b, uint32_t n, uint32_t from, uint32_t to, uint8_t value)
{
	b->bytes[44 + from * n + to] = value;
	build_checksum(b);
}

/* One result for all tests of a program: it is too big for a stack. */
static struct acpi_info info;

/* Empty, and with rubbish in what a parser must not take for its own. */
static inline void info_begin(void)
{
	memset(&info, 0xa5, sizeof(info));
	acpi_info_reset(&info);
}

static inline bool has_note(const struct acpi_notes *notes, const char *part)
{
	for (unsigned i = 0; i < notes->count; i++)
		if (strstr(notes->text[i], part))
			return true;
	return false;
}

#define assert_warned(part) assert_true(has_note(&info.warnings, part))
