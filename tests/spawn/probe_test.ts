// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { AnswerError, FinalProbeError, Probe } from "../../src/spawn/probe.ts";
import { run } from "../_helpers/run.ts";
import { dataUrl, json, runTestdata } from "../_helpers/scripts.ts";

/** A signal for a probe that ends by itself. */
const { signal: NEVER } = new AbortController();

/** Runs a probe, whose pauses do not keep the event loop alive. */
async function runAlive(
  probe: Probe,
  signal: AbortSignal = NEVER,
): Promise<string | undefined> {
  const timer = setInterval(() => {}, 1_000);
  try {
    return await probe.run(signal);
  } finally {
    clearInterval(timer);
  }
}

Deno.test("Probe.run() tries again until the function neither throws nor returns false", async () => {
  const answers = [
    () => {
      throw new Error("refused");
    },
    () => Promise.reject(new Error("refused")),
    () => false,
    () => Promise.resolve(false),
    () => "ready",
  ];
  let tries = 0;
  const probe = new Probe(() => answers[tries++]!());
  assertEquals(await runAlive(probe), "ready");
  assertEquals(tries, answers.length);
});

for (const answer of [undefined, null, 0, true, {}, Symbol("ready")]) {
  Deno.test(`Probe.run() resolves without a note where the function returns ${String(answer)}`, async () => {
    assertEquals(await new Probe(() => answer).run(NEVER), undefined);
  });
}

Deno.test("Probe.run() makes one line of a note", async () => {
  const probe = new Probe(() => "accepting\nconnections\x1b\n");
  assertEquals(await probe.run(NEVER), "accepting connections");
});

Deno.test("Probe.run() makes its first try after the caller's own code", async () => {
  let isSpawned = false;
  const ready = new Probe(() => String(isSpawned)).run(NEVER);
  isSpawned = true;
  assertEquals(await ready, "true");
});

Deno.test("Probe.run() gives the function its signal", async () => {
  let given: AbortSignal | undefined;
  await new Probe((signal) => void (given = signal)).run(NEVER);
  assertStrictEquals(given, NEVER);
});

for (
  const [what, answer, failure] of [
    ["an error", new Error("refused"), "last error: refused"],
    ["another value", "no\nway", "last error: no way"],
    ["an answer", new AnswerError("404"), "last answer: 404"],
  ] as const
) {
  Deno.test(`Probe keeps ${what} that the last try threw`, async () => {
    const controller = new AbortController();
    let tries = 0;
    const probe = new Probe(() => {
      if (tries++ > 0) controller.abort();
      throw answer;
    });
    await assertRejects(() => runAlive(probe, controller.signal), DOMException);
    assertEquals(probe.lastFailure, failure);
  });
}

Deno.test("Probe.lastFailure says that the last try returned false", async () => {
  const controller = new AbortController();
  let tries = 0;
  const probe = new Probe(() => {
    if (tries++ > 0) controller.abort();
    return false;
  });
  await assertRejects(() => runAlive(probe, controller.signal), DOMException);
  assertEquals(probe.lastFailure, "last answer: false");
});

Deno.test("Probe.lastFailure says whether the first try was made", async () => {
  const pending = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const probe = new Probe(() => {
    asked.resolve();
    return pending.promise;
  });
  assertEquals(probe.lastFailure, "it was not asked yet");
  const ready = probe.run(NEVER);
  await asked.promise;
  assertEquals(probe.lastFailure, "the first try has not ended");
  pending.resolve();
  await ready;
});

Deno.test("Probe.run() tries again after an error that cannot be converted to text", async () => {
  const errors = [Object.create(null), Symbol("no")];
  const failures: string[] = [];
  const probe = new Probe(() => {
    failures.push(probe.lastFailure);
    if (errors.length > 0) throw errors.pop();
  });
  await runAlive(probe);
  assertEquals(failures.slice(1), [
    "last error: Symbol(no)",
    "last error: a value of type object",
  ]);
});

Deno.test("Probe.run() rejects immediately with a FinalProbeError", async () => {
  const error = new FinalProbeError("the certificate does not verify");
  let tries = 0;
  const probe = new Probe(() => {
    tries++;
    throw error;
  });
  assertStrictEquals(await assertRejects(() => probe.run(NEVER)), error);
  assertEquals(tries, 1);
});

Deno.test("Probe.run() rejects with the signal's reason while a try is pending", async () => {
  const controller = new AbortController();
  const reason = new Error("the child has exited");
  const pending = Promise.withResolvers<never>();
  const probe = new Probe(() => {
    controller.abort(reason);
    return pending.promise;
  });
  const error = await assertRejects(() => probe.run(controller.signal));
  assertStrictEquals(error, reason);
  pending.reject(new Error("too late")); // which is not reported
});

Deno.test("Probe.run() rejects with the signal's reason during a pause, and leaves no timer", async () => {
  const controller = new AbortController();
  const reason = new Error("the child has exited");
  const probe = new Probe(() => {
    // After the try has failed.
    setTimeout(() => controller.abort(reason));
    return false;
  });
  const error = await assertRejects(() => probe.run(controller.signal));
  assertStrictEquals(error, reason);
});

Deno.test("Probe.run() does not call the function once the signal is aborted", async () => {
  let tries = 0;
  const probe = new Probe(() => tries++);
  await assertRejects(
    () => probe.run(AbortSignal.abort(new Error("too late"))),
    Error,
    "too late",
  );
  assertEquals(tries, 0);
});

Deno.test("Probe.run() doubles its pauses up to the longest", async () => {
  const { stdout } = await runTestdata("delays.ts", ["probe"]);
  assertEquals(
    stdout,
    "100,100,100,100,100,100\n100,200,400,800,1000,1000\n",
  );
});

Deno.test("Probe.run() does not keep the event loop alive", async () => {
  const probe = json(import.meta.resolve("../../src/spawn/probe.ts"));
  const program = dataUrl(`
    import { Probe } from ${probe};
    new Probe(() => false).run(new AbortController().signal);
    console.log("nothing more to do");
  `);
  const output = await run([Deno.execPath(), "run", program], {
    signal: AbortSignal.timeout(30_000),
  });
  const stdout = "nothing more to do\n";
  assertEquals(output, { code: 0, stdout, stderr: "" });
});
