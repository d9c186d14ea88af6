#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run - plays scripted ICAP dialogues against a live engine.

Usage: run.py --engine BALEEND [--set FOLDER] [--verbose] FILE.dlg...

Exit status: 0 all passed, 1 one failed, 77 all were skipped. docs/testing.md describes the language.
"""

import argparse
import os
import re
import signal
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))

import actors
import language
import servers
from language import DialogueError, Options, seconds_of

SKIP = 77
OPERATORS = {
    '==': lambda a, b: a == b,
    '!=': lambda a, b: a != b,
    '~': lambda a, b: re.search(b, a, re.S) is not None,
    '!~': lambda a, b: re.search(b, a, re.S) is None,
    '<': lambda a, b: float(a) < float(b),
    '<=': lambda a, b: float(a) <= float(b),
    '>': lambda a, b: float(a) > float(b),
    '>=': lambda a, b: float(a) >= float(b),
}
CRASHED = 'ended with signal'
BROKEN = re.compile(CRASHED + r'|AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehavior|assertion failed',
                    re.I)
ENGINE_WORDS = ('defs', 'refused', 'exit', 'file-size-max')  # Options of `engine` that are no keys of its configuration.
THREAD_SECONDS = 60


class Skip(Exception):
    """This host lacks something that the dialogue needs."""


class Dialogue:
    """One file being played."""

    def __init__(self, path, arguments):
        self.path = path
        self.binary = arguments.engine
        self.set_path = arguments.set
        self.settings = [tuple(pair.split('=', 1)) for pair in arguments.option]
        self.verbose = arguments.verbose
        self.started = time.monotonic()
        self.title = os.path.basename(path)
        self.folder = servers.temp_dir('baleen-dialogue-')
        self.log = actors.Log('main', self.started)
        self.files = actors.Files(os.path.join(self.folder, 'files'))
        self.values = {'tmp': self.folder, 'files': self.files.folder.decode(), 'eicar': actors.EICAR}
        self.engines = {}
        self.engine_sets = {}
        self.may_break = set()
        self.may_crash = set()
        self.clients = {}
        self.logs = [self.log]
        self.barriers = {}
        self.lock = threading.Lock()
        self.first_failure = None

    # Running.

    def play(self):
        with open(self.path, encoding='latin-1') as source:
            statements = language.parse(source.read())
        try:
            self.run_block(statements, None)
            self.do_wait([])
            for client in self.clients.values():
                client.finish()
                client.close()
            for name in list(self.engines):
                self.stop_engine(name)
        finally:
            for client in self.clients.values():
                client.close()
            for engine in self.engines.values():
                engine.stop(2)

    def run_block(self, statements, client):
        for statement in statements:
            try:
                self.run_statement(statement, client)
            except DialogueError as error:
                error.line = error.line or statement.line
                raise
            except (KeyError, IndexError, ValueError, AttributeError, OSError, servers.ServerError) as error:
                if self.verbose:
                    traceback.print_exc()
                raise DialogueError('%s: %s' % (type(error).__name__, error), statement.line)

    def run_statement(self, statement, client):
        word = self.fill(statement.words[0], client)
        name = 'do_' + word.replace('-', '_')
        if word in ('repeat', 'foreach'):
            getattr(self, name)(statement, client)
            return
        args = [self.fill(w, client) for w in statement.words[1:]]
        log = client.log if client else self.log
        log.say('. line %d: %s' % (statement.line, ' '.join([word] + args)[:200]))
        actor = client if hasattr(client, name) else self
        if not hasattr(actor, name):
            raise DialogueError('unknown word %s' % word)
        if word in ('expect', 'await', 'let'):
            getattr(self, name)(args, client)
        elif statement.block is not None:
            getattr(actor, name)(args, statement.block)
        else:
            getattr(actor, name)(args)

    def fill(self, word, client):
        return language.substitute(word, lambda name: self.value(name, client))

    def value(self, name, client=None):
        """What `name` stands for; None when the thing asked for is absent."""
        if name in self.values:
            return self.values[name]
        head, _, rest = name.partition('.')
        if head in self.engines:
            return self.engine_value(head, rest)
        if head in self.clients:
            return self.clients[head].ask(rest)
        if head == 'file':
            path, _, what = rest.rpartition('.')
            return self.files.list() if rest == 'list' else self.files.ask(path, what)
        if client is not None:
            return client.ask(name)
        raise DialogueError('nothing is called %s' % name)

    def engine_value(self, name, path):
        engine = self.engines[name]
        if path == 'istag':
            return engine.istag()
        if path == 'port':
            return engine.port
        if path == 'host':
            return '%s:%d' % (servers.HOST, engine.port)
        if path == 'log':
            return engine.log()
        if path == 'running':
            return 'yes' if engine.is_running() else 'no'
        if path.startswith('shard.'):
            return engine.shard_pids().get(int(path[6:]))
        if path == 'shards':
            return len(engine.shard_pids())
        answer = engine.control('status')
        if path.startswith('counters.'):
            return answer['totals'].get(path[9:])
        for part in path.split('.')[1:] if path.startswith('status.') else [path]:
            answer = answer[int(part)] if isinstance(answer, list) else answer[part]
        return answer

    # Words for every place.

    def do_expect(self, args, client):
        self.check(args, client)

    def check(self, args, client, quiet=False):
        if len(args) < 2:
            raise DialogueError('expect NAME OPERATOR VALUE')
        name, operator = args[:2]
        actual = self.value(name, client)
        if operator in ('absent', 'present'):
            good = (actual is None) == (operator == 'absent')
            wanted = operator
        else:
            wanted = ''.join(args[2:])
            if actual is None:
                good = False
            else:
                good = OPERATORS[operator](str(actual), wanted)
        if not good and not quiet:
            raise DialogueError('%s is %r, expected %s %r' % (name, actual, operator, wanted))
        return good

    def do_await(self, args, client):
        seconds = 10 * actors.SLOWNESS
        if '-within' in args:
            at = args.index('-within')
            seconds = seconds_of(args[at + 1]) * actors.SLOWNESS
            args = args[:at] + args[at + 2:]

        def holds():
            try:
                return self.check(args, client, quiet=True)
            except (OSError, ValueError, KeyError, servers.ServerError):
                return False
        if not servers.wait_until(holds, seconds, 0.02):
            self.check(args, client)

    def do_let(self, args, client):
        self.values[args[0]] = self.value(args[1], client) if len(args) == 2 and self.is_name(args[1]) \
            else ''.join(args[1:])

    def is_name(self, word):
        return re.match(r'(icap|http|body|sent|time|file|%s)\.' % '|'.join(
            [re.escape(n) for n in list(self.engines) + list(self.clients)] or ['-']), word) is not None

    def do_repeat(self, statement, client):
        for i in range(int(self.fill(statement.words[1], client))):
            self.values['i'] = i
            self.run_block(statement.block, client)

    def do_foreach(self, statement, client):
        for word in statement.words[2:]:
            self.values[statement.words[1]] = self.fill(word, client)
            self.run_block(statement.block, client)

    def do_split(self, args):
        """split a,b,c one two three"""
        self.values.update(zip(args[1:], args[0].split(',')))

    def do_split_at(self, args):
        """split-at | "a|b" one two"""
        self.values.update(zip(args[2:], args[1].split(args[0])))

    def do_barrier(self, args):
        with self.lock:
            barrier = self.barriers.setdefault(args[0], threading.Barrier(int(args[1])))
        try:
            barrier.wait(THREAD_SECONDS)
        except threading.BrokenBarrierError:
            raise DialogueError('barrier %s: the others did not come' % args[0])

    def do_sleep(self, args):
        time.sleep(seconds_of(args[0]))

    # Words for the top.

    def do_dialogue(self, args):
        self.title = args[0]

    def do_feature(self, args):
        for name in args:
            if name == 'root' and os.getuid() != 0 or name == 'set' and not os.path.isdir(self.set_path or ''):
                raise Skip('needs ' + name)

    def do_defs(self, args, block=()):
        actors.write_definitions(os.path.join(self.folder, args[0]), block, lambda w: self.fill(w, None))

    def do_engine(self, args):
        options = Options(args[1:])
        settings = self.settings + [pair for pair in options.all if pair[0] not in ENGINE_WORDS]
        definitions = self.definitions_of(args[0], options.get('defs', 'set'))
        engine = servers.Engine(self.binary, args[0], definitions, settings, work_dir=self.folder)
        if options.get('file-size-max'):
            engine.file_size_max = language.size_of(options.get('file-size-max'))
        if options.get('refused'):
            self.expect_refused(engine, options.get('refused'), options.get('exit', '2'))
            return
        self.engines[args[0]] = engine
        engine.start()

    def definitions_of(self, engine, name):
        """The folder that this engine reads; `set` is the project's own."""
        if name == 'set':
            return self.set_path
        target = os.path.join(self.folder, '%s.defs' % engine)
        actors.place_definitions(os.path.join(self.folder, name + '.new'), target)
        return target

    @staticmethod
    def expect_refused(engine, pattern, wanted):
        engine.spawn()
        status = engine.wait(servers.START_SECONDS)
        engine.stop()
        if str(status) != wanted:
            raise DialogueError('ended with %r, expected %s\n%s' % (status, wanted, engine.log()))
        if not re.search(pattern, engine.log()):
            raise DialogueError('log has no %r:\n%s' % (pattern, engine.log()))

    def stop_engine(self, name):
        engine = self.engines[name]
        if not engine.is_running() and name in self.may_break:
            return
        if not engine.is_running():
            raise DialogueError('%s has ended with %r' % (name, engine.process.returncode))
        status = engine.stop()
        if status != 0:
            raise DialogueError('%s ended with %r when asked to stop' % (name, status))
        self.check_log(name)

    def check_log(self, name):
        found = BROKEN.search(self.engines[name].log())
        if found and not (name in self.may_crash and found.group() == CRASHED):
            raise DialogueError('%s: %r in its log' % (name, found.group()))

    def do_stop(self, args):
        self.stop_engine(args[0])
        self.may_break.add(args[0])

    def do_restart(self, args):
        self.stop_engine(args[0])
        engine = self.engines[args[0]]
        for pair in Options(args[1:]).all:
            engine.argv += ['-s', '%s=%s' % pair]
        engine.start()

    def do_exited(self, args):
        options = Options(args)
        name, wanted = options.rest
        status = self.engines[name].wait(seconds_of(options.get('within', '10s')) * actors.SLOWNESS)
        if str(status) != wanted:
            raise DialogueError('%s: exit status %r, expected %s' % (name, status, wanted))
        self.may_break.add(name)
        self.check_log(name)

    def do_signal(self, args):
        self.engines[args[0]].signal(getattr(signal, 'SIG' + args[1]))

    def do_kill_shard(self, args):
        self.may_crash.add(args[0])
        pids = self.engines[args[0]].shard_pids()
        os.kill(pids[int(args[1])], signal.SIGKILL)

    def do_place(self, args):
        self.definitions_of(args[0], args[1])

    def do_reload(self, args):
        options = Options(args, ('refused', 'older', 'previous'))
        more = {word: True for word in ('older', 'previous') if options.get(word)}
        answer = self.engines[options.rest[0]].control('reload', **more)
        self.log.say('reload: %r' % answer)
        self.values['reply'] = answer
        is_refused = not answer.get('ok', 'error' not in answer)
        if is_refused != bool(options.get('refused')):
            raise DialogueError('reload: %r' % answer)

    def do_swap(self, args):
        self.do_place(args)
        self.do_reload([args[0]] + args[2:])

    def do_control(self, args):
        self.values['reply'] = self.engines[args[0]].control(args[1])
        self.log.say('control: %r' % (self.values['reply'],))

    def do_file(self, args):
        self.files.make(args)

    def do_symlink(self, args):
        self.files.make_special('symlink', args)

    def do_fifo(self, args):
        self.files.make_special('fifo', args)

    def do_socket(self, args):
        self.files.make_special('socket', args)

    def do_mkdir(self, args):
        self.files.make_special('mkdir', args)

    def do_client(self, args, block=()):
        options = Options(args, ('async',), ('to', 'rcvbuf', 'async'))
        name = options.rest[0]
        client = self.clients.get(name)
        if client is None or options.get('to') or client.sock is None:
            client = self.new_client(name, options, client)
        if not options.get('async'):
            self.run_client(client, block)
            return
        client.thread = threading.Thread(target=self.run_client_thread, args=(client, block), daemon=True)
        client.thread.start()

    def new_client(self, name, options, old):
        if old is not None:
            old.finish()
            old.close()
        engine_name = options.get('to', old.engine_name if old else 'e1')
        engine = self.engines[engine_name]

        def connect():
            sock = actors.wire.connect(servers.HOST, engine.port, int(options.get('rcvbuf', '0')))
            return sock, '%s:%d' % (servers.HOST, engine.port)
        log = old.log if old else actors.Log(name, self.started)
        if old is None:
            self.logs.append(log)
        client = actors.Client(name, log, connect)
        client.engine_name = engine_name
        self.clients[name] = client
        return client

    def run_client(self, client, block):
        self.run_block(block, client)

    def run_client_thread(self, client, block):
        try:
            self.run_block(block, client)
        except DialogueError as error:
            self.fail_thread(client, error)
        except Exception as error:
            client.log.say(traceback.format_exc())
            self.fail_thread(client, DialogueError('%s: %s' % (type(error).__name__, error)))

    def fail_thread(self, client, error):
        """The first failure is the one to tell of: others follow from it."""
        client.log.say('! line %d: %s' % (error.line, error))
        with self.lock:
            self.first_failure = self.first_failure or error
        for barrier in self.barriers.values():
            barrier.abort()

    def do_wait(self, args):
        for client in [self.clients[name] for name in args] or list(self.clients.values()):
            if client.thread is None:
                continue
            client.thread.join(THREAD_SECONDS)
            if client.thread.is_alive():
                raise DialogueError('client %s does not end' % client.name)
            client.thread = None
        if self.first_failure:
            raise self.first_failure

    def show_logs(self):
        for log in self.logs:
            print('---- %s' % log.name)
            print('\n'.join(log.entries).encode('ascii', 'backslashreplace').decode())
        for name, engine in self.engines.items():
            print('---- %s (log of the engine)\n%s' % (name, engine.log()[-8000:]))


def play_file(path, arguments):
    """0, 1 or SKIP."""
    dialogue = Dialogue(path, arguments)
    name = os.path.basename(path)
    try:
        dialogue.play()
    except Skip as reason:
        print('SKIP %s: %s' % (name, reason))
        return SKIP
    except (DialogueError, servers.ServerError) as error:
        line = getattr(error, 'line', 0)
        print('FAIL %s:%d (%s)\n     %s' % (name, line, dialogue.title, error))
        if not arguments.brief:
            dialogue.show_logs()
        return 1
    if arguments.verbose:
        dialogue.show_logs()
    print('ok   %s (%.1f s) %s' % (name, time.monotonic() - dialogue.started, dialogue.title))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--engine', required=True, help='the baleend to test')
    parser.add_argument('--set', help="the project's own definition set")
    parser.add_argument('--option', action='append', default=[], metavar='KEY=VALUE', help='a setting for every engine')
    parser.add_argument('--verbose', action='store_true', help='show the logs of what passed, too')
    parser.add_argument('--brief', action='store_true', help='one line for each failure')
    parser.add_argument('--parse', action='store_true', help='only read the files')
    parser.add_argument('files', nargs='+')
    arguments = parser.parse_args()
    if arguments.parse:
        for path in arguments.files:
            with open(path, encoding='latin-1') as source:
                try:
                    language.parse(source.read())
                except DialogueError as error:
                    print('%s:%d: %s' % (path, error.line, error))
                    return 1
        return 0
    if not os.access(arguments.engine, os.X_OK):
        print('SKIP: no engine at %s' % arguments.engine)
        return SKIP
    arguments.engine = os.path.abspath(arguments.engine)
    results = [play_file(path, arguments) for path in arguments.files]
    if 1 in results:
        return 1
    return 0 if 0 in results else SKIP


if __name__ == '__main__':
    sys.exit(main())
