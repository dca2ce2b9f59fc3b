# The comparison behind check-api, which says what is compared. Variables: doc (for messages), seed,
# declarations ("HEADER NAME" lines), tests ("TEST FILE" lines).
#
# A row: | `Seed::name()` | `name()`, `struct s.member` | `<header.h>` | done | `kernel:suite`, `code:file.c` | text |
# A header in <> is below include/, another one below the root.

function fault(text) {
	print doc ":" FNR ": " text
	faults++
}

# The pieces of `text` that stand in backticks, into `names`; returns how many.
function quoted(text, names,    n) {
	n = 0
	while (match(text, /`[^`]*`/)) {
		names[++n] = substr(text, RSTART + 1, RLENGTH - 2)
		text = substr(text, RSTART + RLENGTH)
	}
	return n
}

function read_lists(    line, at) {
	while ((getline line <seed) > 0)
		if (line !~ /^(#|$)/)
			wanted[line] = 1
	while ((getline line <declarations) > 0) {
		at = index(line, " ")
		declared[line] = 1
		if (substr(line, 1, 6) == "fanga/")
			is_public[substr(line, at + 1)] = substr(line, 1, at - 1)
		headers[substr(line, 1, at - 1)] = 1
	}
	while ((getline line <tests) > 0) {
		at = index(line, " ")
		files[substr(line, 1, at - 1)] = files[substr(line, 1, at - 1)] substr(line, at)
	}
}

# The code of test `test`, without comments: all files it is in.
function code_of(test,    list, n, i, line, text) {
	if (test in code)
		return code[test]
	n = split(files[test], list, " ")
	for (i = 1; i <= n; i++) {
		while ((getline line <list[i]) > 0)
			text = text line "\n"
		close(list[i])
	}
	gsub(/\/\/[^\n]*/, "", text)
	while (match(text, /\/\*/)) {
		line = substr(text, RSTART)
		text = substr(text, 1, RSTART - 1) " " (index(line, "*/") ? substr(line, index(line, "*/") + 2) : "")
	}
	return code[test] = text
}

# Whether `text` uses what is declared as `name`: the identifier, a member by . or ->.
function uses(text, name,    word) {
	word = name
	sub(/\(\)$/, "", word)
	if (name ~ /^struct [^.]*\./)
		return text ~ ("[.>]" substr(name, index(name, ".") + 1) "[^A-Za-z0-9_]")
	return text ~ ("[^A-Za-z0-9_]" word "[^A-Za-z0-9_]")
}

function check_header_names(names, n, list, m,    i, j, header, is_found) {
	for (j = 1; j <= m; j++) {
		header = list[j]
		gsub(/[<>]/, "", header)
		if (!(header in headers))
			fault("there is no header " list[j])
	}
	for (i = 1; i <= n; i++) {
		is_found = 0
		for (j = 1; j <= m; j++) {
			header = list[j]
			gsub(/[<>]/, "", header)
			is_found += (header " " names[i]) in declared
		}
		if (!is_found)
			fault(names[i] " is not declared in the header named")
	}
}

# A row's tests exist, and each name but those of types is used by one of them, or by code that the
# row names as the way there.
function check_tests(names, n, list, m,    i, j, is_used, is_tested) {
	for (j = 1; j <= m; j++) {
		if (list[j] ~ /^code:/)
			files[list[j]] = substr(list[j], 6)
		else
			is_tested = 1
		if (!(list[j] in files)) {
			fault("there is no test " list[j])
			return
		}
	}
	if (!is_tested)
		fault("code alone is no test")
	for (i = 1; i <= n; i++) {
		if (names[i] ~ /^(struct|enum) [^.]*$/)
			continue
		is_used = 0
		for (j = 1; j <= m; j++)
			is_used += uses(code_of(list[j]), names[i])
		if (!is_used)
			fault("none of the tests named uses " names[i])
	}
}

function check_done(cells,    names, n, list, m, checks, k) {
	n = quoted(cells[3], names)
	m = quoted(cells[4], list)
	k = quoted(cells[6], checks)
	if (!n || !m || !k) {
		fault("a row that is done names its C counterpart, the header and a test")
		return
	}
	check_header_names(names, n, list, m)
	check_tests(names, n, checks, k)
}

function check_planned(cells,    names, n, i) {
	n = quoted(cells[3], names)
	for (i = 1; i <= n; i++)
		if (names[i] in is_public)
			fault(names[i] " is planned, but " is_public[names[i]] " has it")
}

function check_row(cells,    names, n, i) {
	n = quoted(cells[2], names)
	if (!n)
		fault("a row begins with a name of the seed in backticks")
	for (i = 1; i <= n; i++) {
		if (!(names[i] in wanted))
			fault(seed " does not have " names[i])
		else if (names[i] in rows)
			fault(names[i] " has a row already, line " rows[names[i]])
		rows[names[i]] = FNR
	}
	if (cells[5] == "done")
		check_done(cells)
	else if (cells[5] == "planned")
		check_planned(cells)
	else
		fault("a row is done or planned, not '" cells[5] "'")
	count[cells[5]] += n
}

BEGIN { read_lists() }

# Only tables with this first column are about the seed.
/^\| *Seed *\|/ { in_table = 1; next }
!/^\|/ { in_table = 0 }
in_table && !/^\|[-| :]*$/ {
	n = split($0, cells, /[ \t]*\|[ \t]*/)
	if (n != 8)
		fault("a row has six columns")
	else
		check_row(cells)
}

END {
	for (name in wanted)
		if (!(name in rows)) {
			print doc ": no row for " name
			faults++
		}
	if (!faults)
		printf "%s: %d names, %d done, %d planned\n", doc, count["done"] + count["planned"], count["done"], count["planned"]
	exit faults > 0
}
