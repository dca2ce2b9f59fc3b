#!/bin/sh
# Every exit status of run, and that nothing is left behind whatever it is. Panics: test_faults.sh.
cd "$(dirname "$0")/../.." || exit 1
. tests/system/lib.sh

# shellcheck disable=SC2086 # $small is a list of words
t ok
run run $small --out "$work/out"
want_status 0
want "$work/stdout" '^FangaOS on 1 of 1 CPUs'
want "$work/out/run.json" '"exit":\{"status":0,"signal":null,"reason":"exited"\}'
want_tidy

t bad_kernel_command_line
run run $small --out "$work/out" --append "frobnicate=1" -q
want_usage "frobnicate=1.*allowed"
want "$work/out/run.json" '"status":2,"signal":null,"reason":"no-boot"'
run run $small --out "$work/out" --append "clock=sun" -q
want_usage "clock=host\|icount"
want_tidy

t tables_unusable
mkdir "$work/tables"
printf 'APIC' >"$work/tables/apic.dat"
run run $small --out "$work/out" -q --acpi "$work/tables"
want_status 65
want_lines "$work/stderr" 1
want "$work/out/run.json" '"status":65'
want_tidy

t simulator_missing
mkdir "$work/empty"
PATH=$work/empty "$fanga" run --out "$work/out" >"$work/stdout" 2>"$work/stderr"
status=$?
want_status 69
want_lines "$work/stderr" 1
want_err 'qemu-system-x86_64 is missing'
PATH=$work/empty "$fanga" run --machine bochs --out "$work/out" 2>"$work/stderr"
status=$?
want_status 69
want_err 'bochs is missing'

t simulator_refuses
fake_simulator <<'FAKE'
echo "no such accelerator" >&2
exit 1
FAKE
run_fake run --out "$work/out" -q
want_status 69
want_err 'did not boot the machine'
want_err 'no such accelerator'
want "$work/out/run.json" '"reason":"no-boot"'
want_tidy

t no_sign_of_life
fake_simulator <<'FAKE'
exec sleep 100
FAKE
FANGA_LIFE_LIMIT_S=1 run_fake run --out "$work/out" -q
want_status 69
want_err 'no sign of life'
want_tidy

t simulator_is_killed
fake_simulator <<'FAKE'
echo alive
kill -9 $$
FAKE
run_fake run --out "$work/out" -q
want_status 69
want_err 'ended by signal 9'

t triple_fault
fake_simulator <<'FAKE'
echo "[    0.000000] cpu0 info: alive"
exit 0
FAKE
run_fake run --out "$work/out" -q
want_status 255
want_err 'triple fault'
want "$work/out/run.json" '"status":255,"signal":null,"reason":"panic"'
want "$work/out/console.log" 'alive'
want_tidy

t panic_that_only_the_console_shows
fake_simulator <<'FAKE'
echo "[    0.000000] cpu0 err: panic: no channel yet"
exit 0
FAKE
run_fake run --out "$work/out" -q
want_status 255
want_err 'panic: no channel yet'

t rubbish_in_the_channel
fake_simulator <<'FAKE'
for word; do
	case $word in *mem-path=*) file=${word##*mem-path=} ;; esac
done
{
	printf 'FANGACH1\001\000\000\000\001\000\000\000\000\000\000\004\000\000\000\000'
	printf '\040\000\000\000\000\000\000\000'
} | dd of="$file" conv=notrunc 2>/dev/null
exec sleep 100
FAKE
run_fake run --out "$work/out" -q
want_status 255
want_err 'rubbish'
want_tidy

t exit_record_passes_the_status
fake_simulator <<'FAKE'
for word; do
	case $word in *mem-path=*) file=${word##*mem-path=} ;; esac
done
{ # one EXIT record: status 0, signal 9
	printf 'FREC\004\000\000\000\020\000\000\000\000\000\000\000'
	printf '\000\000\000\000\011\000\000\000\001\000\000\000\000\000\000\000'
} | dd of="$file" conv=notrunc bs=4096 seek=1 2>/dev/null
{
	printf 'FANGACH1\001\000\000\000\001\000\000\000\000\000\000\004\000\000\000\000'
	printf '\040\000\000\000\000\000\000\000'
} | dd of="$file" conv=notrunc 2>/dev/null
FAKE
run_fake run --out "$work/out" -q
want_status 137
want "$work/out/run.json" '"exit":\{"status":137,"signal":9,"reason":"signal"\}'

t unwritable_results
run run --out /proc/fanga
want_status 73
want_lines "$work/stderr" 1
touch "$work/file"
run run --out "$work/file"
want_status 73
run run --out "$work/file/below"
want_status 73
want_tidy

t standard_output_full
"$fanga" run $small --out "$work/out" -q >/dev/full 2>"$work/stderr"
status=$?
want_status 73
want_err 'standard output'
want_tidy

t standard_output_closed_early
{
	"$fanga" run $small --out "$work/out" -q 2>"$work/stderr"
	echo $? >"$work/status"
} | true
status=$(cat "$work/status")
want_status 0
want "$work/out/run.json" '"status":0'

t results_disk_full
skip="no right to mount a small disk"
mkdir -p "$work/disk"
if mount -t tmpfs -o size=16k none "$work/disk" 2>/dev/null; then
	skip=
	run run --cpus 255 --nodes 1 --timeout 30 -q --out "$work/disk/out" --append test=frobnicate
	dd if=/dev/zero of="$work/disk/fill" 2>/dev/null
	run run $small -q --out "$work/disk/out"
	want_status 73
	want_err 'cannot write'
	umount "$work/disk"
fi

t timeout
fake_simulator <<'FAKE'
echo alive
exec sleep 100
FAKE
run_fake run --timeout 1 --out "$work/out" -q
want_status 124
want_err '--timeout'
want "$work/out/run.json" '"status":124,"signal":null,"reason":"timeout"'
want_tidy

t timeout_of_a_real_machine
run run --cpus 8 --timeout 0.4 --out "$work/out" -q
want_status 124
want_tidy

for signal in INT TERM HUP; do
	t interrupted_by_$signal
	PATH=$work/bin:$PATH "$fanga" run --out "$work/out" -q >"$work/stdout" 2>"$work/stderr" &
	pid=$!
	while ! [ -s "$work/out/run.json" ] && kill -0 $pid 2>/dev/null && ! ls "$work/out"/.console* >/dev/null 2>&1; do
		sleep 0.1
	done
	sleep 0.3
	kill -$signal $pid
	wait $pid
	status=$?
	want_status 130
	want "$work/out/run.json" '"status":130'
	want_tidy
done

t killed_leaves_no_simulator
"$fanga" run --cpus 8 --out "$work/out-killed" -q >/dev/null 2>&1 &
pid=$!
sleep 0.5
kill -9 $pid
wait $pid 2>/dev/null
sleep 0.5
rm -rf "$work/out-killed"
want_tidy_simulator() {
	for process in /proc/[0-9]*; do
		case $(tr '\0' ' ' 2>/dev/null <"$process/cmdline") in
		*qemu-system*"$work"*) problem "a simulator is left: ${process#/proc/}" ;;
		esac
	done
}
want_tidy_simulator
rm -rf "$work/tmp"/*

end
