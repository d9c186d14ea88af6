/* SPDX-License-Identifier: MIT */
/*
 * baleen - one command for people and scripts.
 *
 * Takes -c and -s wherever they stand and hands the rest to the sub-command; each group of
 * sub-commands has a file of its own. `defs` gets everything behind its name unread: it needs no
 * configuration.
 */
#include "base/text.h"
#include "tools/baleen_cli.h"
#include "tools/baleen_defs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char baleen_help[] =
    "usage: baleen [-c FILE] [-s KEY=VALUE]... COMMAND ...\n"
    "\n"
    "Scanning\n"
    "  scan PATH...             files and trees through the engine\n"
    "\n"
    "The running engine\n"
    "  status [--json]          what it does and which definitions it uses\n"
    "  reload [--wait] [--older]          reads configuration and definitions again\n"
    "  drain                    takes no new connections, finishes what is under way, stops\n"
    "\n"
    "Configuration\n"
    "  config get [KEY]         a value in force, or all of them\n"
    "  config set KEY VALUE     changes the file named by -c\n"
    "  config check [FILE]      says whether a file is good\n"
    "  config reference         every key with its default and limits\n"
    "\n"
    "Definitions\n"
    "  defs check|compile|inspect ...\n"
    "\n"
    "  -c FILE                  the engine's configuration file\n"
    "  -s KEY=VALUE             overrides one key, as with baleend; can be repeated\n"
    "  --help, --version\n"
    "\n"
    "The engine is reached at the first address of `listen` and at `control_socket`.\n"
    "`baleen COMMAND --help` says more. Exit codes: 0 good, 1 something found (scan), 2 an "
    "error.\n";

struct baleen_command {
    const char *name;
    int (*run)(const struct baleen_args *args);
};

static const struct baleen_command baleen_commands[] = {
    {"config", baleen_config_main},  {"drain", baleen_control_main},
    {"reload", baleen_control_main}, {"scan", baleen_scan_main},
    {"status", baleen_control_main},
};

int baleen_fail(const char *format, ...)
{
    va_list args;

    fputs("baleen: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return BALEEN_EXIT_ERROR;
}

int baleen_misuse(const char *command, const char *format, ...)
{
    va_list args;

    fputs("baleen: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; see `baleen%s%s --help`\n", command[0] != '\0' ? " " : "", command);
    return BALEEN_EXIT_ERROR;
}

void baleen_put_visible(struct slice bytes, struct text *out)
{
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = bytes.ptr[i];

        if (c < ' ' || c == 0x7f) {
            text_printf(out, "\\x%02x", c);
        } else {
            text_put(out, &c, 1);
        }
    }
}

bool baleen_load_config(const struct baleen_args *args, struct config *out_config)
{
    char error[CONFIG_ERROR_CAP];

    if (!config_load(out_config, args->file, args->overrides, args->overrides_len, error)) {
        fprintf(stderr, "%s\n", error);
        return false;
    }
    return true;
}

/* KEY=VALUE; splits in argv's own memory. */
static bool baleen_take_override(struct baleen_args *args, char *text)
{
    char *equals = strchr(text, '=');

    if (equals == NULL) {
        (void)baleen_misuse("", "-s %s: KEY=VALUE is expected", text);
        return false;
    }
    if (args->overrides_len == BALEEN_OVERRIDES_MAX) {
        (void)baleen_fail("more than %d times -s", BALEEN_OVERRIDES_MAX);
        return false;
    }
    *equals = '\0';
    args->overrides[args->overrides_len++] = (struct config_override){text, equals + 1};
    return true;
}

/* Takes -c and -s out of argv. False when one is wrong; that is then on stderr. */
static bool baleen_split(struct baleen_args *args, int argc, char **argv)
{
    args->argv = argv + 1;
    for (int i = 1; i < argc; i++) {
        bool is_file = strncmp(argv[i], "-c", 2) == 0;
        char *value = argv[i] + 2;

        if (strcmp(argv[i], "--") == 0 || (args->argc > 0 && strcmp(args->argv[0], "defs") == 0)) {
            while (i < argc) {
                args->argv[args->argc++] = argv[i++];
            }
            break;
        }
        if (!is_file && strncmp(argv[i], "-s", 2) != 0) {
            args->argv[args->argc++] = argv[i];
            continue;
        }
        if (*value == '\0') {
            if (++i == argc) {
                (void)baleen_misuse("", "%s needs a value", is_file ? "-c" : "-s");
                return false;
            }
            value = argv[i];
        }
        if (is_file) {
            args->file = value;
        } else if (!baleen_take_override(args, value)) {
            return false;
        }
    }
    args->argv[args->argc] = NULL;
    return true;
}

int main(int argc, char **argv)
{
    struct baleen_args args = {0};
    const char *name = NULL;

    if (argc < 1 || !baleen_split(&args, argc, argv)) {
        return BALEEN_EXIT_ERROR;
    }
    if (args.argc == 0) {
        fputs(baleen_help, stderr);
        return BALEEN_EXIT_ERROR;
    }
    name = args.argv[0];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        fputs(baleen_help, stdout);
        return BALEEN_EXIT_GOOD;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("baleen " BALEEN_VERSION);
        return BALEEN_EXIT_GOOD;
    }
    if (strcmp(name, "defs") == 0) {
        return baleen_defs_main(args.argc, args.argv);
    }
    for (size_t i = 0; i < ARRAY_LEN(baleen_commands); i++) {
        if (strcmp(name, baleen_commands[i].name) == 0) {
            return baleen_commands[i].run(&args);
        }
    }
    return baleen_misuse("", "there is no command '%s'", name);
}
