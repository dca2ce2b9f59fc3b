// sources: tools/shape.c tools/options.c tools/say.c
// cflags: -D_GNU_SOURCE
/* Options and shapes of fanga: what is asked for is what the machine gets, for every count. */
#include "tests/host/check.h"

#include <unistd.h>

#include "tools/exits.h"
#include "tools/shape.h"

static struct options options;
static struct shape shape;
static char error[SHAPE_ERROR_BYTES];

/* Parse words and make the shape; the line on standard error is not wanted here. */
static int make(int count, const char *const *words)
{
	char *argv[16] = {(char *)"run"};
	int saved = dup(STDERR_FILENO), status;

	for (int i = 0; i < count; i++)
		argv[i + 1] = (char *)words[i];
	assert_non_null(freopen("/dev/null", "w", stderr));
	status = options_parse(&options, count + 1, argv);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	return status ? status : shape_make(&shape, &options, error);
}

#define MAKE(...)                                                                                \
	make(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

static void defaults(void **state)
{
	(void)state;
	assert_int_equal(make(0, NULL), 0);
	assert_int_equal(shape.cpus, 4);
	assert_int_equal(shape.nodes, 2);
	assert_int_equal(shape.memory_bytes, 1ull << 30);
	assert_int_equal(shape.sockets, 2);
	assert_false(shape.has_distances);
	assert_string_equal(options.out, "out");
	assert_true(options.is_icount);
}

static void one_cpu_alone_has_one_node(void **state)
{
	(void)state;
	assert_int_equal(MAKE("--cpus", "1"), 0);
	assert_int_equal(shape.nodes, 1);
	assert_int_equal(MAKE("--cpus", "1", "--nodes", "3"), 0);
	assert_int_equal(shape.nodes, 3);
}

/* Contiguous blocks that differ by one at most, the larger ones first, for all 255 x 64 machines. */
static void every_split_is_even(void **state)
{
	(void)state;
	for (unsigned cpus = 1; cpus <= OPTION_CPUS_MAX; cpus++) {
		for (unsigned nodes = 1; nodes <= OPTION_NODES_MAX; nodes++) {
			unsigned next = 0;
			uint64_t memory = 0;

			options = (struct options){.cpus = cpus,
						   .nodes = nodes,
						   .memory_bytes = 1000ull << 20,
						   .is_icount = true};
			assert_int_equal(shape_make(&shape, &options, error), 0);
			for (unsigned i = 0; i < nodes; i++) {
				assert_int_equal(shape.node[i].first_cpu, next);
				assert_in_range(shape.node[i].cpu_count, cpus / nodes, cpus / nodes + 1);
				if (i) {
					assert_true(shape.node[i].cpu_count <= shape.node[i - 1].cpu_count);
					assert_true(shape.node[i].memory_bytes <=
						    shape.node[i - 1].memory_bytes);
				}
				next += shape.node[i].cpu_count;
				memory += shape.node[i].memory_bytes;
			}
			assert_int_equal(next, cpus);
			assert_int_equal(memory, 1000ull << 20);
			assert_int_equal(shape.sockets * shape.cores * shape.threads, cpus);
			/* No socket in two nodes. */
			if (shape.cores > 1)
				assert_int_equal(cpus / shape.sockets, shape.node[0].cpu_count);
		}
	}
}

static void explicit_nodes(void **state)
{
	(void)state;
	assert_int_equal(MAKE("--node", "0,cpus=2-3", "--node", "64M", "--node", "1G,cpus=0-1"), 0);
	assert_int_equal(shape.cpus, 4);
	assert_int_equal(shape.memory_bytes, (64ull << 20) + (1ull << 30));
	assert_int_equal(shape.node[0].first_cpu, 2);
	assert_int_equal(shape.node[0].memory_bytes, 0);
	assert_int_equal(shape.node[1].cpu_count, 0);
}

static void distances_have_a_way_back(void **state)
{
	(void)state;
	assert_int_equal(MAKE("--nodes", "3", "--distance", "2,0=77", "--distance", "0,1=15",
			      "--distance", "1,0=16", "--distance=0,1=14"),
			 0);
	assert_true(shape.has_distances);
	assert_int_equal(shape.distance[2][0], 77);
	assert_int_equal(shape.distance[0][2], 77);
	assert_int_equal(shape.distance[0][1], 14); /* the last one counts */
	assert_int_equal(shape.distance[1][0], 16);
	assert_int_equal(shape.distance[1][2], 20);
	assert_int_equal(shape.distance[1][1], 10);
}

static void threads_and_apic_ids(void **state)
{
	(void)state;
	assert_int_equal(MAKE("--cpus", "8", "--threads", "2"), 0);
	assert_int_equal(shape.cores, 2);
	/* 50 sockets of 5 cores would need ids up to 396: a socket per core then. */
	assert_int_equal(MAKE("--cpus", "250", "--nodes", "50"), 0);
	assert_int_equal(shape.sockets, 250);
	assert_true(MAKE("--cpus", "255", "--threads", "3") < 0);
	assert_non_null(strstr(error, "allowed"));
}

static void every_fault_has_a_line(void **state)
{
	(void)state;
	assert_true(MAKE("--nodes", "64", "--mem", "255M") < 0);
	assert_non_null(strstr(error, "allowed are 256M or more"));
	assert_true(MAKE("--node", "64M,cpus=0", "--cpus", "1") < 0);
	assert_true(MAKE("--node", "64M,cpus=1") < 0);
	assert_true(MAKE("--node", "64M") < 0);
	assert_true(MAKE("--distance", "0,5=20") < 0);
	assert_int_equal(MAKE("--distance", "0,0=20"), EXIT_USAGE);
	assert_int_equal(MAKE("--mem", "18446744073709551616M"), EXIT_USAGE);
	assert_int_equal(MAKE("--node", ","), EXIT_USAGE);
	assert_int_equal(MAKE("--node", "64M,cpus=0-300"), EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(one_cpu_alone_has_one_node),
		cmocka_unit_test(every_split_is_even),
		cmocka_unit_test(explicit_nodes),
		cmocka_unit_test(distances_have_a_way_back),
		cmocka_unit_test(threads_and_apic_ids),
		cmocka_unit_test(every_fault_has_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
