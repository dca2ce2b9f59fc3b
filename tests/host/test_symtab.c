// sources: lib/symtab.c lib/printf.c
// needs: mksymtab
/* Symbol table: lookups at every edge, hostile blobs, and the tool end to end on a real program. */
#include "tests/host/check.h"

#include "lib/errno.h"
#include "lib/prng.h"
#include "lib/symtab.h"

#define BASE 0xffffffff80200000ull

struct blob {
	struct symtab_header header;
	uint32_t offsets[4], sizes[4], names[4];
	char text[32];
};

_Static_assert(sizeof(struct blob) == 24 + 48 + 32, "no padding: these are the bytes of a blob");

static const struct blob sound = {
	.header = {SYMTAB_MAGIC, SYMTAB_VERSION, 4, 32, BASE},
	.offsets = {0x10, 0x100, 0x180, 0x200},
	.sizes = {0x20, 0x80, 0, 0x10},
	.names = {0, 6, 11, 17},
	.text = "first\0main\0label\0last@file.c",
};

static void lookups(void **state)
{
	static const struct {
		uint64_t offset;
		const char *text; /* NULL: in no function */
	} cases[] = {
		{0, NULL},
		{0xf, NULL},
		{0x10, "first+0x0/0x20"},
		{0x2f, "first+0x1f/0x20"},
		{0x30, NULL},
		{0xff, NULL},
		{0x100, "main+0x0/0x80"},
		{0x17f, "main+0x7f/0x80"},
		{0x180, "label+0x0/0x0"},
		{0x1ff, "label+0x7f/0x0"},
		{0x200, "last@file.c+0x0/0x10"},
		{0x20f, "last@file.c+0xf/0x10"},
		{0x210, NULL},
		{0x100000000, NULL},
		{0 - 1ull, NULL},
	};
	struct symtab symtab;
	struct symtab_symbol symbol;
	char text[64], number[32];

	(void)state;
	assert_int_equal(symtab_open(&symtab, &sound, sizeof(sound)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t address = BASE + cases[i].offset;

		assert_int_equal(symtab_lookup(&symtab, address, &symbol), cases[i].text != NULL);
		snprintf(number, sizeof(number), "0x%016llx", (unsigned long long)address);
		symtab_format(&symtab, address, 0, text, sizeof(text));
		assert_string_equal(text, cases[i].text ? cases[i].text : number);
	}
	assert_true(symtab_lookup(&symtab, BASE + 0x101, &symbol));
	assert_string_equal(symbol.name, "main");
	assert_int_equal(symbol.address, BASE + 0x100);
	assert_int_equal(symbol.size, 0x80);
	assert_int_equal(symbol.offset, 1);
	/* A call as the last instruction of main returns to the first byte behind it. */
	symtab_format(&symtab, BASE + 0x180, 1, text, sizeof(text));
	assert_string_equal(text, "main+0x80/0x80");
	assert_int_equal(symtab_format(&symtab, BASE + 0x100, 0, text, 5), 13);
	assert_string_equal(text, "main");
}

static void refused(void **state)
{
	struct symtab symtab;
	struct symtab_symbol symbol;
	struct blob blob;

	(void)state;
	for (size_t size = 0; size < sizeof(sound); size++) {
		void *exact = malloc(size ? size : 1);

		memcpy(exact, &sound, size);
		assert_int_equal(symtab_open(&symtab, exact, size), -EINVAL);
		assert_false(symtab_lookup(&symtab, BASE + 0x10, &symbol));
		free(exact);
	}
#define REFUSE(change)                                                                \
	do {                                                                          \
		blob = sound;                                                         \
		change;                                                               \
		assert_int_equal(symtab_open(&symtab, &blob, sizeof(blob)), -EINVAL); \
	} while (0)
	REFUSE(blob.header.magic++);
	REFUSE(blob.header.version++);
	REFUSE(blob.header.count = 5);
	REFUSE(blob.header.count = UINT32_MAX);
	REFUSE(blob.header.names_bytes = 33);
	REFUSE(blob.header.names_bytes = UINT32_MAX);
	REFUSE(blob.header.names_bytes = 0);
	REFUSE(blob.header.names_bytes = 17);
	REFUSE(blob.offsets[1] = blob.offsets[0]);
	REFUSE(blob.offsets[3] = 0);
	REFUSE(blob.names[2] = 32);
	REFUSE(blob.text[31] = 'x');
#undef REFUSE
	assert_int_equal(symtab_open(&symtab, (const char *)&sound + 1, sizeof(sound) - 1),
			 -EINVAL);
	blob = sound;
	blob.header.count = 0;
	assert_int_equal(symtab_open(&symtab, &blob, sizeof(blob)), 0);
	assert_false(symtab_lookup(&symtab, BASE + 0x10, &symbol));
}

static void large_against_scan(void **state)
{
	enum { COUNT = 1000 };
	static uint32_t words[6 + 3 * COUNT + 1];
	struct symtab_header *header = (struct symtab_header *)words;
	uint32_t *offsets = words + 6, *sizes = offsets + COUNT, at = 0;
	struct symtab symtab;
	struct symtab_symbol symbol;
	struct prng prng;

	(void)state;
	prng_seed(&prng, 12);
	*header = (struct symtab_header){SYMTAB_MAGIC, SYMTAB_VERSION, COUNT, 4, BASE};
	for (unsigned i = 0; i < COUNT; i++) {
		offsets[i] = at += 1 + (uint32_t)prng_below(&prng, 64);
		sizes[i] = 1 + (uint32_t)prng_below(&prng, 32);
	}
	assert_int_equal(symtab_open(&symtab, words, sizeof(words)), 0);
	for (uint32_t offset = 0; offset < at + 100; offset++) {
		unsigned i = COUNT;

		while (i > 0 && offsets[i - 1] > offset)
			i--;
		if (i > 0 && offset - offsets[i - 1] < sizes[i - 1]) {
			assert_true(symtab_lookup(&symtab, BASE + offset, &symbol));
			assert_int_equal(symbol.address, BASE + offsets[i - 1]);
		} else {
			assert_false(symtab_lookup(&symtab, BASE + offset, &symbol));
		}
	}
}

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void *read_blob(const char *path, size_t *bytes)
{
	FILE *file = fopen(path, "rb");
	void *blob = malloc(65536);

	assert_non_null(file);
	*bytes = fread(blob, 1, 65536, file);
	fclose(file);
	return blob;
}

static bool has_name(const struct symtab *symtab, const char *name)
{
	for (uint32_t i = 0; i < symtab->count; i++)
		if (strcmp(symtab->names + symtab->name_offsets[i], name) == 0)
			return true;
	return false;
}

/* Two files with a static of the same name, linked at a kernel address, through tool and back. */
static void tool_end_to_end(void **state)
{
#define DIR  "build/tests/mksymtab"
#define SAME "static __attribute__((noinline, used)) int same(int x) { return x * 3; }\n"
	struct symtab symtab;
	struct symtab_symbol symbol;
	size_t bytes;
	void *blob;

	(void)state;
	run("mkdir -p " DIR);
	write_file(DIR "/one.c", SAME "int data_one = 1; int _start(int x) { return same(x); }\n");
	write_file(DIR "/two.c",
		   SAME "int only_two(int x) { return same(x) + 1; }\n"
			"int alias_two(int) __attribute__((weak, alias(\"only_two\")));\n");
	run("cd " DIR
	    " && gcc -O1 -ffreestanding -nostdlib -static -no-pie -fno-pic -mcmodel=kernel "
	    "-Wl,-Ttext=0xffffffff80200000,--build-id=none one.c two.c -o image");
	run("build/host/mksymtab " DIR "/image " DIR "/a.S && build/host/mksymtab " DIR
	    "/image " DIR "/b.S && cmp " DIR "/a.S " DIR "/b.S");
	run("cd " DIR " && gcc -c a.S -o a.o && objcopy -O binary -j .symtab_blob a.o blob");

	blob = read_blob(DIR "/blob", &bytes);
	assert_int_equal(symtab_open(&symtab, blob, bytes), 0);
	assert_int_equal(symtab.count, 4);
	assert_true(has_name(&symtab, "_start"));
	assert_true(has_name(&symtab, "only_two"));
	assert_true(has_name(&symtab, "same@one.c"));
	assert_true(has_name(&symtab, "same@two.c"));
	assert_false(has_name(&symtab, "data_one"));
	assert_true(symtab_lookup(&symtab, 0xffffffff80200000ull, &symbol));
	assert_int_equal(symbol.offset, 0);
	free(blob);
}

static void tool_refuses(void **state)
{
	(void)state;
	run("mkdir -p " DIR);
	run("build/host/mksymtab README " DIR "/x.S 2>" DIR "/error; test $? = 1");
	run("build/host/mksymtab >" DIR "/error 2>&1; test $? = 2");
	run("printf 'no image' >" DIR "/text; build/host/mksymtab " DIR "/text " DIR "/x.S 2>" DIR
	    "/error; test $? = 1 && grep -q '^mksymtab: .*text: ' " DIR "/error");
	run("build/host/mksymtab build/host/mksymtab /nonexistent/x.S 2>" DIR
	    "/error; test $? = 1");
	/* Cut anywhere it says so, and never crashes. */
	run("for size in 1 63 64 1000 5000 9000; do head -c $size build/host/mksymtab >" DIR
	    "/cut; build/host/mksymtab " DIR "/cut " DIR "/x.S 2>" DIR
	    "/error; test $? = 1 || exit 1; done");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookups),
		cmocka_unit_test(refused),
		cmocka_unit_test(large_against_scan),
		cmocka_unit_test(tool_end_to_end),
		cmocka_unit_test(tool_refuses),
	};

	return cmocka_run_group_tests_name("symtab", tests, NULL, NULL);
}
