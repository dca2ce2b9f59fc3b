/* The results channel as this machine has it. What fits and what does not:
 * tests/host/test_transport.c. */
#include "fanga/results.h"
#include "lib/errno.h"
#include "lib/json.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"

static void write_broken(struct json *json, void *arg)
{
	(void)arg;
	json_object_begin(json, NULL);
	json_u64(json, NULL, 1); /* a member without a key */
	json_object_end(json);
}

KTEST(results, channel_is_there)
{
	ktest_note("channel %s", results_channel_name());
	KT_EQ(results_dropped(), 0);
	results_stage("testing");
	KT_EQ(results_dropped(), 0);
}

KTEST(results, broken_section_is_left_out)
{
	if (strcmp(results_channel_name(), "none") == 0)
		KT_SKIP("no channel");
	KT_EQ(results_section("broken", write_broken, NULL), -EINVAL);
	KT_EQ(results_dropped(), 0);
}
