/* SPDX-License-Identifier: MIT */
/*
 * fuzz_report - documents of results, which may come from anybody.
 *
 * What passes the check is written as Markdown and HTML, appended to and compared with itself. No
 * text of a document may open or close a script or a comment of the page, and equals have nothing
 * worse.
 */
#include "tests/fuzz/fuzz.h"

#include "bench/runner/report.h"

#include <stdlib.h>
#include <string.h>

static size_t fuzz_count(const char *text, const char *what)
{
    size_t found = 0;

    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        found++;
    }
    return found;
}

static void fuzz_print(json_t *document)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    report_print_html(document, out);
    fclose(out);
    ASSERT(strlen(text) == len);
    ASSERT(fuzz_count(text, "<script") == 3);
    ASSERT(fuzz_count(text, "</script") == 3);
    ASSERT(fuzz_count(text, "<!--") == 0);
    free(text);

    out = open_memstream(&text, &len);
    report_write_markdown(document, out);
    fclose(out);
    ASSERT(strncmp(text, "# ", 2) == 0);
    free(text);
}

static void fuzz_compare(json_t *document, json_t *other)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    ASSERT(report_compare(document, other, out, false) != REPORT_SOMETHING_WORSE);
    fclose(out);
    for (size_t i = 0; i < len; i++) {
        ASSERT((unsigned char)text[i] >= 0x20 || text[i] == '\n');
        ASSERT((unsigned char)text[i] != 0xc2 || (unsigned char)text[i + 1] >= 0xa0);
    }
    free(text);

    out = open_memstream(&text, &len);
    report_compare(document, other, out, true);
    fclose(out);

    json_t *result = json_loadb(text, len, 0, NULL);

    ASSERT(json_is_object(result));
    json_decref(result);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char why[DOCUMENT_WHY_CAP] = "";
    json_t *document = document_parse((const char *)data, len, why, sizeof(why));

    ASSERT((document == NULL) == (why[0] != '\0'));
    if (document == NULL) {
        return 0;
    }
    fuzz_print(document);
    fuzz_compare(document, document);

    json_t *copy = json_deep_copy(document);
    size_t steps_len = json_array_size(json_object_get(document, "steps"));

    if (document_append(document, copy, why, sizeof(why))) {
        ASSERT(json_array_size(json_object_get(document, "steps")) == 2 * steps_len);
        fuzz_print(document);
        fuzz_compare(document, document);
    }
    json_decref(copy);
    json_decref(document);
    return 0;
}
