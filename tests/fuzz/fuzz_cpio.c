// sources: lib/cpio.c lib/printf.c
// options: -max_len=4096
/* The cpio reader: any bytes; what it hands out lies inside the archive and the walk ends. */
#include "tests/fuzz/fuzz.h"

#include "lib/cpio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *archive = fuzz_copy(data, bytes, 0);
	const uint8_t *start = (const uint8_t *)archive, *end = start + bytes;
	struct cpio_reader reader;
	struct cpio_entry entry;
	size_t entries = 0;
	int result;

	cpio_open(&reader, archive, bytes);
	while ((result = cpio_next(&reader, &entry)) > 0) {
		FUZZ_CHECK(++entries <= bytes / 112);
		FUZZ_CHECK(entry.name_length > 0 && strlen(entry.name) == entry.name_length);
		FUZZ_CHECK((const uint8_t *)entry.name > start);
		FUZZ_CHECK(entry.data >= start && entry.data <= end);
		FUZZ_CHECK(entry.size <= (size_t)(end - entry.data));
	}
	FUZZ_CHECK((result < 0) == (reader.error[0] != '\0'));
	FUZZ_CHECK(!strchr(reader.error, '\n'));
	FUZZ_CHECK(cpio_find(archive, bytes, "tables/apic.dat", &entry) <= 0);
	free(archive);
	return 0;
}
