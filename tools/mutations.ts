// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Faults that somebody could make, each with the tests that must notice it.
 * `tools/mutate.ts` plants them. Add one for each fault that is mended, and keep
 * what it replaces short, so that other changes leave it alone.
 */

/** A fault that can be planted into a file. */
export interface Mutation {
  /** The file, relative to the root of the repository. */
  readonly file: string;
  /** What it replaces, which occurs in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The tests that must notice it, as {@linkcode testFile} takes them. */
  readonly tests: readonly string[];
  /** What is wrong with it, where the code does not show that. */
  readonly description: string | undefined;
}

/** Returns the path of a file of tests, from its name without the ending. */
export function testFile(name: string): string {
  return `tests/${name}_test.ts`;
}

type Fault = readonly [find: string, replace: string, description?: string];

function faults(
  file: string,
  tests: readonly string[],
  list: readonly Fault[],
): Mutation[] {
  return list.map(([find, replace, description]) => ({
    file,
    find,
    replace,
    tests,
    description,
  }));
}

export const MUTATIONS: readonly Mutation[] = [
  ...faults("src/barrier/arrivals.ts", ["barrier/arrivals"], [
    [
      "this.#first = this.#size = 0;",
      "this.#first = 0;",
      "takeAll() counts the notes that it took as kept",
    ],
    ["this.#taken += this.count;", ""],
    ["isWide(text) ? 2 : 1", "1", "every note counts one byte a character"],
    [" + NOTE_OVERHEAD", ""],
    ["this.#taken + this.count++", "this.count++"],
    [
      "if (note?.number !== number) return undefined;",
      "if (note === undefined) return undefined;",
      "a barrier without a note has the note of the next one",
    ],
    [
      "while (this.#size > NOTES_MAX) this.#forgetFirst();",
      "",
      "notes that nobody reads are all kept",
    ],
    [
      "if (2 * this.#first < this.#notes.length) return;",
      "return;",
      "notes that were taken stay in memory",
    ],
  ]),
  ...faults("src/barrier/arrivals.ts", ["barrier_iterator"], [
    [
      "return this.#ended ? Promise.resolve(DONE) : this.#source.next(this);",
      `if (this.#ended) return Promise.resolve(DONE);
    const step = this.#source.next(this);
    const kept = this as unknown as { steps?: unknown[] };
    (kept.steps ??= []).push(step);
    return step;`,
      "an iterator keeps every step",
    ],
    [
      "this.#ended = true;",
      "",
      "an iteration goes on after return()",
    ],
    ["this.#source.cancel(this);", "", "return() leaves steps pending"],
  ]),
  ...faults("src/barrier/lines.ts", ["barrier/lines"], [
    [
      "if (newline < 0 || this.#length > 0) line = this.#append(line);",
      "if (newline < 0) line = this.#append(line);",
      "a line forgets what an earlier read brought",
    ],
    [
      "const room = this.#line.length - this.#length;",
      "const room = this.#line.length;",
    ],
    ["        this.#length = 0;\n", "", "an unfinished line is never reset"],
    [
      "return isTooLong(line) && !(this.#acceptsText && isText(line));",
      "return false;",
      "an endless line is never a violation",
    ],
    [
      "return line.length - (line.at(-1) === CR ? 1 : 0) > LINE_MAX;",
      "return line.length > LINE_MAX;",
    ],
    [
      "const content = line.at(-1) === CR ? line.subarray(0, -1) : line;",
      "const content = line;",
      "the CR of CR LF belongs to the note",
    ],
    ["if (line[0] === PLUS) return false;", ""],
    [
      "code === 0x200e || code === 0x200f || code === 0x061c",
      "false",
      "marks of writing direction are printable",
    ],
    ["line.toWellFormed()", "line", "toLine() keeps a lone surrogate"],
    [
      ".decode(bytes.subarray(0, size), { stream: true });",
      ".decode(bytes.subarray(0, size));",
      "toLine() cuts a character in two",
    ],
    ['.replace(sequences, "")', "", "toLine() keeps the rest of colors"],
    ['.replace(/[\\t-\\r]/g, " ")', "", "toLine() joins words at a tab"],
    [
      "a value of type ${typeof value}",
      "${value}",
      "describe() throws for what cannot be a string",
    ],
    ["if (size > NOTE_MAX) {", "if (false) {"],
  ]),
  ...faults("src/barrier/lines.ts", ["barrier/lines"], [
    ["if (acceptsText && isText(content)) {", "if (false) {"],
    [
      'return violation(line, "it is not UTF-8");',
      'text = "";',
      "bytes that are not UTF-8 are an empty note",
    ],
    ["if (some(text, isControl)) {", "if (false) {"],
    [
      'const more = bytes.length > shown.length ? "..." : "";',
      'const more = "";',
    ],
    ["const stream = bytes.length > LINE_MAX;", "const stream = false;"],
    ["if (isOther) {", "if (false) {", "other text is an abort"],
  ]),
  ...faults("src/barrier/wait_queue.ts", ["barrier/wait_queue"], [
    ["waiter.unlisten?.();", "", "a signal keeps each waiter that it had"],
    ["if (!waiter.waiting) return;", ""],
    ["if (next) next.previous = previous;", ""],
    ["else this.#last = previous;", ""],
    ["else this.#first = next;", ""],
    ["this.#size--;", ""],
    ["onCancel?.(waiter);", ""],
    [
      "owner === undefined || waiter.owner === owner",
      "true",
      "rejectAll() rejects the waiters of every owner",
    ],
    ["waiter.waiting = false;", ""],
  ]),
  ...faults("src/barrier/error.ts", ["barrier_signal"], [
    ['override name = "BarrierAbortedError";', ""],
    ["super(message, options);", "super(message);"],
  ]),
  ...faults("src/barrier/options.ts", ["barrier_cancel", "barrier_receive"], [
    [
      "return signal.aborted ? Promise.reject(signal.reason) : undefined;",
      "return undefined;",
    ],
  ]),
  ...faults("src/trace.ts", ["trace"], [
    [
      "[`drop ${event.number}`, event.note]",
      "[`take ${event.number}`, event.note]",
    ],
    ["const wasSetBack = last - time > 1;", "const wasSetBack = false;"],
    ["Math.max(time, last + 0.001)", "time", "two lines have the same time"],
    ["cut(text, TEXT_MAX)", "text"],
  ]),
  ...faults("src/barrier/barrier.ts", ["barrier/observer"], [
    [
      "channel.acceptsText ?? false",
      "false",
      "text is a violation where it is a barrier",
    ],
    [
      "if (this.#theyAborted || this.#destroyed) return;",
      "if (this.#destroyed) return;",
      "what the peer sends after its abort counts",
    ],
    [
      "reason,\n          }),\n        );\n        return false;",
      "reason,\n          }),\n        );\n        return true;",
      "what comes with the peer's abort counts",
    ],
    [
      'this.#observer?.({ kind: "aborted", reason });\n    this.#takeAll("dropped");',
      'this.#observer?.({ kind: "aborted", reason });\n    this.#takeAll("consumed");',
      "an abort consumes what it drops",
    ],
    [
      'this.#failure ??= error;\n    this.#takeAll("dropped");',
      'this.#failure ??= error;\n    this.#takeAll("consumed");',
      "the peer's abort consumes what it drops",
    ],
    ['this.#observer?.({ kind: "peerAborted", reason });', ""],
    [
      'if (this.#iAborted) this.#takeAll("dropped");\n    else if',
      "if",
      "what arrives after an abort is consumed",
    ],
    [
      "reason instanceof BarrierAbortedError && reason === this.#failure",
      "reason instanceof BarrierAbortedError",
    ],
  ]),
  ...faults("src/barrier/barrier.ts", ["barrier_signal"], [
    ["if (!this.#failure) this.#channel.watch?.();", ""],
    ["if (!this.#failure) this.#channel", "this.#channel"],
    ["if (this.#failure) this.#controller.abort(this.#failure);", ""],
    [
      "if (!this.#failsSoon) this",
      "this",
      "what a listener throws within a read becomes null",
    ],
    [
      'if (options && "cause" in options) return',
      "if (false) return",
    ],
    ["this.#controller?.abort(this.#failure);", ""],
  ]),
  ...faults("src/barrier/barrier.ts", ["barrier_abort"], [
    ["toLine(describe(reason), REASON_MAX);", "String(describe(reason));"],
    [
      "this.#abortions.releaseAll(!this.#iAborted);",
      "this.#abortions.releaseAll(true);",
    ],
  ]),
  ...faults("src/barrier/barrier.ts", ["barrier_receive"], [
    [
      "this.#placed++;\n    this.#channel.send(line);",
      "this.#channel.send(line);\n    this.#placed++;",
      "a channel that delivers within send() finds the old counter",
    ],
    ["this.#receives.rejectAll(this.#failure);", ""],
    [
      'return this.#note = this.#takeOne("consumed");',
      'return this.#note = this.#takeOne("consumed") ?? this.#note;',
      "a barrier without a note leaves the old note",
    ],
  ]),
  ...faults("src/barrier/barrier.ts", ["barrier_cancel"], [
    [
      "this.#arrived.count > 0 && this.#syncs.size === 0",
      "this.#arrived.count > 0",
      "a wait consumes what a pending sync needs",
    ],
    [
      "queueMicrotask(() => {\n      this.#serveReleased();",
      "queueMicrotask(() => {",
      "what a canceled sync had reserved is not served",
    ],
  ]),
  ...faults("src/barrier/barrier.ts", ["barrier_lifetime"], [
    ["this.#channel.unref();", ""],
    [
      "= (): void => {\n    if (!this.#keepsAlive || this.#waiting > 0) return;",
      "= (): void => {",
      "a task that waits again does not keep the process alive",
    ],
    ["this.#abortions.releaseAll(false);", ""],
  ]),
  ...faults("src/barrier/barrier.ts", ["barrier_iterator"], [
    [
      "this.#receives.rejectAll(undefined, owner);",
      "this.#receives.rejectAll(undefined);",
      "return() ends the steps of other iterators",
    ],
  ]),
  ...faults("src/barrier/barrier.ts", ["barrier_wait"], [
    [
      "() => this.#barriers <= this.#arrived.count,",
      "() => this.#canConsume(),",
    ],
    ["this.#syncNexts.releaseAll(true);", ""],
    [
      "if (this.#end) this.#theyAbort(this.#end);",
      "",
      "waitAbortion() after a hang-up never resolves",
    ],
    ["if (this.#waiting > 0) this.#theyAbort(error);", ""],
    ["if (synced) this.#syncs.releaseAll(true);", ""],
  ]),
  ...faults("src/channels/socket.ts", ["channels/socket"], [
    [
      "this.#held = new Uint8Array(0);",
      "",
      "a flush reuses the buffer that it has handed to the socket",
    ],
    ["this.#writer.destroy();", "", "hangUp() leaves the writer open"],
    ["this.ended.then(() => this.hangUp());", ""],
    ["if (this.#writes === 0) queueMicrotask(this.#flush);", ""],
    [
      "this.#flush();\n    this.#socket",
      "this.#socket",
      "a close loses what is held back",
    ],
  ]),
  ...faults("src/channels/socket.ts", ["channels/paced"], [
    ["backlog.then(() => this.readable.resume());", ""],
    [
      "return false;",
      "return true;",
      "a socket reads on while the barrier is behind",
    ],
  ]),
  ...faults("src/channels/socket.ts", ["runtime/at_exit"], [
    ['socket.once("close", runAtExit(this.#flush));', ""],
  ]),
  ...faults("src/channels/socket.ts", ["runtime/watch"], [
    ['socket.once("close", atUnload(() => socket.destroy()));', ""],
  ]),
  ...faults("src/channels/paced.ts", ["channels/paced"], [
    ["this.#queue.push(bytes.slice());", "this.#queue.push(bytes);"],
    ["if (this.#queue[0] === bytes) this.#queue[0] = bytes.slice();", ""],
    ["if (this.#isTurnOver()) break;", ""],
    [
      "if (this.#isLate) return;",
      "",
      "the backlog resolves while more is to be delivered",
    ],
  ]),
  ...faults("barrier.ts", ["barrier_over_ports", "barrier_over_web_sockets"], [
    [
      "if (isPort(transport)) return new PortChannel(transport);",
      "",
      "a port is no transport",
    ],
    [
      "if (isWebSocket(transport)) return new WebSocketChannel(transport);",
      "",
      "a WebSocket is no transport",
    ],
  ]),
  ...faults("src/channels/port.ts", ["barrier_over_ports"], [
    ["this.#stop(); // before the barrier can react with a call", ""],
    ["this.#port.close();", ""],
    [
      "if (this.#receiver) this.#port.postMessage(null);",
      "this.#port.postMessage(null);",
    ],
  ]),
  ...faults("src/channels/port.ts", ["barrier_over_workers"], [
    [
      "if (this.#receiver) this.#port.postMessage(bytes);",
      "this.#port.postMessage(bytes);",
    ],
    ["event.preventDefault();", ""],
    ["quiet < 2", "quiet < 0", "the error of a worker overtakes its messages"],
    ['this.#unlisten("error", this.#onError);', ""],
  ]),
  ...faults("src/channels/port.ts", ["barrier_over_runtimes"], [
    ['this.#listen("close", this.#onClose);', ""],
    ['this.#listen("close", this.#onExit);', ""],
    ['this.#listen("error", this.#onThreadError);', ""],
    ['this.#listen("exit", this.#onThreadExit);', ""],
    [" && !isParentPort(this.#port)", ""],
  ]),
  ...faults("src/channels/streams.ts", ["barrier_over_streams"], [
    ["this.#connection.readable.getReader();", ""],
    [
      "const rest = n === 0 ? bytes : bytes.subarray(n);",
      "const rest = bytes;",
    ],
    ["this.#writing ??= this.#write();", "this.#write();"],
    ["offset += piece.length;", ""],
  ]),
  ...faults("src/channels/streams.ts", ["barrier_over_connections"], [
    ["await this.#writing;", ""],
    ["this.#isBroken = true; // what has arrived is still read", "throw null;"],
  ]),
  ...faults("src/channels/web_socket.ts", ["barrier_over_web_sockets"], [
    ["if (readyState === CONNECTING) this.#queue = [];", ""],
    ["if (readyState > OPEN) queueMicrotask(this.#onClosed);", ""],
    ["setTimeout(this.#close, CONNECT_GRACE)", "undefined"],
    ["if (length > 0) this", "if (length >= 0) this"],
    ["clearTimeout(this.#closing);", ""],
    ["if (!this.#receiver) this.#close();", ""],
    [
      "const message = new Uint8Array(bytes);",
      "const message = bytes as Uint8Array<ArrayBuffer>;",
      "a WebSocket gets the line that all barriers share",
    ],
    ['this.#socket.binaryType = "arraybuffer";', ""],
  ]),
  ...faults("src/runtime/host.ts", ["channels/stdio"], [
    [
      "Deno.stdin.close();",
      "",
      "a read that is under way keeps a process alive after destroy()",
    ],
    ["rest = rest.subarray(written);", "if (written > 0) return;"],
    ["sleep(WRITE_RETRY);", "return;"],
  ]),
  ...faults("src/runtime/host.ts", ["inherit"], [
    ["channel.fd ?? 3", "channel.fd"],
  ]),
  ...faults("src/channels/stdio.ts", ["channels/stdio"], [
    [
      "await undefined;\n        await undefined;",
      "",
      "a read for nobody keeps a child alive after its last wait",
    ],
    [
      "this.#fail(error)",
      "undefined",
      "nobody learns that stdout takes no more",
    ],
    [
      'if ((cause as Partial<NodeJS.ErrnoException>).code === "EPIPE") return;',
      "",
      "a parent that has exited is an error of stdout",
    ],
  ]),
  ...faults("src/channels/stdio.ts", ["channels/paced"], [
    ["await this.#receiver?.backlog;", ""],
  ]),
  ...faults("src/channels/stdio.ts", ["spawn/launch"], [
    ["stdinIsChannel = true;", ""],
  ]),
  ...faults("src/channels/environment.ts", ["channels/socket"], [
    ["|| fd < CHANNEL_FD", ""],
    ["/^fd(?:", "/fd(?:"],
    ["?? CHANNEL_FD", ""],
  ]),
  ...faults("src/channels/spawned.ts", ["channels/spawned"], [
    ["this.isWaitedFor && this.readable.destroyed", "false"],
    ['this.readable.once("close", () => this.keepAlive());', ""],
  ]),
  ...faults("src/runtime/at_exit.ts", ["runtime/at_exit"], [
    ['addEventListener("error", flush);\n  replacements', "replacements"],
    [
      "if (this.isInstalled && current !== this.#original) return;",
      "",
      "two copies pile up their replacements",
    ],
    ['addEventListener("unload", onUnload);\n    isExiting', "isExiting"],
    ["if (isUnloading()) end();", ""],
    ['if (args[0] === "exit" && isUnloading()) end();', ""],
    ["      isExiting = false;", "", "every later unload event is an exit"],
    [
      "ends.forEach(attempt);",
      "ends.forEach((run) => run());",
      "one function that throws keeps the others from running",
    ],
  ]),
  ...faults("src/runtime/at_exit.ts", ["runtimes"], [
    ["  reallyExit.install();", ""],
    ["node.off(end, flushLast).on(end, flushLast)", "node.off(end, flushLast)"],
    [
      'process.off("exit", flush).on("exit", flush);',
      "",
      "what an exit listener places is held back",
    ],
  ]),
  ...faults("src/runtime/bun_socket.ts", ["runtimes"], [
    ["if (onRead(bytes) === false) socket.pause();", ""],
  ]),
  ...faults("src/runtime/node_stdio.ts", ["runtimes"], [
    ["stdout.writableLength > 0", "false"],
    ["if (isBun()) stdout.write = Writable.prototype.write;", ""],
    [
      "Object.assign(stdout, { _write: write, _writev: null });",
      "",
      "a barrier overtakes output if another program makes stdout non-blocking",
    ],
    ['if (typeof data === "string") {', "if (false) {"],
    ["if (!isMainThread) {", "if (false) {"],
    ["    this.#stdin.ref?.();", ""],
    ["    this.#stdin.unref?.();", ""],
  ]),
  ...faults("src/runtime/socket.ts", ["runtimes"], [
    ["if (fd === ipcFd()) {", "if (false) {"],
    ['if (!isDeno && !isSocket) throw new Error("it is not a socket");', ""],
  ]),
  ...faults("src/runtime/drain.ts", ["runtime/drain"], [
    ["socket.bytesRead - before >= READ_BUFFER &&", "false &&"],
    [
      " && socket.bytesRead < most",
      "",
      "a pipe that others write to is read without an end",
    ],
    ["if (isEnded(socket)) return;", ""],
  ]),
  ...faults("src/runtime/spawned_socket.ts", ["runtime/drain"], [
    [
      "turn < 2",
      "turn < 0",
      "no turn of the event loop passes after a read was asked for",
    ],
    ["handle.readStop();\n  handle.reading = true;\n  handle.readStart();", ""],
  ]),
  ...faults("src/runtime/exit.ts", ["runtime/exit"], [
    ["event.preventDefault();", ""],
    ["128 + Number(number)", "Number(number)"],
  ]),
  ...faults("src/runtime/standard_output.ts", ["runtime/standard_output"], [
    ["if (isKept) rest = NOTHING;", "", "what Deno's buffer holds is repeated"],
    ["lines > 0 ? most.subarray(0, lines) : most", "most"],
    ["if (!(error instanceof Deno.errors.WouldBlock)) throw error;", ""],
    [
      "if (!(error instanceof Deno.errors.WouldBlock)) throw error;",
      "throw error;",
      "a stdout that is full for a moment loses output",
    ],
    ["isKept = inPieces &&", "isKept = false &&"],
  ]),
  ...faults("src/runtime/process.ts", ["runtime/process"], [
    ["Object.create(null),", "{},"],
    ["{ NODE_V8_COVERAGE: undefined },", "{},"],
    ["command === Deno.execPath()", "false"],
    ["return new String(arg) as string;", "return arg;"],
    ["node.killed = false;", ""],
    ["throw failure;", "return undefined as never;"],
    ["if (isWorker()) endWithProgram(child);\n  else", ""],
  ]),
  ...faults("src/runtime/socket.ts", ["sandbox"], [
    ["if (!listens(socket)) return socket;", "return socket;"],
    ["fd !== FIRST_FD", "false"],
  ]),
  ...faults("src/runtime/socket.ts", ["spawn/sinks"], [
    ["if (size === 0 && held) this.#socket.ref();", ""],
    ["if (size === 1 && this.#reasons.size === 0) this.#socket.unref();", ""],
  ]),
  ...faults("src/runtime/timers.ts", ["spawn/output"], [
    ["turn.work >= 1 ||", ""],
  ]),
  ...faults("src/runtime/timers.ts", ["runtime/timers"], [
    [
      "property?.get ? property.get.call(globalThis) : property?.value",
      "globalThis[name]",
    ],
  ]),
  ...faults("src/runtime/timers.ts", ["runtime/timers"], [
    [
      "      clear(this.#timer);\n      this.#timer = timer;",
      "      this.#timer = timer;",
      "a timer that was made twice is never cleared",
    ],
  ]),
  ...faults("src/runtime/watch.ts", ["runtime/watch"], [
    ["RESTART_GRACE + 100 : 0", "0 : 0"],
    ["(?:watch|hmr)", "watch"],
  ]),
  ...faults("src/spawn/byte_queue.ts", ["spawn/byte_queue"], [
    ["if (isLast) this.#lastLength -= lines;", ""],
    ["this.#size -= lines || length;", "this.#size -= length;"],
  ]),
  ...faults("src/spawn/byte_search.ts", ["spawn/byte_search"], [
    ["return bytes.indexOf(byte, start);", "return start;"],
    ["((word - LOWEST)", "(word"],
    ["isDelete | word", "word"],
    ["isDelete | word", "isDelete"],
    ["isControl & isNotLf", "isControl"],
    ["bytes.subarray(start)", "bytes.subarray(bytes.length)"],
    ["buffer, byteOffset, byteLength);", "buffer, 0, byteLength);"],
  ]),
  ...faults("src/spawn/command_line.ts", ["spawn/command_line"], [
    ["(?:allow|deny|ignore)-env$", "(?:allow|deny)-env$"],
    ["|permission-set", ""],
    ["(?!=)|P))", "(?!=)))"],
    ["|P))", "|P(?!=)))"],
    ["-env$|", "-env|"],
    ["plan.fd === CHANNEL_FD", "plan.fd !== undefined"],
    ['=== "1"', "!== undefined"],
    [
      "[...program.flags, `--allow-env=${variables}`]",
      "[`--allow-env=${variables}`]",
    ],
    ["[...program.words, ...args]", "[...program.words]"],
  ]),
  ...faults("src/spawn/environment.ts", ["spawn/environment"], [
    ["if (name !== STATE_VARIABLE) ", ""],
    ["set(CHANNEL_VARIABLE, channel);\n", ""],
    ["name.toUpperCase()", "name"],
    ["/[=\\0]/", "/[=]/"],
    ["!isRecord(env)", 'typeof env !== "object"'],
    ["if (!isCleared) {", "{"],
    [
      'name.includes("=") ? "one with \'=\'" : ',
      "",
      "an error shows the value in a bad name",
    ],
  ]),
  ...faults("src/spawn/errors.ts", ["spawn/errors"], [
    [
      "shownWithoutSecrets(value.href)",
      "String(Deno.inspect(value))",
      "an error shows the user of a URL",
    ],
    ["cut(withoutUser(text), VALUE_MAX)", "cut(text, VALUE_MAX)"],
    [
      "if (Object(value) === value) return kindOf(value);",
      "",
      "an error runs the code of a value",
    ],
    [
      'return "Object";',
      "throw new Error();",
      "an error fails where a getter throws",
    ],
  ]),
  ...faults("src/spawn/launch.ts", ["spawn/launch"], [
    ['stdio.push("inherit")', 'stdio.push("ignore")'],
    ['kind === "null" && !isRead', 'kind === "null"'],
    [
      'if (own !== undefined) stdio[own] = "pipe";',
      "",
      "a child reads what is meant for this process",
    ],
    ["|| isStdinChannel()", ""],
  ]),
  ...faults("src/spawn/line_scanner.ts", ["spawn/line_scanner"], [
    [
      "this.#partial + decoded",
      "decoded",
      "an escape sequence that is cut in two ends no line",
    ],
    [
      "this.#isAtStart = bytes.at(-1) === LF;",
      "this.#isAtStart = true;",
      "the scanner forgets what an earlier chunk brought",
    ],
    ['this.#isOverwritten = lineEnd !== "\\n";', "", "CR LF ends two lines"],
    ['this.#line = "";', ""],
    ["{ stream: true }", "{}", "a character that is cut in two is lost"],
    ["!isPrintableAscii(bytes) && UNPRINTABLE.test(text)", "false"],
    ["new RegExp(pattern);", "pattern;"],
    ["this.#pattern.lastIndex = 0;", ""],
    ["SCANNED_MAX - this.#line.length;", "SCANNED_MAX;"],
    ["match[1] ?? match.input", "match.input"],
  ]),
  ...faults("src/spawn/options.ts", ["spawn/options"], [
    ["value.throwIfAborted();", ""],
    ["fd > LAST_FD", "fd > 2 * LAST_FD"],
    [
      "readyLine !== undefined || probes.length > 0 || processGroup,",
      "probes.length > 0 || processGroup,",
    ],
    ["probes.length > 0 || processGroup,", "processGroup,"],
    ["probes.length > 0 || processGroup,\n", "probes.length > 0,\n"],
    ["isModule ? MODULE_EXIT_GRACE_PERIOD : 0", "0"],
    ['isScanned ? "forward" : "inherit"', '"inherit"'],
    ["value >= 0 && value <= DELAY_MAX", "value >= 0"],
    ["value === cut(value, NAME_MAX)", "true"],
    ['if (path.includes("\\0")) {', "if (false) {"],
    ["Object.hasOwn(signalNumbers(), value)", "value in signalNumbers()"],
    ['value !== undefined && stdin !== "null"', "value !== undefined"],
  ]),
  ...faults("src/spawn/output_tail.ts", ["spawn/output_tail"], [
    ["if (lines.length === LINES_MAX) break;", ""],
    ['if (shown === "") continue;', ""],
    ['versions.findLast((version) => version !== "")', "versions.at(-1)"],
    ["room -= encode(shown).length;", "room -= shown.length;"],
  ]),
  ...faults("src/spawn/permissions.ts", ["spawn/permissions"], [
    [" || partial", "", "a permission in part is inherited in full"],
    ["/[,\\0]/", "/[,]/"],
    ["permissions === undefined || permissions", "permissions"],
    ['const flags = ["--no-prompt"];', "const flags: string[] = [];"],
    ["items.length === 0 ? [] : ", "", "an empty list grants everything"],
  ]),
  ...faults("src/spawn/probe.ts", ["spawn/probe"], [
    ["if (error instanceof FinalProbeError) throw error;", ""],
    ["await undefined;", ""],
    ["Math.min(2 * pause, this.#pauseMax)", "pause"],
    ["Deno.unrefTimer(timer);", ""],
    ["clearTimeout(timer);", ""],
    ["unlessAborted(this.#try(signal), signal)", "this.#try(signal)"],
    ["toLine(answer, NOTE_MAX).trim()", "answer"],
    ["${describe(error)}", "${error}", "an error without a text ends it"],
    ['this.#lastFailure = "the first try has not ended";', ""],
  ]),
  ...faults("src/spawn/program.ts", ["spawn/options"], [
    [
      "/^(?:[/\\\\]|[a-z]:[/\\\\])/i",
      "/^[/]/i",
      "a path of Windows is relative",
    ],
    ["[a-z0-9+.-]+:/i", "[a-z0-9+.-]*:/i", "a drive of Windows is a URL"],
    [": `./${specifier}`", ": specifier", "a:b.ts is a URL"],
    ['url.password = "";', ""],
    ['url.search = "";', ""],
    ['if (url.protocol === "data:") return whole;', ""],
    ["at index ${index}", "${item}", "an error shows an argument"],
  ]),
  ...faults("src/spawn/values.ts", ["spawn/values"], [
    [" || owner === Object.prototype", ""],
    [
      "Reflect.get(object, name)",
      "Reflect.get(owner, name)",
      "a getter runs on the prototype",
    ],
  ]),
  ...faults("src/spawn/values.ts", ["spawn/values"], [
    [
      " &&\n    !(Symbol.iterator in value)",
      "",
      "a map is a record without names",
    ],
  ]),
  ...faults("src/spawn/spawn_error.ts", ["spawn/spawn_error"], [
    ['line.endsWith("\\r")', "false"],
    ['isDirectory ? "directory" : "file"', '"directory"'],
    ["new Error(cut(message, TEXT_MAX))", "new Error(message)"],
    ['return state === "granted" ? look() : undefined;', "return look();"],
    ["isRelative ? `${cwd}/${command}` : command", "command"],
    ["code === undefined ? {} : { code }", "{}"],
  ]),
  ...faults("src/spawn/stdout_splitter.ts", ["spawn/stdout_splitter"], [
    ["if (bytes.length > LONGEST) return false;", ""],
    ["if (bytes.length === LONGEST && bytes.at(-1) !== CR) return false;", ""],
    ["this.#candidate = NOTHING;", ""],
    ["if (separator >= 0 && separator < end) continue;", ""],
    [
      "if (!mayBecomeLine(line)) break;",
      "",
      "output is held back that cannot become a line",
    ],
    ['message.kind === "violation" ? undefined : message', "message"],
  ]),
  ...faults("src/spawn/ready_url.ts", ["spawn/ready_url"], [
    ['return search !== "" || hash !== "";', 'return search !== "";'],
    ["if (hasMore(url)) {", "if (false) {"],
    ['if (path.includes("\\0")) {', "if (false) {"],
    [".length > most) {", ".length > 999) {"],
    ["throw new Error(`cannot connect to ${path}", "throw new Error(`"],
    ["if (error instanceof FinalProbeError) throw error;", ""],
    [
      "if (!(failure instanceof AnswerError)) failure = error;",
      "failure = error;",
    ],
    ["status < 200 || status > 399", "status > 399"],
    ["await within(RESPONSE_GRACE, readToEnd(conn));", ""],
    [
      'const LOOPBACKS = ["127.0.0.1", "::1"]',
      'const LOOPBACKS = ["127.0.0.1"]',
    ],
    ['!status.startsWith("1")', "true", "early hints are an answer"],
    [
      'if (url.username !== "" || url.password !== "") {',
      'if (url.username !== "") {',
    ],
    ["return error instanceof Deno.errors.AddrInUse;", "return false;"],
    ['.replace(/^\\[(.*)\\]$/, "$1")', ""],
    ["`Host: ${url.host}`,", ""],
    [
      "TRY_TIMEOUT} ms`));\n  }, TRY_TIMEOUT);",
      "TRY_TIMEOUT} ms`));\n  }, 10 * TRY_TIMEOUT);",
    ],
    ["if (port === 0) {", "if (false) {"],
  ]),
  ...faults("src/spawn/readiness.ts", ["spawn/readiness"], [
    ["cause: error.cause ?? error", "", "ready() drops the cause"],
    ["await this.#streams.readAgain();", ""],
    ["this.#wasReady = true;", ""],
    ["waiting.hold(true);", ""],
    ["if (!ending.success) {", "if (false) {"],
    ["stderr?.lastLine ?? stdout?.lastLine", "stdout?.lastLine"],
    ["if (error === timer.signal.reason) {", "if (false) {"],
  ]),
  ...faults("src/spawn/output.ts", ["spawn/output"], [
    [
      "if (!readyLine && !isChannel) source.destroy();",
      "source.destroy();",
      "canceling stdout ends a pipe that is read for a readyLine",
    ],
    [
      "if (!this.#delivering && !this.#isWriting) return",
      "return",
      "a barrier overtakes the output before it",
    ],
    ["this.#isLetGo = true;", "", "drain() does not end it"],
    [
      "await this.#delivering;\n    this.#isEnded = true;",
      "this.#isEnded = true;",
    ],
    ["barriers / BARRIERS_MAX", "0"],
    ["if (left > 0) await within(left, next.written);", "await next.written;"],
    ["this.#deliverInOrder(this.#push(this.#splitter.end()));", ""],
    ["await readAgain(this.source);", ""],
  ]),
  ...faults("src/spawn/sinks.ts", ["spawn/sinks"], [
    ["BACKLOG_MAX = 16 *", "BACKLOG_MAX = 32 *"],
    [
      "this.#queue.clear();\n        this.#reference",
      "this.#reference",
      "cancel() keeps the queue",
    ],
    [
      "this.#events.onClosed();\n        this.#events.onRoom();",
      "this.#events.onClosed();",
      "a child stays blocked after cancel()",
    ],
    [
      "this.#isWanted && !this.#isClosed);",
      "true);",
      "a read that was served holds the process",
    ],
    ['this.#reference.hold("read", false);', ""],
    ["if (this.#isBroken) return;", ""],
    [
      "this.#queue.clear();\n    this.#written",
      "this.#written",
      "a broken forward keeps its queue",
    ],
    [
      "this.#written = this.#pushed;",
      "",
      "flush() of a broken forward never resolves",
    ],
    ["else this.failure ??= error;", ""],
    ["position <= this.#written", "true"],
    [
      "if (this.#length > 0) this.#endLine(new Uint8Array(0));",
      "",
      "half a line at the end is lost",
    ],
    ["line.length > 0 || !this.#isCut", "true"],
    ["stream: true, // a character may be cut as well", ""],
    ["queueMicrotask(() => reportError(error));", ""],
    ["this.#controller.byobRequest?.respond(0);", ""],
    ["if (this.#isClosed) return;", ""],
    [
      "if (wasFull && !this.isFull) this.#events.onRoom();\n    }",
      "}",
      "a child stays blocked after a read",
    ],
    [
      "if (wasFull && !this.isFull) this.#events.onRoom();\n    }",
      "this.#events.onRoom();\n    }",
      "the pipe is resumed after each read",
    ],
    [
      "if (wasFull && !this.isFull) this.#events.onRoom();\n    return",
      "this.#events.onRoom();\n    return",
      "the pipe is resumed before each write",
    ],
  ]),
  ...faults("src/spawn/forwarder.ts", ["spawn/sinks"], [
    ["if (source.size === 0) continue;", ""],
    ["source.take(this.#waiting.size > 0)", "source.take(false)"],
    ["if (isLate) this.#begun = undefined;", ""],
    ["if (this.#hasReported) return;", ""],
    ["if (source.size > 0) this.#waiting.set(source, now());", ""],
    ["sources.find(({ hasLine }) => hasLine) ??", ""],
  ]),
  ...faults("src/spawn/process_group.ts", ["spawn/process_group"], [
    [
      "this.#groupIsGone ||=",
      "this.#groupIsGone =",
      "a group that was once gone is looked for again",
    ],
    [
      "return !(error instanceof Deno.errors.NotFound);",
      "return false;",
      "a group that may not be signaled is gone",
    ],
    [" && !exists(pid)", "", "the group of a stranger is signaled"],
    ["if (this.isGone) throw this.#alreadyExited(signal);", ""],
    ["void this.isGone;", ""],
  ]),
  ...faults("src/spawn/ending.ts", ["spawn/ending"], [
    [
      "await isGoneWithin(LAST_GRACE, child);",
      "",
      "stop() does not wait for a group after SIGKILL",
    ],
    ["throw target.refused(signal, error);", "return;"],
    [
      'await sendIfThere("SIGCONT", child);',
      "",
      "a suspended child is never asked",
    ],
    ["Math.min(deadline - now(), stopGracePeriod + LAST_GRACE)", "0"],
  ]),
  ...faults("src/spawn/child_process.ts", ["spawn/child_process"], [
    [
      "await within(EXIT_GRACE, this.exited);",
      "",
      "a closed channel is reported in place of the exit",
    ],
    ["else surviveErrors(launched.process);", ""],
    ["held && !this.#target.isGone", "held && !hasExited"],
    ["this.#running.hold(held && !hasExited);", ""],
    [
      'signal.removeEventListener("abort", onAbort)',
      "{}",
      "a signal keeps each child that it was for",
    ],
  ]),
  ...faults("src/spawn/child_process.ts", ["spawn/ending"], [
    [
      "if (this.#target.isGone) this.#forget();",
      "this.#unlisten?.();",
      "the signal does not stop the rest of a group",
    ],
  ]),
  ...faults("src/spawn/signals.ts", ["spawn/signals", "spawn/run_main"], [
    [
      "mains.size > 0 ? registeredChildren : endingChildren",
      "registeredChildren",
      "a second signal kills children that do not end with this process",
    ],
    [
      "const doomed = mains.size > 0 ?",
      "const doomed = mains.size < 0 ?",
      "a second signal kills not all children of a main function",
    ],
  ]),
  ...faults("src/spawn/signals.ts", ["spawn/signals"], [
    ["if (mains.size === 0) silenceErrors();", ""],
    [
      "now() - received.at > REPEAT_MAX",
      "true",
      "a signal that arrives twice kills",
    ],
    ["new EventLoopReference().hold(true);", ""],
    ["round < ROUNDS", "round < 1"],
    ['received.signal !== "SIGTERM"', "true"],
    ["Deno.exit(128 + NUMBERS[signal]);", "Deno.exit(NUMBERS[signal]);"],
    ['globalThis.removeEventListener("unload", onUnload);', ""],
    ["Promise.allSettled(", "Promise.all("],
    ["return shared[STOPPING] ??= [];", "return [];"],
    ["await undefined;", "", "copies that are called later are not waited for"],
  ]),
  ...faults("src/spawn/output.ts", ["spawn_output_function"], [
    ["if (!this.#isFinished) this.#sink.end();", ""],
  ]),
  ...faults("src/spawn/streams.ts", ["spawn/streams"], [
    ["return false;", "return true;", "a child fills its parent's memory"],
  ]),
  ...faults("src/spawn/run_main.ts", ["spawn/run_main"], [
    ["if (!stop.signal.aborted) throw error;", "throw error;"],
    ["|| seen.has(error)", ""],
    ["return error.errors.flatMap(rest);", "return [];"],
    [" ||\n        isDestroyed(cause)", ""],
    ["patience ??= setTimeout", "patience = setTimeout"],
    ["outer?.isRunning", "false", "a main function in another one hangs"],
    ["outer?.isRunning", "outer", "a main function counts after its end"],
    [
      "if (unexplained(error, isSignalDeath).length === 0) {",
      "if (false) {",
      "the error of a child is printed before its signal arrives here",
    ],
  ]),
  ...faults("inherit.ts", ["spawn/launch"], [
    ["setInheritedFd(fd);", ""],
  ]),
  ...faults("inherit.ts", ["inherit"], [
    [
      " () => earlier);",
      ");",
      "a call that failed is the last",
    ],
    [
      "if (await earlier) {",
      "if (earlier) {",
      "two calls of one turn fail",
    ],
    ["if (variable !== undefined) deleteVariable(CHANNEL_VARIABLE);", ""],
    ["if (state !== undefined) deleteVariable(STATE_VARIABLE);", ""],
    ["name ?? (variable || undefined)", "name ?? variable"],
    ["if (!optional || !isMissing(error)) throw error;", "throw error;"],
  ]),
  ...faults("completion.ts", ["completion"], [
    [
      "if (this.#waiters.size > 0) this.#waiters.release();\n    else this.#count++;",
      "this.#waiters.release();\n    this.#count++;",
    ],
    ["if (this.tryWait()) return Promise.resolve();\n    return", "return"],
    [
      "this.#count = Infinity;\n    this.#waiters.releaseAll();",
      "this.#waiters.releaseAll();",
    ],
    ["return this.#waiters.wait(signal);", "return this.#waiters.wait();"],
    ["    this.#count = 0;", ""],
  ]),
  ...faults("completion.ts", ["completion_shared"], [
    ["if (this.#waiters.size > 0) this.#sleeping.hold(true);", ""],
    ["else this.#sleeping.hold(false);", ""],
    [
      "else if (--this.#microtasks > 0) PAST.then(this.#onMicrotask);",
      "",
      "each wait in a loop makes a timer",
    ],
    ["if (this.#isAsleep) Atomics.notify(this.#counter, 0);", ""],
    [
      "count < ALL && !this",
      "!this",
      "complete() goes beyond the largest counter",
    ],
    [
      "if (count === ALL || this.#replace(count, count - 1)) return true;",
      "if (this.#replace(count, count - 1)) return true;",
    ],
    ["this.#serve(); // completions from before the cancellation count", ""],
    ["deadline - now()", "timeout"],
  ]),
];
