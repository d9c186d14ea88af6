#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_corpus_main - the command that writes a corpus to files.
 *
 * Role: `baleen-bench corpus [options] FOLDER`, for FILEMOD, for scanners that read files, and for
 * whoever wants to see what the bodies look like. On stdout: one line of JSON for each file with
 * --list, a summary in the end. Returns the exit code: 0 written, 2 refused.
 */

/* argv[0] is the name of the command. */
int load_corpus_main(int argc, char **argv);
