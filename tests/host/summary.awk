# One program's TAP: print a line for each failure and append `passed failed
# skipped` to `counts`. Variables: name of the program, its exit status, the time limit, the file
# for the counts.

/^1\.\.[0-9]+$/ { planned += substr($0, 4); has_plan = 1; next }

# cmocka writes a skipped test as `not ok 3 # SKIP name`.
/^(not )?ok [0-9]+.*# SKIP/ { skipped++; is_failing = others = 0; next }
/^ok [0-9]+/ { passed++; is_failing = others = 0; next }
/^not ok [0-9]+/ {
	failed++
	is_failing = 1
	sub(/^not ok [0-9]+( - )?/, "")
	print name ": " $0 ": failed"
	print_others()
	next
}
/^# not ok/ { next }
is_failing && /^#/ { print "    " $0; next }
/./ { is_failing = 0; other[others++] = $0 }

# What the program wrote since the last result: fail_msg(), a sanitizer, its own words.
function print_others(    i) {
	for (i = 0; i < others && i < 40; i++)
		print "    " other[i]
	others = 0
}

END {
	# A stress program may print no TAP at all: it is one test then.
	if (!has_plan && status == 0)
		passed++
	else if (!has_plan && status == 77)
		skipped++
	else if (!has_plan || passed + failed + skipped < planned || (status != 0 && !failed)) {
		failed++
		if (status == 124)
			print name ": stopped after " limit " s"
		else
			print name ": ended with status " status " before all of its tests had run"
		print_others()
	}
	print passed + 0, failed + 0, skipped + 0 >>counts
}
