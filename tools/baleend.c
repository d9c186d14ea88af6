/* SPDX-License-Identifier: MIT */
/* baleend - the engine. Everything is in engine/. */
#include "engine/supervisor.h"

int main(int argc, char **argv)
{
    return supervisor_main(argc, argv);
}
