#!/bin/sh
# The results folder and the streams.
cd "$(dirname "$0")/../.." || exit 1
. tests/system/lib.sh
escape=$(printf '\033')

t run_json
run run --cpus 3 --nodes 2 --mem 64M --out "$work/out"
want_status 0
want_lines "$work/out/run.json" 1
for key in '"schema":1' '"commit":("[0-9a-f]{40}"|null)' \
	'"command_line":"fanga run --cpus 3 --nodes 2 --mem 64M --out ' \
	'"simulator":\{"program":"qemu-system-x86_64","version":"[0-9]' '"seed":1' \
	'"cpus":\[\{"cpu":0,"apic_id":0,"node":0,"bsp":true,"state":"online"\},' \
	'"nodes":\[\{"node":0,"pxm":0,"cpus":\[0,1\],"memory":\[\{"base":0,' '"distances":\[10,20\]' \
	'"firmware":\{"enabled":3,"disabled":0,"online_capable":0,' \
	'"exit":\{"status":0,"signal":null,"reason":"exited"\}' '"boot_to_init_ns":[1-9]' '"run_ns":[1-9]' \
	'"host_s":[0-9]' '"clock":"icount"' '"host_cpus":[1-9]' '"ipi":\[' '"locks":\[' \
	'"numa":\[\{"node":0,"hit":' '"placement":\[' '"demo":\{"round_trips":\[\{"type":'; do
	want "$work/out/run.json" "$key"
done
t sections_of_later_subsystems_are_absent
want_no "$work/out/run.json" '"(sched|preempt|profile)":'

t bochs_needs_no_terminal
run_status=0
env -i PATH="$PATH" HOME="$HOME" ./fanga run --machine bochs --cpus 1 --mem 64M -q --append test=smp \
	--out "$work/out-bochs" >"$work/stdout" 2>"$work/stderr" </dev/null || run_status=$?
[ "$run_status" = 0 ] || problem "status $run_status: $(cat "$work/stderr")"
want "$work/out-bochs/console.log" "^# [0-9]+ passed, 0 failed"

t console_log
want "$work/out/console.log" '^\[ +[0-9.]+\] cpu0 info: '

t old_files_go_and_others_stay
mkdir -p "$work/out-old"
for file in run.json console.log profile.txt profile.json profile.csv profile.folded \
	profile.speedscope.json flame.html trace.json notes.txt; do
	echo old >"$work/out-old/$file"
done
run run $small --out "$work/out-old"
want_status 0
[ "$(ls "$work/out-old" | tr '\n' ' ')" = "console.log notes.txt run.json " ] ||
	problem "in the folder: $(ls "$work/out-old")"
want_no "$work/out-old/run.json" '^old'
want_tidy

t folders_are_made
run run $small --out "$work/out-a/b c/d"
want_status 0
[ -s "$work/out-a/b c/d/run.json" ] || problem "no run.json"

t default_folder_is_out
(cd "$work" && mkdir elsewhere && cd elsewhere && "$fanga" run $small -q >/dev/null)
[ -s "$work/elsewhere/out/run.json" ] || problem "no out/run.json in the working directory"

t no_escapes_and_no_progress_in_place
run run $small --out "$work/out"
want_no "$work/stdout" "$escape"
want_no "$work/stderr" "$escape"
! grep -q "$(printf '\r')" "$work/stdout" "$work/stderr" || problem "carriage returns"
want_err '^fanga: (booting|starting)'
want_no "$work/out/console.log" "$escape"

t quiet
run run $small --out "$work/out" -q
want_status 0
[ ! -s "$work/stderr" ] || problem "something on standard error"
want "$work/stdout" 'FangaOS'

t verbose
run run $small --out "$work/out" -v
want_err '^\[ +[0-9.]+\] cpu0 info: '
want_err 'qemu-system-x86_64 '
want_no "$work/stdout" 'cpu0 info'

t runs_are_repeatable
run run --cpus 4 --mem 64M --out "$work/out-1"
cp "$work/stdout" "$work/first"
run run --cpus 4 --mem 64M --out "$work/out-2"
cmp -s "$work/first" "$work/stdout" || problem "two runs have different reports"
cmp -s "$work/out-1/console.log" "$work/out-2/console.log" || problem "two runs have different logs"
for run in 1 2; do
	sed 's/"host_s":[0-9.]*//; s/"command_line":"[^"]*"//' "$work/out-$run/run.json" >"$work/json-$run"
done
cmp -s "$work/json-1" "$work/json-2" || problem "two runs have different figures"

t on_the_host_clock
run run --cpus 2 --mem 64M --no-icount --out "$work/out"
want_status 0
want "$work/out/run.json" '"clock":"host"'

end
