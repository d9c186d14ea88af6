/* SPDX-License-Identifier: MIT */
/*
 * write_samples - writes the samples of the shipped set into a folder, and says what is to be found
 * in each: one line "label TAB name" for each file on stdout, - for a clean one.
 */
#include "tests/tools/samples.h"

#include <limits.h>
#include <stdio.h>

static int write_sample(const char *folder, const struct sample *sample)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", folder, sample->label) >= (int)sizeof(path)) {
        return -1;
    }

    FILE *file = fopen(path, "wb");

    if (file == NULL) {
        perror(path);
        return -1;
    }

    const size_t n = fwrite(sample->bytes, 1, sample->len, file);

    if (fclose(file) != 0 || n != sample->len) {
        perror(path);
        return -1;
    }
    printf("%s\t%s\n", sample->label, sample->found ? sample->found : "-");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: write_samples FOLDER\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < samples_len(); i++) {
        struct sample sample = samples_make(i);
        const int r = write_sample(argv[1], &sample);

        samples_free(&sample);
        if (r < 0) {
            return 2;
        }
    }
    return 0;
}
