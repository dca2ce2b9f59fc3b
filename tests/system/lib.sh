# Helpers of the system tests, for sourcing: `. tests/system/lib.sh` in the project's folder. TAP on
# standard output. A test is what stands between two `t NAME`; it fails if anything called `problem`.
# shellcheck shell=sh disable=SC2034 # variables for the test files

# As ./fanga leaves it, which would look at every file before each run.
export FANGA_ROOT="$PWD"
fanga=$PWD/build/host/fanga

work=$(mktemp -d) || exit 1
mkdir "$work/tmp" && export TMPDIR="$work/tmp"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

number=0
name=
problems=
skip=
small="--cpus 1 --mem 64M" # the quickest machine

finish() {
	[ -n "$name" ] || return 0
	number=$((number + 1))
	if [ -n "$problems" ]; then
		echo "not ok $number - $name"
		printf '%s' "$problems" | sed 's/^/#   /'
	elif [ -n "$skip" ]; then
		echo "ok $number - $name # SKIP $skip"
	else
		echo "ok $number - $name"
	fi
	name=
}

t() { # NAME: the next test
	finish
	name=$1
	problems=
	skip=
}

end() { # after the last test
	finish
	echo "1..$number"
}

problem() {
	problems="$problems$*
"
}

# Run fanga: $status, $work/stdout, $work/stderr.
run() {
	"$fanga" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null
	status=$?
}

want_status() {
	[ "$status" = "$1" ] || {
		problem "exit status $status, not $1"
		problem "$(head -n 3 "$work/stderr")"
	}
}

want() { # FILE PATTERN: an extended regular expression that a line must match
	grep -aqE -- "$2" "$1" || problem "$(basename "$1"): no line like: $2"
}

want_no() { # FILE PATTERN
	! grep -aqE -- "$2" "$1" || problem "$(basename "$1"): there is a line like: $2"
}

want_err() {
	want "$work/stderr" "$1"
}

want_lines() { # FILE NUMBER
	[ "$(wc -l <"$1")" -eq "$2" ] || problem "$(basename "$1"): $(wc -l <"$1") lines, not $2"
}

# Wrong usage: status 2 and one line that matches.
want_usage() {
	want_status 2
	want_lines "$work/stderr" 1
	want_err "$1"
	[ ! -s "$work/stdout" ] || problem "something on standard output"
}

# Nothing of a run is left but its results.
want_tidy() {
	[ -z "$(ls -A "$work/tmp")" ] || problem "left in TMPDIR: $(ls -A "$work/tmp")"
	for folder in "$work"/out*; do
		[ ! -d "$folder" ] || [ -z "$(find "$folder" -name '.*' -type f)" ] ||
			problem "left: $(find "$folder" -name '.*' -type f)"
	done
	for process in /proc/[0-9]*; do
		case $(tr '\0' ' ' 2>/dev/null <"$process/cmdline") in
		*qemu-system*"$work"* | *bochs*"$work"*) problem "a simulator is left: ${process#/proc/}" ;;
		esac
	done
}

# A simulator of our own in place of QEMU: its script is standard input.
fake_simulator() {
	mkdir -p "$work/bin"
	{
		echo '#!/bin/sh'
		# fanga asks for the version first
		echo '[ "$1" != --version ] || { echo "QEMU emulator version 0"; exit; }'
		cat
	} >"$work/bin/qemu-system-x86_64"
	chmod +x "$work/bin/qemu-system-x86_64"
}

run_fake() {
	PATH=$work/bin:$PATH "$fanga" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null
	status=$?
}
