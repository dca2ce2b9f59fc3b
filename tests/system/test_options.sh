#!/bin/sh
# Every option of run: what it does to the machine, and what it says when it is wrong.
cd "$(dirname "$0")/../.." || exit 1
. tests/system/lib.sh

print() { # ARGS: the simulator's command line is in $work/stdout
	run run --print --out "$work/out-print" "$@"
	want_status 0
	[ ! -e "$work/out-print" ] || problem "--print made the results folder"
}

t defaults
print
want "$work/stdout" '^qemu-system-x86_64 .*-smp 4,sockets=2,cores=2,threads=1 -m 1024M '
want "$work/stdout" 'size=512M -numa node,nodeid=0,cpus=0-1,.*size=512M -numa node,nodeid=1,cpus=2-3,'
want "$work/stdout" '-icount shift=0,sleep=off -rtc clock=vm,base=2024-01-01T00:00:00 -seed 1 '
want "$work/stdout" "'host_cpus=[0-9]+ clock=icount seed=1'"
want_no "$work/stdout" 'dist,|-initrd|-gdb'
want_lines "$work/stdout" 1

t cpus
print --cpus 6
want "$work/stdout" '-smp 6,sockets=2,cores=3,threads=1 '
t one_cpu_alone_is_one_node
print --cpus 1
want "$work/stdout" '-smp 1,.*-numa node,nodeid=0,cpus=0,'
want_no "$work/stdout" 'nodeid=1'
print --cpus=1 --nodes=2
want "$work/stdout" 'nodeid=1,memdev'
t most_cpus
print --cpus 255 --nodes 64 --mem 4G
want "$work/stdout" '-smp 255,sockets=255,cores=1,threads=1 .*nodeid=63,cpus=252-254,'

t remainders_go_to_the_lowest_nodes
print --cpus 5 --nodes 3 --mem 100M
want "$work/stdout" 'size=34M -numa node,nodeid=0,cpus=0-1,.*size=33M -numa node,nodeid=1,cpus=2-3,.*size=33M -numa node,nodeid=2,cpus=4,'
t more_nodes_than_cpus
print --cpus 2 --nodes 3
want "$work/stdout" 'nodeid=1,cpus=1,memdev=m1 .*nodeid=2,memdev=m2'

t mem
print --mem 512M
want "$work/stdout" '-m 512M '
print --mem 4G
want "$work/stdout" '-m 4096M '

t node
print --node 0,cpus=0-1 --node 64M,cpus=2-3 --node 32M
want "$work/stdout" '-smp 4,.*-m 96M .*nodeid=0,cpus=0-1 .*nodeid=1,cpus=2-3,memdev=m1 .*nodeid=2,memdev=m2 '

t distance
print --nodes 3 --distance 0,1=15 --distance 2,1=30 --distance 1,2=40
for pair in src=0,dst=1,val=15 src=1,dst=0,val=15 src=0,dst=2,val=20 src=2,dst=0,val=20 \
	src=2,dst=1,val=30 src=1,dst=2,val=40; do
	want "$work/stdout" "-numa dist,$pair"
done

t threads
print --cpus 8 --threads 2
want "$work/stdout" '-smp 8,sockets=2,cores=2,threads=2 '

t no_icount
print --no-icount
want "$work/stdout" '-accel tcg,thread=multi '
want "$work/stdout" 'clock=host'
want_no "$work/stdout" '-icount'
print --no-icount --icount
want "$work/stdout" '-icount'

t append
print --append "log=debug seed=7"
want "$work/stdout" "seed=7 log=debug seed=7'"
want "$work/stdout" '-seed 7 '

t acpi
mkdir "$work/tables"
print --acpi "$work/tables"
want "$work/stdout" '-initrd '

t machine
print --machine q35
want "$work/stdout" '-machine q35 '
print --machine bochs
want "$work/stdout" '^bochs .*count=1:4:1'

t print_can_be_pasted
print $small --append 'x="a b"'
sh -c "for word in $(cat "$work/stdout"); do echo \"\$word\"; done" >"$work/words"
want "$work/words" '^host_cpus=[0-9]+ clock=icount seed=1 x="a b"$'

while IFS='|' read -r words pattern; do
	t "wrong:$(echo "$words" | tr -c 'a-z0-9\n' _)"
	# shellcheck disable=SC2086 # a list of words
	run run --out "$work/out-wrong" $words
	want_usage "$pattern"
	[ ! -e "$work/out-wrong" ] || problem "it made the results folder"
done <<'WRONG'
--cpus|--cpus needs a value
--cpus 0|'0' is not a number from 1 to 255
--cpus 256|from 1 to 255
--cpus -1|from 1 to 255
--cpus 4x|from 1 to 255
--cpus 99999999999999999999|from 1 to 255
--nodes 0|from 1 to 64
--nodes 65|from 1 to 64
--mem 3M|from 4M to 512G
--cpus 1 --mem 15M|allowed are 16M or more
--mem 512|like 512M or 4G
--mem 99999G|from 4M to 512G
--mem 1K|like 512M or 4G
--mem 7M --nodes 2|allowed are 8M or more
--node|needs a value
--node 1M,cpus=0|SIZE 0 or 4M to 512G
--node 64M,cpus=1-0|not SIZE,cpus=A-B
--node 64M,cpu=0|not SIZE,cpus=A-B
--node 64M,cpus=0 --node 64M,cpus=2|CPU 1 is in 0 nodes
--node 64M,cpus=0-1 --node 64M,cpus=1|CPU 1 is in 2 nodes
--node 64M|no node has CPUs
--node 0,cpus=0|no node has memory
--node 64M,cpus=0 --cpus 1|--cpus cannot stand beside --node
--node 64M,cpus=0 --nodes 1|--nodes cannot stand beside --node
--node 64M,cpus=0 --mem 64M|--mem cannot stand beside --node
--distance 0,1=10|V from 11 to 255
--distance 0,1=256|V from 11 to 255
--distance 1,1=20|two different nodes
--distance 0,2=20|no node 2; allowed are nodes 0 to 1
--distance 0-1=20|not A,B=V
--threads 3|does not divide 4 CPUs
--threads 0|from 1 to 255
--threads 3 --cpus 255|APIC ids up to 338; allowed are ids up to 254
--machine pc|allowed are q35 and bochs
--machine bochs --nodes 2|--nodes 1
--machine bochs --no-icount|--no-icount is for q35
--machine bochs --cpus 9|allowed are 1 to 8
--acpi /does/not/exist|is not a folder
--acpi README.md|is not a folder
--timeout 0|seconds above 0
--timeout -3|seconds above 0
--timeout 1s|seconds above 0
--icount=1|takes no value
--frobnicate|unknown option '--frobnicate'; allowed are --cpus
-x|unknown option '-x'
--profile|not available yet
--profile=100|not available yet
--add a:b|not available yet
true|not available yet
-- true|not available yet
WRONG

t wrong_append_of_control_characters
run run --append "a
b"
want_usage 'control character'
t wrong_empty_out
run run --out ''
want_usage 'name is empty'

t wrong_commands
run frobnicate
want_usage "no command 'frobnicate'; allowed are run, test, topology, debug, help"
for command in shell bench iso; do
	run $command
	want_usage "$command is not available yet"
done
run
want_usage 'no command; allowed are'
run debug --machine bochs
want_usage 'allowed is q35'
run test user
want_usage 'not available yet'
run test nonsense
want_usage "no suite 'nonsense'; allowed are"
run test host nonsense
want_usage "no suite 'nonsense'; allowed are"
run test --time
want_usage "number of seconds"
run test --time 0
want_usage "number of seconds"
run test --frobnicate
want_usage "unknown option '--frobnicate'"

t help
run help
want_status 0
for command in run test topology debug help; do
	want "$work/stdout" "^    fanga $command"
done
want_no "$work/stdout" 'shell|bench|iso|PROGRAM|profile|--add'
for command in run test topology debug help; do
	run help $command
	want_status 0
	want_no "$work/stdout" 'shell|bench|PROGRAM|profile|--add'
done
run help frobnicate
want_usage "no command 'frobnicate'"
run --help
want_status 0

t help_lists_every_option
run help run
for option in cpus nodes mem node distance threads out acpi append machine icount no-icount timeout print; do
	want "$work/stdout" "--$option"
done

end
