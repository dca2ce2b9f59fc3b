#!/bin/sh
# Boot with other tables in place of the firmware's: a processor that is not there, tables that are
# absent, twice there, or broken.
cd "$(dirname "$0")/../.." || exit 1
. tests/system/lib.sh
bad=${FANGA_SHARED:-../shared}/acpi-bad
machine="--cpus 4 --nodes 2 --mem 512M --timeout 100"

# An ACPI table: FILE SIGNATURE REVISION BODY..., the body as decimal bytes.
table() {
	file=$1 signature=$2 revision=$3
	shift 3
	length=$(($# + 36))
	# signature, length, revision, checksum 0, and 26 bytes that name the maker
	set -- $(printf %s "$signature" | od -An -tu1) $((length % 256)) $((length / 256)) 0 0 "$revision" 0 \
		0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "$@"
	sum=0
	for byte; do
		sum=$((sum + byte))
	done
	position=0
	for byte; do
		[ $position != 9 ] || byte=$(((256 - sum % 256) % 256))
		position=$((position + 1))
		printf "\\$(printf %03o "$byte")"
	done >"$file"
}

# Local APICs with these ids, one I/O APIC.
madt() { # FILE ID...
	file=$1
	shift
	body="0 0 224 254 1 0 0 0"
	for id; do
		body="$body 0 8 $id $id 1 0 0 0"
	done
	# shellcheck disable=SC2086 # a list of bytes
	table "$file" APIC 5 $body 1 12 0 0 0 0 192 254 0 0 0 0
}

srat_cpu() { # ID DOMAIN
	echo "0 16 $2 $1 1 0 0 0 0 0 0 0 0 0 0 0"
}

srat_memory() { # DOMAIN, of 256 MiB from 256 MiB times that on
	echo "1 40 $1 0 0 0 0 0 0 0 0 $(($1 * 16)) 0 0 0 0 0 0 0 16 0 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0"
}

good_set() { # FOLDER: the tables of $machine
	rm -rf "$1" && mkdir "$1"
	madt "$1/apic.dat" 0 1 2 3
	# shellcheck disable=SC2046 # lists of bytes
	table "$1/srat.dat" SRAT 3 1 0 0 0 0 0 0 0 0 0 0 0 $(srat_cpu 0 0) $(srat_cpu 1 0) \
		$(srat_cpu 2 1) $(srat_cpu 3 1) $(srat_memory 0) $(srat_memory 1)
	table "$1/slit.dat" SLIT 1 2 0 0 0 0 0 0 0 10 31 31 10
}

# shellcheck disable=SC2086 # $machine is a list of words
boot() {
	run run -q $machine --out "$work/out" --acpi "$work/tables" "$@"
}

t other_tables
good_set "$work/tables"
boot
want_status 0
want "$work/out/run.json" '"distances":\[31,10\]'
want_tidy

t absent_means_absent
rm "$work/tables/srat.dat" "$work/tables/slit.dat"
boot
want_status 0
want "$work/out/run.json" '"nodes":\[\{"node":0,[^{]*"cpus":\[0,1,2,3\]'
want_no "$work/out/run.json" '"node":1'

t no_madt_is_the_boot_cpu_only
rm -rf "$work/tables" && mkdir "$work/tables"
boot
want_status 0
want "$work/stdout" '^FangaOS on 1 of 1 CPUs'
want_err 'no tables in'

t told_by_what_is_inside
good_set "$work/tables"
mv "$work/tables/slit.dat" "$work/tables/other.dat"
boot
want "$work/out/run.json" '"distances":\[31,10\]'

t first_by_name_counts
good_set "$work/tables"
table "$work/tables/slit2.dat" SLIT 1 2 0 0 0 0 0 0 0 10 77 77 10
boot
want_status 0
want "$work/out/run.json" '"distances":\[31,10\]'
want_err "slit2.dat' is ignored"

t a_processor_that_is_not_there
good_set "$work/tables"
madt "$work/tables/apic.dat" 0 1 2 3 9
boot
want_status 0
want "$work/stdout" '^FangaOS on 4 of 5 CPUs'
want "$work/out/run.json" '"apic_id":9,[^}]*"state":"failed"'
want "$work/out/console.log" 'APIC id 9'

t told_by_name_when_nothing_is_inside
good_set "$work/tables"
: >"$work/tables/apic.dat"
boot
want_status 65
want_lines "$work/stderr" 1
want_err 'apic.dat'

if [ -d "$bad" ]; then
	for broken in "$bad"/*.dat; do
		case ${broken##*/} in
		rsdp-*) continue ;; # firmware's, not a file's
		hdr-* | madt-*) place=apic.dat ;;
		srat-*) place=srat.dat ;;
		slit-*) place=slit.dat ;;
		*) place=hmat.dat ;;
		esac
		t "bad:$(basename "$broken" .dat)"
		good_set "$work/tables"
		cp "$broken" "$work/tables/$place" && chmod u+w "$work/tables/$place"
		boot
		case $status in
		0) want "$work/stdout" '^FangaOS on [0-9]+ of' ;;
		65) want_lines "$work/stderr" 1 ;;
		*) problem "exit status $status: $(tail -n 2 "$work/stdout" "$work/stderr")" ;;
		esac
	done
else
	t bad_tables
	skip="the folder $bad is not here"
fi

end
