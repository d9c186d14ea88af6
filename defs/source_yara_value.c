/* SPDX-License-Identifier: MIT */
#include "defs/source_yara_value.h"

#include <errno.h>
#include <stdlib.h>

struct yara_value yara_value_plain(void)
{
    return (struct yara_value){.kind = YARA_VALUE_PLAIN, .need = yara_need_anything()};
}

struct yara_value yara_value_needing(struct yara_need need)
{
    return (struct yara_value){.kind = YARA_VALUE_PLAIN, .need = need};
}

struct yara_value yara_value_truth(struct yara_need need)
{
    return (struct yara_value){.kind = YARA_VALUE_TRUTH, .need = need};
}

struct yara_value yara_value_number(int64_t number)
{
    return (struct yara_value){
        .kind = YARA_VALUE_NUMBER, .number = number, .need = yara_need_anything()};
}

struct yara_need yara_value_defined(const struct yara_value *value)
{
    return value->kind == YARA_VALUE_TRUTH ? yara_need_anything() : value->need;
}

struct yara_need yara_value_true(const struct yara_value *value)
{
    if (value->kind == YARA_VALUE_NUMBER) {
        return value->number != 0 ? yara_need_anything() : yara_need_never();
    }
    return value->kind == YARA_VALUE_COUNT ? value->counted : value->need;
}

/* Of two operands whose result says nothing else. */
struct yara_value yara_value_join(struct yara_file *file, const struct yara_value *a,
                                  const struct yara_value *b)
{
    return yara_value_needing(yara_need_both(file, yara_value_defined(a), yara_value_defined(b)));
}

/* ---- Comparisons ---- */

static bool compare_numbers(const char *op, int64_t a, int64_t b)
{
    switch (op[0]) {
    case '=':
        return a == b;
    case '!':
        return a != b;
    case '<':
        return op[1] == '=' ? a <= b : a < b;
    default:
        return op[1] == '=' ? a >= b : a > b;
    }
}

static const char *compare_mirror(const char *op)
{
    switch (op[0]) {
    case '<':
        return op[1] == '=' ? ">=" : ">";
    case '>':
        return op[1] == '=' ? "<=" : "<";
    default:
        return op;
    }
}

static struct yara_need compare_filesize(const char *op, int64_t limit)
{
    if (op[0] == '<' || strcmp(op, "==") == 0) {
        const bool strict = strcmp(op, "<") == 0;

        return limit < strict ? yara_need_never() : yara_need_size_max((uint64_t)limit - strict);
    }
    return yara_need_anything();
}

/* `uint16(0) == n` */
static struct yara_need compare_read(const struct yara_value *read, int64_t number)
{
    uint32_t mask = 0;
    uint32_t value = 0;

    for (unsigned i = 0; i < read->read_len; i++) {
        const unsigned shift = 8 * (read->big_endian ? read->read_len - 1U - i : i);
        const int64_t at = read->number + i;

        if (at >= 0 && at < 4) {
            mask |= 0xffU << (8 * at);
            value |= (uint32_t)((uint64_t)number >> shift & 0xff) << (8 * at);
        }
    }
    return yara_need_magic(mask, value);
}

static bool serial_is_hex(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = (char)text.ptr[i];
        const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

        if (i % 3 == 2 ? c != ':' : !digit) {
            return false;
        }
    }
    return text.len % 3 == 2;
}

/* Serial numbers that are shorter than this say too little. */
#define SERIAL_TEXT_MIN 11 /* Four bytes. */

/*
 * A certificate holds its serial number as a plain row of bytes, and YARA prints those. (Names of
 * subjects and issuers can be encoded in several ways and in pieces; they say nothing.)
 */
static struct yara_need compare_serial(struct yara_file *file, const struct yara_value *serial,
                                       struct slice text)
{
    if (text.len < SERIAL_TEXT_MIN || !serial_is_hex(text)) {
        return serial->need;
    }
    return yara_need_both(file, serial->need, yara_need_bytes(file, text, false));
}

struct yara_value yara_value_compare(struct yara_file *file, const char *op,
                                     const struct yara_value *a, const struct yara_value *b)
{
    struct yara_need need = yara_need_both(file, yara_value_defined(a), yara_value_defined(b));

    if (a->kind == YARA_VALUE_NUMBER && b->kind != YARA_VALUE_NUMBER) {
        return yara_value_compare(file, compare_mirror(op), b, a);
    }
    if (a->kind == YARA_VALUE_TEXT && b->kind == YARA_VALUE_SERIAL) {
        return yara_value_compare(file, op, b, a);
    }
    if (b->kind == YARA_VALUE_NUMBER && a->kind == YARA_VALUE_NUMBER) {
        need = compare_numbers(op, a->number, b->number) ? yara_need_anything() : yara_need_never();
    } else if (b->kind == YARA_VALUE_NUMBER && a->kind == YARA_VALUE_FILESIZE) {
        need = compare_filesize(op, b->number);
    } else if (b->kind == YARA_VALUE_NUMBER && a->kind == YARA_VALUE_COUNT) {
        need = compare_numbers(op, 0, b->number) ? need : a->counted;
    } else if (b->kind == YARA_VALUE_NUMBER && a->kind == YARA_VALUE_READ &&
               strcmp(op, "==") == 0) {
        need = compare_read(a, b->number);
    } else if (b->kind == YARA_VALUE_TEXT && a->kind == YARA_VALUE_SERIAL &&
               strcmp(op, "==") == 0) {
        need = compare_serial(file, a, b->text);
    }
    return yara_value_truth(need);
}

/* ---- Numbers ---- */

struct yara_value yara_value_parse(struct slice text)
{
    char digits[32] = {0};
    char *end = digits;
    long long value;

    if (text.len >= sizeof(digits) || slice_find(text, '.') < text.len) {
        return yara_value_plain();
    }
    memcpy(digits, text.ptr, text.len);
    errno = 0;
    if (digits[0] == '0' && digits[1] == 'o') {
        value = strtoll(digits + 2, &end, 8);
    } else {
        value = strtoll(digits, &end, digits[0] == '0' && digits[1] == 'x' ? 16 : 10);
    }
    if (strcmp(end, "KB") == 0 || strcmp(end, "MB") == 0) {
        if (__builtin_mul_overflow(value, *end == 'K' ? 1 << 10 : 1 << 20, &value)) {
            return yara_value_plain();
        }
        end += 2;
    }
    return *end == '\0' && errno == 0 ? yara_value_number(value) : yara_value_plain();
}

bool yara_value_calculate(char op, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case '+':
        return !__builtin_add_overflow(a, b, out);
    case '-':
        return !__builtin_sub_overflow(a, b, out);
    case '*':
        return !__builtin_mul_overflow(a, b, out);
    case '&':
        *out = a & b;
        return true;
    case '|':
        *out = a | b;
        return true;
    case '^':
        *out = a ^ b;
        return true;
    case '\\':
        *out = b > 0 ? a / b : 0;
        return b > 0;
    default:
        return false; /* The others are rare, and their limits not worth repeating. */
    }
}
