// sources: lib/symtab.c lib/printf.c
// options: -max_len=512
/* The symbol table: a blob that is accepted answers every lookup from inside of itself. */
#include "tests/fuzz/fuzz.h"

#include "lib/symtab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct symtab_symbol symbol;
	struct symtab symtab;
	uint64_t address = 0;
	char *blob, text[64];

	if (bytes < sizeof(address))
		return 0;
	memcpy(&address, data, sizeof(address));
	blob = fuzz_copy(data + sizeof(address), bytes - sizeof(address), 0);
	if (symtab_open(&symtab, blob, bytes - sizeof(address)) == 0) {
		for (uint32_t i = 0; i < symtab.count; i++) {
			FUZZ_CHECK(
				symtab_lookup(&symtab, symtab.base + symtab.offsets[i], &symbol) ||
				(i + 1 == symtab.count && !symtab.sizes[i]));
			symtab_format(&symtab, symtab.base + symtab.offsets[i] + 1, 1, text,
				      sizeof(text));
		}
	} else {
		FUZZ_CHECK(symtab.count == 0);
	}
	if (symtab_lookup(&symtab, address, &symbol))
		FUZZ_CHECK(symbol.address + symbol.offset == address &&
			   strlen(symbol.name) < bytes);
	free(blob);
	return 0;
}
