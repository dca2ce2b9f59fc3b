#!/bin/sh
# The commands that README.md shows work as it says.
cd "$(dirname "$0")/../.." || exit 1
. tests/system/lib.sh

# Indented lines that begin with ./fanga, without their comments.
sed -n 's/^    \(\.\/fanga .*\)$/\1/p' README.md | sed 's/ *#.*//' >"$work/commands"

t first_screen_has_the_two_commands
head -n 24 README.md >"$work/first"
want "$work/first" '^    ./fanga run( |$)'
want "$work/first" '^    ./fanga test( |$)'

while read -r line; do
	case $line in
	'./fanga test'*) continue ;; # it is this
	esac
	t "$line"
	# shellcheck disable=SC2086 # a command line
	sh -c "$line" >"$work/stdout" 2>"$work/stderr" </dev/null
	status=$?
	want_status 0
	[ -s "$work/stdout" ] || problem "nothing on standard output"
done <"$work/commands"

t files_that_it_names_are_there
grep -oE '\]\([^)#:]+\)' README.md CONTRIBUTING.md | sed 's/.*](//; s/)//' | sort -u >"$work/links"
while read -r file; do
	[ -e "$file" ] || problem "$file is named and not there"
done <"$work/links"

end
