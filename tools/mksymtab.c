/*
 * mksymtab INPUT.elf OUTPUT.S: the kernel's symbol table for lib/symtab, from its linked image.
 *
 * The table describes an image that contains it, so the kernel is linked twice: once with an empty
 * section .symtab_blob, once with the one made here from the first link. Only code is listed and
 * the linker script puts .symtab_blob behind all code, so the addresses of the first link hold in
 * the second. Output depends on the input alone: equal images give equal bytes.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/symtab.h"

/* One function or label in an executable section. The strings point into the image. */
struct function {
	uint64_t address;
	uint64_t bytes;
	const char *name;
	const char *file; /* of the source, for local symbols; "" for others */
	unsigned rank;	  /* which of several at one address names it: the lowest */
	bool is_shared;	  /* another function has the same name */
};

struct image {
	const uint8_t *data;
	size_t bytes;
	const Elf64_Ehdr *header;
	const Elf64_Shdr *sections;
};

static const char *input_name;

static _Noreturn void die(const char *format, ...) __printf(1, 2);

static _Noreturn void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "mksymtab: %s: ", input_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static void *allocate(size_t count, size_t bytes)
{
	void *memory = calloc(count ? count : 1, bytes);

	if (!memory)
		die("out of memory");
	return memory;
}

static struct image read_image(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct image image = {0};
	uint8_t *data;
	long bytes;

	if (!file || fseek(file, 0, SEEK_END) || (bytes = ftell(file)) < 0)
		die("%s", strerror(errno));
	rewind(file);
	data = allocate((size_t)bytes, 1);
	if (fread(data, 1, (size_t)bytes, file) != (size_t)bytes)
		die("cannot be read");
	fclose(file);
	image.data = data;
	image.bytes = (size_t)bytes;
	return image;
}

/* `count` items of `size` bytes at `offset`, aligned unless they are bytes; or die. */
static const void *image_range(const struct image *image, uint64_t offset, uint64_t count,
			       uint64_t size, const char *what)
{
	if (offset > image->bytes || count > (image->bytes - offset) / size)
		die("%s is outside of the file", what);
	if (size > 1 && offset % 8)
		die("%s is not aligned", what);
	return image->data + offset;
}

static void check_image(struct image *image)
{
	const Elf64_Ehdr *header = image_range(image, 0, 1, sizeof(*header), "the ELF header");

	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64)
		die("not an ELF file for x86-64");
	if (header->e_shentsize != sizeof(Elf64_Shdr))
		die("section headers of an unknown size");
	image->header = header;
	image->sections = image_range(image, header->e_shoff, header->e_shnum, sizeof(Elf64_Shdr),
				      "the section table");
}

/* The section of type SHT_SYMTAB; its string table is checked to end in NUL. */
static const Elf64_Shdr *find_symbols(const struct image *image)
{
	for (unsigned i = 0; i < image->header->e_shnum; i++) {
		const Elf64_Shdr *section = &image->sections[i];
		const Elf64_Shdr *strings;
		const char *text;

		if (section->sh_type != SHT_SYMTAB)
			continue;
		if (section->sh_link >= image->header->e_shnum ||
		    section->sh_entsize != sizeof(Elf64_Sym))
			break;
		strings = &image->sections[section->sh_link];
		text = image_range(image, strings->sh_offset, strings->sh_size, 1,
				   "a string table");
		if (!strings->sh_size || text[strings->sh_size - 1])
			break;
		return section;
	}
	die("no sound symbol table (stripped?)");
}

static bool is_code(const struct image *image, const Elf64_Sym *symbol)
{
	unsigned type = ELF64_ST_TYPE(symbol->st_info);

	if (type != STT_FUNC && type != STT_NOTYPE)
		return false;
	if (!symbol->st_shndx || symbol->st_shndx >= image->header->e_shnum)
		return false;
	return image->sections[symbol->st_shndx].sh_flags & SHF_EXECINSTR;
}

/* Functions before labels; then global, weak, local ones. */
static unsigned symbol_rank(const Elf64_Sym *symbol)
{
	unsigned rank = ELF64_ST_TYPE(symbol->st_info) == STT_FUNC ? 0 : 3;

	switch (ELF64_ST_BIND(symbol->st_info)) {
	case STB_GLOBAL:
		return rank;
	case STB_WEAK:
		return rank + 1;
	default:
		return rank + 2;
	}
}

static size_t collect(const struct image *image, struct function **result)
{
	const Elf64_Shdr *table = find_symbols(image);
	const Elf64_Shdr *strings = &image->sections[table->sh_link];
	const char *text = (const char *)image->data + strings->sh_offset;
	size_t count = table->sh_size / sizeof(Elf64_Sym), found = 0;
	const Elf64_Sym *symbols =
		image_range(image, table->sh_offset, count, sizeof(Elf64_Sym), "the symbol table");
	struct function *functions = allocate(count, sizeof(*functions));
	const char *file = "";

	for (size_t i = 0; i < count; i++) {
		const Elf64_Sym *symbol = &symbols[i];
		const char *name = text + symbol->st_name;

		if (symbol->st_name >= strings->sh_size)
			die("symbol %zu has its name outside of the string table", i);
		/* Local symbols follow the STT_FILE of their source. */
		if (ELF64_ST_TYPE(symbol->st_info) == STT_FILE)
			file = name;
		if (!*name || !is_code(image, symbol))
			continue;
		functions[found++] = (struct function){
			.address = symbol->st_value,
			.bytes = symbol->st_size,
			.name = name,
			.file = ELF64_ST_BIND(symbol->st_info) == STB_LOCAL ? file : "",
			.rank = symbol_rank(symbol),
		};
	}
	*result = functions;
	return found;
}

static int by_address(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
	const struct function *x = *(const struct function *const *)a;
	const struct function *y = *(const struct function *const *)b;
	int order = strcmp(x->name, y->name);

	if (order)
		return order;
	return x->address < y->address ? -1 : x->address > y->address;
}

/*
 * Keep one function for each address, and none that lies 4 GiB or more below the highest (boot code
 * that runs at its physical address): offsets have 32 bits.
 */
static size_t choose(struct function *functions, size_t count)
{
	size_t kept = 0;
	uint64_t highest;

	qsort(functions, count, sizeof(*functions), by_address);
	if (!count)
		return 0;
	highest = functions[count - 1].address;
	for (size_t i = 0; i < count; i++) {
		if (highest - functions[i].address > UINT32_MAX)
			continue;
		if (kept && functions[kept - 1].address == functions[i].address)
			continue;
		functions[kept++] = functions[i];
	}
	return kept;
}

static void mark_shared_names(struct function *functions, size_t count)
{
	struct function **sorted = allocate(count, sizeof(struct function *));

	for (size_t i = 0; i < count; i++)
		sorted[i] = &functions[i];
	qsort(sorted, count, sizeof(struct function *), by_name);
	for (size_t i = 1; i < count; i++)
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			sorted[i - 1]->is_shared = sorted[i]->is_shared = true;
	free(sorted);
}

static bool has_file(const struct function *function)
{
	return function->is_shared && *function->file;
}

static size_t name_bytes(const struct function *function)
{
	return strlen(function->name) + 1 + (has_file(function) ? strlen(function->file) + 1 : 0);
}

static void write_table(FILE *out, const struct function *functions, size_t count)
{
	uint64_t base = count ? functions[0].address : 0;
	size_t names = 0;

	for (size_t i = 0; i < count; i++)
		names += name_bytes(&functions[i]);
	if (names > UINT32_MAX)
		die("4 GiB of names");

	fprintf(out,
		"/* Made by tools/mksymtab; the layout is that of lib/symtab.h. */\n"
		"\t.section .symtab_blob, \"a\", @progbits\n"
		"\t.balign 8\n"
		"\t.globl symtab_blob_start, symtab_blob_end\n"
		"symtab_blob_start:\n"
		"\t.long %#x, %u, %zu, %zu\n"
		"\t.quad %#llx\n",
		SYMTAB_MAGIC, SYMTAB_VERSION, count, names, (unsigned long long)base);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "\t.long %#llx\n", (unsigned long long)(functions[i].address - base));
	for (size_t i = 0; i < count; i++)
		fprintf(out, "\t.long %llu\n",
			(unsigned long long)MIN(functions[i].bytes, (uint64_t)UINT32_MAX));
	names = 0;
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "\t.long %zu\n", names);
		names += name_bytes(&functions[i]);
	}
	for (size_t i = 0; i < count; i++)
		fprintf(out, "\t.asciz \"%s%s%s\"\n", functions[i].name,
			has_file(&functions[i]) ? "@" : "",
			has_file(&functions[i]) ? functions[i].file : "");
	fprintf(out, "symtab_blob_end:\n\t.section .note.GNU-stack, \"\", @progbits\n");
}

int main(int argc, char **argv)
{
	struct function *functions;
	struct image image;
	size_t count;
	FILE *out;

	if (argc != 3) {
		fprintf(stderr, "usage: mksymtab INPUT.elf OUTPUT.S\n");
		return 2;
	}
	input_name = argv[1];
	image = read_image(argv[1]);
	check_image(&image);
	count = collect(&image, &functions);
	count = choose(functions, count);
	mark_shared_names(functions, count);

	out = fopen(argv[2], "w");
	if (!out) {
		fprintf(stderr, "mksymtab: %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	write_table(out, functions, count);
	if (ferror(out) | fclose(out)) {
		fprintf(stderr, "mksymtab: %s: cannot be written\n", argv[2]);
		return 1;
	}
	free(functions);
	free((void *)(uintptr_t)image.data);
	return 0;
}
