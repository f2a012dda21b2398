/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command per line in, one answer per line out. Words are separated by one space; inside a word \s is a
 * space, \n a newline, \\ a backslash, and \e alone is the empty word. Both the actor and its TypeScript
 * handle speak this.
 */
#ifndef SONDE_LAB_LINE_H
#define SONDE_LAB_LINE_H

#include <stddef.h>
#include <string.h>

/* Undoes the escapes of one word, in place. */
static inline void line_unescape(char *word)
{
	char *out = word;
	for (char *in = word; *in; in++) {
		if (*in != '\\' || !in[1]) {
			*out++ = *in;
			continue;
		}
		in++;
		if (*in == 's')
			*out++ = ' ';
		else if (*in == 'n')
			*out++ = '\n';
		else if (*in != 'e')
			*out++ = *in;
	}
	*out = 0;
}

/* Splits a line into at most `max` words, in place; returns how many there are. */
static inline int line_split(char *line, char **words, int max)
{
	int count = 0;
	char *state = NULL;
	for (char *w = strtok_r(line, " ", &state); w && count < max; w = strtok_r(NULL, " ", &state)) {
		line_unescape(w);
		words[count++] = w;
	}
	return count;
}

/* Escapes `length` bytes into `out` of `size` bytes; what does not fit is cut off. */
static inline void line_escape(const char *in, size_t length, char *out, size_t size)
{
	size_t used = 0;
	for (size_t i = 0; i < length && used + 3 < size; i++) {
		char c = in[i];
		char escaped = c == ' ' ? 's' : c == '\n' ? 'n' : c == '\\' ? '\\' : 0;
		if (escaped)
			out[used++] = '\\';
		out[used++] = escaped ? escaped : c;
	}
	if (!length)
		used = (size_t)(stpcpy(out, "\\e") - out);
	out[used] = 0;
}

#endif
