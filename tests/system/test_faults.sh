#!/bin/sh
# Faults that end the machine (tests/kernel/fault_hooks.c), seen from outside: exit status 255, the
# panic's first lines on standard error, in the console message, CPU, what ran and a named backtrace,
# the verdict in run.json. TAP on standard output.
set -u
cd "$(dirname "$0")/../.." || exit 1

# As ./fanga leaves it, which would look at every file before each of the runs.
export FANGA_ROOT="$PWD" FANGA_KERNEL="${FANGA_DEBUG_KERNEL:-$PWD/build/debug/fanga.elf}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
number=0

verdict() { # NAME PROBLEM...: not ok with a reason if there is one
	number=$((number + 1))
	name=$1
	shift
	if [ $# -eq 0 ]; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		printf '#   %s\n' "$@"
	fi
}

run() { # FAULT [OPTION...]
	rm -rf "$work/out"
	fault=$1
	shift
	build/host/fanga run --cpus 4 --nodes 2 --mem 256M --timeout 60 --out "$work/out" "$@" \
		--append "hook.fault=$fault" >"$work/stdout" 2>"$work/stderr"
	echo $?
}

has() { # FILE PATTERN
	grep -aqE -- "$2" "$1"
}

# FAULT NAME MESSAGE CPU RUNNING FUNCTION [OPTION...]
check() {
	fault=$1 name=$2 message=$3 cpu=$4 running=$5 function=$6
	shift 6
	status=$(run "$fault" "$@")
	console=$work/out/console.log
	set --
	[ "$status" = 255 ] || set -- "$@" "exit status $status, not 255"
	has "$work/stderr" "panic: $message" || set -- "$@" "standard error does not say: $message"
	has "$console" "cpu$cpu err: panic: $message" || set -- "$@" "console does not say: $message"
	[ -z "$running" ] || has "$console" "on cpu $cpu, running $running" ||
		set -- "$@" "console does not say: on cpu $cpu, running $running"
	[ -z "$function" ] || has "$console" "err:   $function(@[a-z_.]*)?[+]0x" ||
		set -- "$@" "no $function in the backtrace"
	[ "$(grep -ac 'err: panic: ' "$console")" = 1 ] || set -- "$@" "not one panic in the console"
	has "$work/out/run.json" '"status": ?255' || set -- "$@" "run.json has another status"
	has "$work/out/run.json" '"reason": ?"panic"' || set -- "$@" "run.json has another reason"
	verdict "$name" "$@"
}

echo 1..21
check 1 null_write 'page fault at 0x0000000000000008: write of an unmapped page' 0 boot fault_null_write
check 2 text_write 'page fault at 0xffffffff80200000: write of a protected page' 0 boot fault_text_write
check 3 text_write_by_direct_map 'page fault at 0xffff800000200000: write of a protected page' \
	0 boot fault_text_write_by_direct_map
check 4 constant_write 'page fault at .*: write of a protected page' 0 boot fault_constant_write
check 5 data_execution 'page fault at .*: execution of a protected page' 0 boot fault_hook_run
check 6 stack_overflow 'kernel stack overflow at 0xffffc0' 0 boot 'recurse[a-z0-9.]*'
check 7 panic 'asked for by the command line' 0 boot fault_panic
check 8 panic_in_panic 'asked for by the command line' 0 '' ''
check 9 division 'divide error' 0 boot fault_division
check 10 reserved_vector 'vector 22' 0 boot fault_reserved_vector
check 11 bug 'tests/kernel/fault_hooks.c:[0-9]+: wanted != 0' 0 boot fault_bug
check 12 stack_smash 'stack smashed' 0 boot fault_stack_smash
check 13 bad_address 'general protection' 0 boot fault_bad_address
check 14 bad_instruction 'invalid opcode' 0 boot fault_bad_instruction
check 15 panic_on_another_cpu 'asked for by the command line' 1 work fault_panic
check 16 overflow_on_another_cpu 'kernel stack overflow at 0xffffc0' 1 work 'recurse[a-z0-9.]*'
check 17 panic_in_an_interrupt 'asked for by the command line' 1 idle panic_called
check 18 panic_everywhere_at_once 'asked for by the command line' '[0-3]' '' panic_called
check 18 panic_everywhere_on_the_host_clock 'asked for by the command line' '[0-3]' '' panic_called \
	--no-icount

# The report of a fault in the report says so.
run 8 >/dev/null
set --
has "$work/out/console.log" 'panic while panicking: page fault at 0x0000000000000010' ||
	set -- "the second fault is not named"
verdict a_fault_in_the_report_is_named "$@"

# Hooks are the debug build's.
FANGA_KERNEL=$PWD/build/release/fanga.elf
status=$(run 1)
set --
[ "$status" = 2 ] || set -- "exit status $status, not 2"
has "$work/stderr" 'hook.fault=1' || set -- "$@" "standard error does not name the word"
verdict release_build_refuses_hooks "$@"
