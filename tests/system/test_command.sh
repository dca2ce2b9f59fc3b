#!/bin/sh
# The file `fanga` itself: found from anywhere, installs what is missing, builds quietly.
cd "$(dirname "$0")/../.." || exit 1
. tests/system/lib.sh
unset FANGA_ROOT
fanga=$PWD/fanga
root=$PWD

t from_another_directory
(cd / && "$fanga" run $small --print) >"$work/stdout" 2>"$work/stderr" || problem "failed"
want "$work/stdout" "$root/build/release/fanga.elf"

t through_links
ln -s "$fanga" "$work/absolute"
ln -s absolute "$work/relative"
mkdir "$work/bin"
ln -s ../relative "$work/bin/fanga"
(cd / && PATH=$work/bin:$PATH fanga run --print) >"$work/stdout" 2>"$work/stderr" || problem "failed"
want "$work/stdout" "$root/build/release/fanga.elf"

t a_root_with_spaces
mkdir -p "$work/a root/build/host"
cp "$fanga" "$work/a root/fanga"
printf '.PHONY: kernel host\nkernel host:\n' >"$work/a root/Makefile"
cp build/host/fanga "$work/a root/build/host/fanga"
(cd "$work" && "./a root/fanga" run --print --out "out x") >"$work/stdout" 2>"$work/stderr" || problem "failed"
want "$work/stdout" "'$work/a root/build/release/fanga.elf'"

t an_up_to_date_build_is_silent
"$fanga" help >"$work/stdout" 2>"$work/stderr" || problem "failed"
[ ! -s "$work/stderr" ] || problem "$(head -n 3 "$work/stderr")"

t compiler_errors_are_shown
printf 'host:\n\t@echo "x.c:1: error: bad" >&2; false\n' >"$work/a root/Makefile"
"$work/a root/fanga" help >"$work/stdout" 2>"$work/stderr"
status=$?
want_status 1
want_err 'x.c:1: error: bad'
want_err 'the build failed'

# A machine that has nothing but what a fresh Debian has, with an apt-get of our own.
fresh() {
	rm -rf "$work/fresh"
	mkdir -p "$work/fresh"
	for program in sh env dirname readlink cat tail rm mktemp id nproc flock mkdir; do
		ln -s "$(command -v $program)" "$work/fresh/$program"
	done
	printf 'host kernel:\n' >"$work/a root/Makefile"
}

fresh_run() {
	PATH=$work/fresh "$(command -v sh)" "$work/a root/fanga" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null
	status=$?
}

t no_way_to_install
fresh
fresh_run run
want_status 69
want_err 'installing qemu-system-x86: '
want_err 'there is no apt-get; needed are: make gcc .*qemu-system-x86'

t installs_what_a_command_needs
fresh
cat >"$work/fresh/apt-get" <<FAKE
#!/bin/sh
echo "\$*" >>"$work/apt"
case " \$* " in *" install "*) $(command -v ln) -sf /bin/true "$work/fresh/make" ;; esac
FAKE
chmod +x "$work/fresh/apt-get"
rm -f "$work/apt"
if [ "$(id -u)" = 0 ]; then
	fresh_run run --print
	want_lines "$work/apt" 1
	want "$work/apt" '--no-install-recommends install make gcc.* qemu-system-x86$'
	want_no "$work/apt" 'gdb|bochs|clang|cmocka'
	want_err '^fanga: installing make: '
	fresh_run help
	want_no "$work/stderr" 'qemu'
else
	skip="not root"
fi

t fetches_the_lists_when_it_must
fresh
cat >"$work/fresh/apt-get" <<FAKE
#!/bin/sh
echo "\$*" >>"$work/apt"
case " \$* " in
*" update "*) : >"$work/updated" ;;
*) [ -e "$work/updated" ] || { echo "E: Unable to locate package make"; exit 100; } ;;
esac
FAKE
chmod +x "$work/fresh/apt-get"
rm -f "$work/apt" "$work/updated"
ln -s /bin/true "$work/fresh/make"
if [ "$(id -u)" = 0 ]; then
	fresh_run run --print
	want_lines "$work/apt" 3
	want_err 'fetching the package lists'
else
	skip="not root"
fi

t says_why_it_cannot_install
fresh
printf '#!/bin/sh\necho "E: no network"; exit 100\n' >"$work/fresh/apt-get"
chmod +x "$work/fresh/apt-get"
if [ "$(id -u)" = 0 ]; then
	fresh_run run
	want_status 69
	want_err 'E: no network'
	want_err 'could not install:.* qemu-system-x86'
else
	skip="not root"
fi

t debug_takes_commands_from_standard_input
printf 'print/x $cs\nbreak kernel_main\ncontinue\nbacktrace 1\n' |
	"$fanga" debug $small --out "$work/out" >"$work/stdout" 2>"$work/stderr"
status=$?
want_status 0
want "$work/stdout" '= 0xf000'
want "$work/stdout" 'kernel_main \('
want_tidy

end
