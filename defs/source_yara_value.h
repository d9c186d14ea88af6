#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * source_yara_value - operands of conditions, and what comparing them asks of a body.
 *
 * Role: constants are folded; the size, the first bytes, counts of strings and serial numbers of
 * certificates are understood in comparisons; of all others only what makes them defined is kept,
 * for a comparison with something undefined is never true. Private to the source_yara*.c files.
 */
#include "defs/source_yara_need.h"

enum yara_value_kind {
    YARA_VALUE_PLAIN,    /* Anything, not known before a body is. */
    YARA_VALUE_TRUTH,    /* A boolean. */
    YARA_VALUE_NUMBER,   /* A constant. */
    YARA_VALUE_TEXT,     /* A constant string. */
    YARA_VALUE_FILESIZE, /* `filesize` */
    YARA_VALUE_COUNT,    /* `#a` */
    YARA_VALUE_READ,     /* `uint16(n)` and its like, at a constant offset. */
    YARA_VALUE_SERIAL,   /* `pe.signatures[i].serial` */
    YARA_VALUE_ALL,      /* Quantifiers. */
    YARA_VALUE_ANY,
    YARA_VALUE_NONE,
    YARA_VALUE_PERCENT,
};

/* `need`: what must hold when a TRUTH is true, and when anything else is defined. */
struct yara_value {
    uint8_t kind;
    uint8_t read_len;
    bool big_endian;
    int64_t number; /* READ: the offset. */
    struct slice text;
    struct yara_need need;
    struct yara_need counted; /* COUNT: when it is not zero. */
};

struct yara_value yara_value_plain(void);
struct yara_value yara_value_needing(struct yara_need need);
struct yara_value yara_value_truth(struct yara_need need);
struct yara_value yara_value_number(int64_t number);

/* A number as it stands in a condition; PLAIN when it is not a whole one of 64 bits. */
struct yara_value yara_value_parse(struct slice text);

/* What must hold for it to be defined, and to be true. */
struct yara_need yara_value_defined(const struct yara_value *value);
struct yara_need yara_value_true(const struct yara_value *value);

/* Of two operands whose result says nothing else. */
struct yara_value yara_value_join(struct yara_file *file, const struct yara_value *a,
                                  const struct yara_value *b);

/* `op` is one of "==", "!=", "<", "<=", ">", ">=". */
struct yara_value yara_value_compare(struct yara_file *file, const char *op,
                                     const struct yara_value *a, const struct yara_value *b);

/* False when the result is not known. */
MUST_CHECK bool yara_value_calculate(char op, int64_t a, int64_t b, int64_t *out);
