/* SPDX-License-Identifier: MIT */
#include "bench/runner/stop.h"

#include <signal.h>

static volatile sig_atomic_t stop_asked;

static void stop_on_signal(int number)
{
    stop_asked = number;
}

void stop_install(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = stop_on_signal, .sa_flags = SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sigaction(numbers[i], &action, (struct sigaction *)0);
    }
    signal(SIGPIPE, SIG_IGN);
}

bool stop_is_asked(void)
{
    return stop_asked != 0;
}
