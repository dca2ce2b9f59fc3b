// sources: kernel/acpi/rsdp.c kernel/acpi/table.c
/* RSDP: both revisions, both checksums, and the search. */
#include "tests/host/acpi_build.h"

#include "kernel/acpi/rsdp.h"

/* As firmware writes it; `length` is the field's value. */
static void rsdp_build(uint8_t *p, uint8_t revision, uint32_t length)
{
	memset(p, 0, ACPI_RSDP_V2_BYTES);
	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, "FANGA ", 6);
	p[15] = revision;
	memcpy(p + 16, (uint32_t[]){0x7ffe1000}, 4);
	memcpy(p + 20, &length, 4);
	memcpy(p + 24, (uint64_t[]){0x17ffe2000ull}, 8);
	p[8] = (uint8_t)-checksum_sum8(p, 20);
	if (revision >= 2)
		p[32] = (uint8_t)-checksum_sum8(p, 36);
}

static void revisions(void **state)
{
	uint8_t bytes[36];
	struct acpi_rsdp rsdp;
	const char *why;

	(void)state;
	rsdp_build(bytes, 0, 0);
	assert_int_equal(acpi_rsdp_parse(&rsdp, bytes, 20, &why), 0);
	assert_int_equal(rsdp.rsdt, 0x7ffe1000);
	assert_int_equal(rsdp.xsdt, 0);
	rsdp_build(bytes, 2, 36);
	assert_int_equal(acpi_rsdp_parse(&rsdp, bytes, 36, &why), 0);
	assert_int_equal(rsdp.revision, 2);
	assert_int_equal(rsdp.rsdt, 0x7ffe1000);
	assert_int_equal(rsdp.xsdt, 0x17ffe2000ull);
}

static void faults(void **state)
{
	uint8_t bytes[36];
	struct acpi_rsdp rsdp;
	const char *why = NULL;

	(void)state;
	for (unsigned cut = 0; cut < 36; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1);

		rsdp_build(bytes, 2, 36);
		memcpy(exact, bytes, cut);
		assert_int_equal(acpi_rsdp_parse(&rsdp, exact, cut, &why),
				 cut < 20 ? -EINVAL : -EBADMSG);
		assert_non_null(why);
		free(exact);
	}
	for (unsigned bit = 0; bit < 36 * 8; bit++) {
		int error;

		rsdp_build(bytes, 2, 36);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		error = acpi_rsdp_parse(&rsdp, bytes, 36, &why);
		assert_int_equal(error, bit < 20 * 8 ? -EINVAL : -EBADMSG);
		if (error == -EBADMSG) {
			assert_int_equal(rsdp.rsdt, 0x7ffe1000);
			assert_int_equal(rsdp.xsdt, 0);
		}
	}
}

static void lengths(void **state)
{
	static const uint32_t fields[] = {0, 20, 35, 37, 0x7fffffff, 0xffffffff};
	uint8_t bytes[36];
	struct acpi_rsdp rsdp;
	const char *why;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		rsdp_build(bytes, 2, fields[i]);
		assert_int_equal(acpi_rsdp_parse(&rsdp, bytes, 36, &why), -EBADMSG);
	}
}

static void scan(void **state)
{
	static uint8_t memory[1024 + 16];
	struct acpi_rsdp rsdp;

	(void)state;
	memset(memory, 0, sizeof(memory));
	assert_int_equal(acpi_rsdp_scan(&rsdp, memory, 1024), -ENOENT);
	/* Only 16-byte boundaries count. */
	rsdp_build(memory + 8, 2, 36);
	assert_int_equal(acpi_rsdp_scan(&rsdp, memory, 1024), -ENOENT);
	memset(memory, 0, sizeof(memory));

	rsdp_build(memory + 64, 2, 36);
	memory[64 + 33] = 1;
	assert_int_equal(acpi_rsdp_scan(&rsdp, memory, 1024), -EBADMSG);
	assert_int_equal(rsdp.xsdt, 0);
	/* A sound one further on is better. */
	rsdp_build(memory + 512, 2, 36);
	assert_int_equal(acpi_rsdp_scan(&rsdp, memory, 1024), 0);
	assert_int_equal(rsdp.xsdt, 0x17ffe2000ull);
	/* A broken first part is passed over; the end of the buffer is respected. */
	memory[512] ^= 1;
	memory[64] ^= 1;
	rsdp_build(memory + 1024 - 32, 0, 0);
	assert_int_equal(acpi_rsdp_scan(&rsdp, memory, 1024), 0);
	assert_int_equal(acpi_rsdp_scan(&rsdp, memory, 1024 - 13), -ENOENT);
	assert_int_equal(acpi_rsdp_scan(&rsdp, memory, 0), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(revisions),
		cmocka_unit_test(faults),
		cmocka_unit_test(lengths),
		cmocka_unit_test(scan),
	};

	return cmocka_run_group_tests_name("rsdp", tests, NULL, NULL);
}
