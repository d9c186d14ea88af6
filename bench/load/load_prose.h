#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_prose - text that is no text.
 *
 * Role: words of a list of our own, as often as such words are in prose (Zipf's law), in sentences
 * and paragraphs; and templates, from which pages, style sheets, scripts and JSON are made. What
 * comes out compresses about as well as what people write. Memory: none. All of it is ASCII,
 * without quotes, backslashes, brackets or stars, so that it may stand in strings and comments.
 */
#include "base/text.h"
#include "bench/load/load_random.h"

void load_prose_put_word(struct text *out, struct load_random *random);
void load_prose_put_sentence(struct text *out, struct load_random *random);

/* Up to exactly `to` bytes in `out`, one paragraph or many; the last word is cut. */
void load_prose_fill_line(struct text *out, struct load_random *random, size_t to);
void load_prose_fill(struct text *out, struct load_random *random, size_t to);

/*
 * Writes `form` with each of these replaced:
 *   $w a word   $W a word with a capital   $s a sentence   $c a class name   $i a short identifier
 *   $n 0-99     $N 0-999999                $x eight hexadecimal digits      $h a colour
 *   $u a path   $t a capital and some words                $$ a dollar sign
 */
void load_prose_put_form(struct text *out, struct load_random *random, const char *form);
