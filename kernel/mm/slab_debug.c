/*
 * The debug build's care for objects: red zones around them, poison in them while they are free,
 * and who had them last.
 *
 *	cell: header | red zone to the alignment | object | red zone to the end of the cell
 *
 * Invariant: a carved cell's `magic` says whether it is out; it changes by exchange, so that of two
 * who free an object at once one is told. All else belongs to whoever has the cell. No locks.
 */
#include "kernel/mm/slab.h"
#include <fanga/check.h>
#include <fanga/panic.h>
#include "lib/string.h"

#ifdef CONFIG_DEBUG

#define MAGIC_OUT    0x6f626a6563742121ull
#define MAGIC_FREE   0x66726565206f626aull
#define POISON_FREE  0x6b
#define POISON_FRESH 0x5a
#define RED	     0xcc
#define RED_BYTES    16u
#define NAME_BYTES   64

struct slab_header {
	struct slab_cell cell; /* the allocator's link */
	uint64_t magic;
	uint64_t bytes;	    /* asked for */
	uint64_t site;	    /* return address of the last who allocated it */
	uint64_t free_site; /* and of the last who freed it */
	uint8_t red[8];
};

size_t slab_debug_header(size_t align)
{
	return ALIGN_UP(sizeof(struct slab_header), align);
}

size_t slab_debug_trailer(void)
{
	return RED_BYTES;
}

struct site_name {
	char text[NAME_BYTES];
};

static struct site_name name_of(uint64_t site)
{
	struct site_name name = {"nobody"};

	if (site)
		backtrace_format(site, true, name.text, sizeof(name.text));
	return name;
}

/* The first of @bytes that is not @value; @bytes if all are. */
static size_t find_other(const uint8_t *data, uint8_t value, size_t bytes)
{
	size_t i = 0;

	while (i < bytes && data[i] == value)
		i++;
	return i;
}

static uint8_t *object_of(const struct slab_cache *cache, struct slab_header *header)
{
	return (uint8_t *)header + cache->header;
}

/* From the object to the end of its cell. */
static size_t room_of(const struct slab_cache *cache)
{
	return cache->stride - cache->header;
}

static void set_red_zones(const struct slab_cache *cache, struct slab_header *header)
{
	uint8_t *object = object_of(cache, header);

	memset(header->red, RED, (size_t)(object - header->red));
	memset(object + header->bytes, RED, room_of(cache) - header->bytes);
}

void slab_debug_carved(const struct slab_cache *cache, struct slab_cell *cell)
{
	struct slab_header *header = (struct slab_header *)(void *)cell;

	header->bytes = 0;
	header->site = header->free_site = 0;
	set_red_zones(cache, header);
	memset(object_of(cache, header), POISON_FREE, room_of(cache));
	__atomic_store_n(&header->magic, MAGIC_FREE, __ATOMIC_RELAXED);
}

void slab_debug_alloc(const struct slab_cache *cache, struct slab_cell *cell, size_t bytes,
		      uint64_t site)
{
	struct slab_header *header = (struct slab_header *)(void *)cell;
	uint8_t *object = object_of(cache, header);
	size_t at = find_other(object, POISON_FREE, room_of(cache));

	if (header->magic != MAGIC_FREE)
		check_report(CHECK_SLAB_OVERRUN,
			     "slab %s: the header of free object %p is overwritten\n"
			     "  last freed by %s",
			     cache->name, (void *)object, name_of(header->free_site).text);
	if (at < room_of(cache))
		check_report(
			CHECK_SLAB_FREE_USED,
			"slab %s: object %p was written to at +%zu after it was freed: 0x%02x\n"
			"  allocated by %s\n  freed by %s",
			cache->name, (void *)object, at, object[at], name_of(header->site).text,
			name_of(header->free_site).text);
	header->bytes = bytes;
	header->site = site;
	memset(object, POISON_FRESH, bytes);
	set_red_zones(cache, header);
	__atomic_store_n(&header->magic, MAGIC_OUT, __ATOMIC_RELAXED);
}

static struct slab *refuse(const void *object, uint64_t site, const char *reason)
{
	check_report(CHECK_SLAB_FREE, "slab: %p freed, but %s\n  by %s", object, reason,
		     name_of(site).text);
	return NULL;
}

/* The slab that @object lies in, or NULL with a *@reason. */
static struct slab *find_slab(const void *object, const char **reason)
{
	uint64_t address = (uint64_t)object;
	struct page *page = NULL;

	if (address >= DIRECT_MAP_BASE && address - DIRECT_MAP_BASE < DIRECT_MAP_BYTES)
		page = page_find(address - DIRECT_MAP_BASE);
	if (!page) {
		*reason = "it is no address of this allocator's";
		return NULL;
	}
	page = page_head(page);
	if (page_state(page) != PAGE_SLAB) {
		*reason = "it lies in no slab, or one that is free altogether";
		return NULL;
	}
	return (struct slab *)(void *)page;
}

/* The header of the object at @object; NULL with a *@reason when none begins there. */
static struct slab_header *find_header(const struct slab *slab, const void *object,
				       const char **reason)
{
	const struct slab_cache *cache = &slab_caches[slab->cache];
	size_t offset = (size_t)((const char *)object - slab_base(slab));
	size_t number = offset / cache->stride;

	if (number >= slab->carved) {
		*reason = "nobody has had that part of its slab yet";
		return NULL;
	}
	if (offset % cache->stride != cache->header) {
		*reason = "it points inside of an object";
		return NULL;
	}
	return (struct slab_header *)(void *)((const char *)object - cache->header);
}

static void check_red_zones(const struct slab_cache *cache, struct slab_header *header,
			    uint64_t site)
{
	const uint8_t *object = object_of(cache, header);
	size_t before = (size_t)(object - header->red);
	size_t behind = header->bytes <= room_of(cache) ? room_of(cache) - header->bytes : 0;
	size_t at = find_other(header->red, RED, before);
	long offset = (long)at - (long)before;

	if (at == before) {
		at = find_other(object + header->bytes, RED, behind);
		if (at == behind && behind)
			return;
		offset = (long)(header->bytes + at);
	}
	check_report(CHECK_SLAB_OVERRUN,
		     "slab %s: object %p of %lu bytes was written outside at %+ld\n"
		     "  allocated by %s\n  freed by %s",
		     cache->name, (const void *)object, header->bytes, offset,
		     name_of(header->site).text, name_of(site).text);
}

static struct slab *refuse_again(const struct slab_cache *cache, const void *object,
				 const struct slab_header *header, uint64_t magic, uint64_t site)
{
	if (magic == MAGIC_FREE)
		check_report(CHECK_SLAB_FREE,
			     "slab %s: object %p freed twice\n  allocated by %s\n  freed by %s\n"
			     "  again by %s",
			     cache->name, object, name_of(header->site).text,
			     name_of(header->free_site).text, name_of(site).text);
	else
		check_report(CHECK_SLAB_OVERRUN,
			     "slab %s: the header of object %p is overwritten\n  freed by %s",
			     cache->name, object, name_of(site).text);
	return NULL;
}

struct slab *slab_debug_free(const struct slab_cache *cache, void *object, uint64_t site)
{
	const char *reason = NULL;
	struct slab *slab = find_slab(object, &reason);
	struct slab_header *header;
	uint64_t magic;

	if (!slab)
		return refuse(object, site, reason);
	if (slab->cache == SLAB_LARGE)
		return object == slab_base(slab)
			       ? slab
			       : refuse(object, site, "it points into a large object");
	header = find_header(slab, object, &reason);
	if (!header)
		return refuse(object, site, reason);
	if (cache && cache != &slab_caches[slab->cache])
		return refuse(object, site, "it belongs to another cache");
	cache = &slab_caches[slab->cache];
	/* Relaxed: the cell is handed on by the slab's word or the CPU's list. */
	magic = __atomic_exchange_n(&header->magic, MAGIC_FREE, __ATOMIC_RELAXED);
	if (magic != MAGIC_OUT)
		return refuse_again(cache, object, header, magic, site);
	check_red_zones(cache, header, site);
	header->free_site = site;
	memset(object, POISON_FREE, room_of(cache));
	return slab;
}

/* A large object has no header: who has it stands in links that only listed slabs use. */
void slab_debug_alloc_large(struct slab *slab, size_t bytes, uint64_t site)
{
	slab->next = (struct slab *)site;
	slab->previous = (struct slab *)bytes;
}

bool slab_debug_out(const struct slab *slab, unsigned number, uint64_t *site, size_t *bytes)
{
	const struct slab_cache *cache = &slab_caches[slab->cache];
	const struct slab_header *header =
		(const void *)(slab_base(slab) + (size_t)number * cache->stride);

	if (slab->cache == SLAB_LARGE) {
		*site = (uint64_t)slab->next;
		*bytes = (size_t)slab->previous;
		return true;
	}
	*site = header->site;
	*bytes = header->bytes;
	return header->magic == MAGIC_OUT;
}

#endif
