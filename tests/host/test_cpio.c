// sources: lib/cpio.c lib/printf.c
/* cpio: what the writer makes the reader reads, and every broken archive gets its one line. */
#include "tests/host/check.h"

#include "lib/cpio.h"
#include "lib/errno.h"
#include "lib/prng.h"

struct archive {
	uint8_t bytes[8192];
	size_t size;
};

static struct archive archive;

static int append(void *context, const void *data, size_t bytes)
{
	struct archive *to = context;

	if (bytes > sizeof(to->bytes) - to->size)
		return -ENOSPC;
	memcpy(to->bytes + to->size, data, bytes);
	to->size += bytes;
	return 0;
}

static void make_archive(void)
{
	struct cpio_writer writer;

	archive.size = 0;
	cpio_create(&writer, append, &archive);
	assert_int_equal(cpio_add(&writer, "tables", CPIO_MODE_DIR | 0755, NULL, 0), 0);
	assert_int_equal(cpio_add(&writer, "tables/apic.dat", CPIO_MODE_FILE | 0644, "APIC1", 5),
			 0);
	assert_int_equal(cpio_add(&writer, "./a", CPIO_MODE_FILE | 0644, "1234", 4), 0);
	assert_int_equal(cpio_add(&writer, "empty", CPIO_MODE_FILE | 0600, NULL, 0), 0);
	assert_int_equal(cpio_finish(&writer), 0);
}

static void round_trip(void **state)
{
	static const struct {
		const char *name, *data;
		uint32_t mode;
	} expected[] = {
		{"tables", "", CPIO_MODE_DIR | 0755},
		{"tables/apic.dat", "APIC1", CPIO_MODE_FILE | 0644},
		{"./a", "1234", CPIO_MODE_FILE | 0644},
		{"empty", "", CPIO_MODE_FILE | 0600},
	};
	struct cpio_reader reader;
	struct cpio_entry entry;

	(void)state;
	make_archive();
	assert_int_equal(archive.size % 4, 0);
	cpio_open(&reader, archive.bytes, archive.size);
	for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(cpio_next(&reader, &entry), 1);
		assert_string_equal(entry.name, expected[i].name);
		assert_int_equal(entry.name_length, strlen(expected[i].name));
		assert_int_equal(entry.size, strlen(expected[i].data));
		assert_memory_equal(entry.data, expected[i].data, entry.size);
		assert_int_equal(entry.mode, expected[i].mode);
		assert_int_equal((entry.data - archive.bytes) % 4, 0);
	}
	assert_int_equal(cpio_next(&reader, &entry), 0);
	assert_int_equal(cpio_next(&reader, &entry), 0);
	assert_string_equal(reader.error, "");
}

static void find(void **state)
{
	struct cpio_entry entry;

	(void)state;
	make_archive();
	assert_int_equal(cpio_find(archive.bytes, archive.size, "a", &entry), 0);
	assert_int_equal(entry.size, 4);
	assert_int_equal(cpio_find(archive.bytes, archive.size, "tables/apic.dat", &entry), 0);
	assert_int_equal(cpio_find(archive.bytes, archive.size, "nothing", &entry), -ENOENT);
	assert_int_equal(cpio_find(archive.bytes, 50, "a", &entry), -EINVAL);
	assert_int_equal(cpio_find(archive.bytes, archive.size - 20, "a", &entry), 0);
}

/* The system's own cpio reads it, where there is one. */
static void system_reads_it(void **state)
{
	FILE *pipe;

	(void)state;
	if (system("command -v cpio >/dev/null 2>&1") != 0)
		skip();
	make_archive();
	pipe = popen("cpio -it --quiet >/dev/null", "w");
	assert_non_null(pipe);
	fwrite(archive.bytes, 1, archive.size, pipe);
	assert_int_equal(pclose(pipe), 0);
}

/* Read the `size` bytes from a buffer of exactly that size. Returns the last result. */
static int read_all(const uint8_t *bytes, size_t size, char error[CPIO_ERROR_BYTES])
{
	uint8_t *exact = malloc(size ? size : 1);
	struct cpio_reader reader;
	struct cpio_entry entry;
	volatile uint8_t seen = 0;
	int result;

	memcpy(exact, bytes, size);
	cpio_open(&reader, exact, size);
	while ((result = cpio_next(&reader, &entry)) > 0) {
		assert_int_equal(strlen(entry.name), entry.name_length);
		for (size_t i = 0; i < entry.size; i++)
			seen ^= entry.data[i];
	}
	assert_int_equal(cpio_next(&reader, &entry), result);
	assert_int_equal(result < 0, reader.error[0] != '\0');
	assert_null(strchr(reader.error, '\n'));
	strcpy(error, reader.error);
	free(exact);
	return result;
}

static void every_truncation(void **state)
{
	char error[CPIO_ERROR_BYTES];
	size_t trailer;

	(void)state;
	make_archive();
	/* Only the padding of the trailer may be missing. */
	trailer = archive.size - ALIGN_UP(110 + sizeof("TRAILER!!!"), 4);
	for (size_t size = 0; size < archive.size; size++) {
		int result = read_all(archive.bytes, size, error);

		assert_int_equal(result, size < trailer + 110 + sizeof("TRAILER!!!") ? -EINVAL : 0);
	}
}

static void every_byte_changed(void **state)
{
	char error[CPIO_ERROR_BYTES];

	(void)state;
	make_archive();
	for (size_t i = 0; i < archive.size; i++) {
		uint8_t good = archive.bytes[i];

		for (unsigned value = 0; value < 256; value++) {
			archive.bytes[i] = (uint8_t)value;
			read_all(archive.bytes, archive.size, error);
		}
		archive.bytes[i] = good;
	}
}

static void messages(void **state)
{
	static const struct {
		size_t at; /* in the second header, which starts behind "tables" */
		const char *bytes, *message;
	} cases[] = {
		{0, "070702", "not a cpio header of the newc format"},
		{0, "hello!", "not a cpio header of the newc format"},
		{14, "0000z000", "the header has a byte that is no hexadecimal digit"},
		{54, "ffffffff", "the data runs past the end"},
		{94, "ffffffff", "the name runs past the end"},
		{94, "00000000", "the name is empty"},
		{94, "00000001", "the name is empty"},
		{94, "0000000F", "the name does not end where its length says"},
		{94, "00000011", "the name does not end where its length says"},
	};
	char error[CPIO_ERROR_BYTES], expected[CPIO_ERROR_BYTES];
	size_t second = ALIGN_UP(110 + sizeof("tables"), 4);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		make_archive();
		memcpy(archive.bytes + second + cases[i].at, cases[i].bytes,
		       strlen(cases[i].bytes));
		snprintf(expected, sizeof(expected), "cpio archive, entry at byte %zu: %s", second,
			 cases[i].message);
		assert_int_equal(read_all(archive.bytes, archive.size, error), -EINVAL);
		assert_string_equal(error, expected);
	}
	assert_int_equal(read_all(archive.bytes, 0, error), -EINVAL);
	assert_string_equal(error, "cpio archive, entry at byte 0: the trailer is missing");
}

static void writer_refuses(void **state)
{
	static uint8_t big[9000];
	struct cpio_writer writer;

	(void)state;
	archive.size = 0;
	cpio_create(&writer, append, &archive);
	assert_int_equal(cpio_add(&writer, "", CPIO_MODE_FILE, NULL, 0), -EINVAL);
	assert_int_equal(cpio_add(&writer, "TRAILER!!!", CPIO_MODE_FILE, NULL, 0), -EINVAL);
	assert_int_equal(cpio_add(&writer, "big", CPIO_MODE_FILE, big, sizeof(big)), -ENOSPC);
	assert_int_equal(cpio_add(&writer, "more", CPIO_MODE_FILE, NULL, 0), -ENOSPC);
	assert_int_equal(cpio_finish(&writer), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),	      cmocka_unit_test(find),
		cmocka_unit_test(system_reads_it),    cmocka_unit_test(every_truncation),
		cmocka_unit_test(every_byte_changed), cmocka_unit_test(messages),
		cmocka_unit_test(writer_refuses),
	};

	return cmocka_run_group_tests_name("cpio", tests, NULL, NULL);
}
