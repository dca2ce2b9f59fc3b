# Print "FILE NAME" for what C headers declare: `f()` for functions and macros with arguments,
# `struct s`, `struct s.member`, `enum e`; plain names for enumerators, other macros, types and
# variables. Reads our own style of C, not every C; bodies of functions declare nothing.

FNR == 1 && NR > 1 { flush() }
{ file = FILENAME; text = text $0 "\n" }
END { flush() }

function found(name) { print file, name }

# Without comments and the contents of strings; a continued line is one line.
function strip(s,    out, at) {
	gsub(/\\\n/, " ", s)
	while (match(s, /\/\*|\/\/|"/)) {
		out = out substr(s, 1, RSTART - 1)
		at = substr(s, RSTART, RLENGTH)
		s = substr(s, RSTART + RLENGTH)
		if (at == "/*") {
			at = index(s, "*/")
			s = at ? " " substr(s, at + 2) : ""
		} else if (at == "//") {
			at = index(s, "\n")
			s = at ? substr(s, at) : ""
		} else {
			match(s, /^([^"\\\n]|\\.)*"/)
			s = "\"\"" substr(s, RLENGTH > 0 ? RLENGTH + 1 : 2)
			out = out "\"\""
			s = substr(s, 3)
		}
	}
	return out s
}

# Take the directives out of the text; a #define declares its macro.
function directives(s,    lines, n, i, out, name) {
	n = split(s, lines, "\n")
	for (i = 1; i <= n; i++) {
		if (lines[i] !~ /^[ \t]*#/) {
			out = out lines[i] "\n"
			continue
		}
		if (lines[i] !~ /^[ \t]*#[ \t]*define[ \t]/)
			continue
		name = lines[i]
		sub(/^[ \t]*#[ \t]*define[ \t]+/, "", name)
		match(name, /^[A-Za-z_][A-Za-z_0-9]*\(?/)
		name = substr(name, 1, RLENGTH)
		sub(/\($/, "()", name)
		found(name)
	}
	return out
}

# What a statement at file level declares, braces taken out of it.
function statement(s,    name) {
	gsub(/__attribute__[ \t\n]*\(\(([^()]|\([^()]*\))*\)\)/, " ", s)
	gsub(/__(printf|aligned|section)\([^()]*\)/, " ", s)
	if (s ~ /^[ \t\n]*_Static_assert/ || s !~ /[A-Za-z_]/)
		return
	if (match(s, /DECLARE_PER_CPU\(.*,/)) {
		name = substr(s, RSTART + RLENGTH)
		gsub(/[^A-Za-z_0-9]/, "", name)
		found(name)
	} else if (match(s, /[A-Za-z_][A-Za-z_0-9]*\(/)) {
		found(substr(s, RSTART, RLENGTH) ")")
	} else if (match(s, /\(\*[A-Za-z_][A-Za-z_0-9]*/)) {
		found(substr(s, RSTART + 2, RLENGTH - 2))
	} else {
		variables(s, "")
	}
}

# The names of `type a, *b[3] = ..., c`.
function variables(s, prefix,    parts, n, i, words, w) {
	sub(/^[ \t\n]+/, "", s)
	n = split(s, parts, ",")
	for (i = 1; i <= n; i++) {
		sub(/[=:[].*/, "", parts[i])
		if (match(parts[i], /\(\*[A-Za-z_][A-Za-z_0-9]*/)) {
			found(prefix substr(parts[i], RSTART + 2, RLENGTH - 2))
			continue
		}
		if (parts[i] ~ /[()]/)
			continue
		w = split(parts[i], words, /[^A-Za-z_0-9]+/)
		while (w > 0 && (words[w] == "" || words[w] ~ /^__/))
			w--
		if (w > 0 && (w > 1 || i > 1) && !(w == 2 && words[1] ~ /^(struct|union|enum)$/))
			found(prefix words[w])
	}
}

function enumerators(s,    parts, n, i) {
	n = split(s, parts, ",")
	for (i = 1; i <= n; i++)
		if (match(parts[i], /[A-Za-z_][A-Za-z_0-9]*/))
			found(substr(parts[i], RSTART, RLENGTH))
}

# Members at any depth: those of anonymous parts are the struct's own.
function members(s, prefix,    parts, n, i) {
	gsub(/(struct|union)[ \t\n]*[{]/, "", s)
	gsub(/}/, "", s)
	n = split(s, parts, ";")
	for (i = 1; i < n; i++)
		variables(parts[i], prefix)
}

function flush(    s, c, i, depth, head, body, length_) {
	s = directives(strip(text))
	text = ""
	length_ = length(s)
	for (i = 1; i <= length_; i++) {
		c = substr(s, i, 1)
		if (c == "{") {
			if (depth++ == 0) {
				body = ""
				continue
			}
		} else if (c == "}") {
			if (--depth == 0) {
				block(head, body)
				# A function ends here; a type or a value goes on to its semicolon.
				head = is_type(head) ? "" : head ~ /\)[ \t\n]*$/ ? statement(head) "" : head
				continue
			}
		}
		if (depth > 0)
			body = body c
		else if (c == ";") {
			statement(head)
			head = ""
		} else
			head = head c
	}
}

function is_type(head) { return head ~ /^[ \t\n]*(typedef[ \t\n]+)?(struct|union|enum)([ \t\n]+[A-Za-z_0-9]+)?[ \t\n]*$/ }

function block(head, body,    tag) {
	if (!is_type(head))
		return
	tag = head
	gsub(/^[ \t\n]+|[ \t\n]+$/, "", tag)
	gsub(/[ \t\n]+/, " ", tag)
	if (tag ~ / /)
		found(tag)
	if (tag ~ /^enum/)
		enumerators(body)
	else
		members(body, tag ".")
}
