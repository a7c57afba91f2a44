// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { plant, type PlantOptions } from "../tools/mutate.ts";
import type { Mutation } from "../tools/mutations.ts";
import { running } from "./_helpers/process_table.ts";
import { run } from "./_helpers/run.ts";
import { isInstalled } from "./_helpers/programs.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { IS_UNIX } from "./_helpers/unix.ts";

const ignore = !IS_UNIX || !isInstalled("git");

/** A repository with a function, and a test of it. */
const FILES = {
  "double.ts": "export const double = (n: number): number => 2 * n;\n",
  "tests/double_test.ts": `
    import { double } from "../double.ts";
    Deno.test("double() of 3 is 6", () => {
      if (double(3) !== 6) throw new Error();
    });
  `,
  "tests/broken_test.ts": `
    Deno.test("broken", () => { throw new Error("always"); });
  `,
};

/** What is planted into `double.ts`. */
function fault(find: string, replace: string, test = "double"): Mutation {
  return {
    file: "double.ts",
    find,
    replace,
    tests: [test],
    description: undefined,
  };
}

/** Plants faults, and returns what has become of each. */
async function verdicts(
  mutations: Mutation[],
  options: Partial<PlantOptions> = {},
): Promise<string[]> {
  await using directory = await TempDir.make();
  const root = directory.path;
  await Deno.mkdir(`${root}/tests`);
  for (const [name, text] of Object.entries(FILES)) {
    await Deno.writeTextFile(`${root}/${name}`, text);
  }
  await run(["git", "init", "--quiet"], { cwd: root });
  const outcomes = await Array.fromAsync(
    plant(mutations, { root, ...options }),
    ({ verdict, test }) => test === undefined ? verdict : `${verdict}: ${test}`,
  );
  assertEquals(
    await Deno.readTextFile(`${root}/double.ts`),
    FILES["double.ts"],
  );
  return outcomes;
}

Deno.test({
  name: "plant() yields whether a test has caught each fault",
  ignore,
  async fn() {
    assertEquals(
      await verdicts([fault("2 * n", "3 * n"), fault("2 * n", "n + n")]),
      ["caught: double() of 3 is 6", "survived"],
    );
  },
});

Deno.test({
  name: "plant() refuses a fault that does not occur once, or whose tests fail",
  ignore,
  async fn() {
    assertEquals(
      await verdicts([
        fault("7 * n", "3 * n"),
        fault("number", "any"),
        fault("2 * n", "3 * n", "broken"),
      ]),
      ["no longer applies", "no longer applies", "tests fail: broken"],
    );
  },
});

Deno.test({
  name: "plant() ends tests that take too long, and what they have started",
  ignore: ignore || Deno.build.os !== "linux",
  async fn() {
    const seconds = String(1e6 + Math.floor(Math.random() * 1e6));
    const start = `(n) => {
      new Deno.Command("sleep", { args: ["${seconds}"], detached: true }).spawn();
      for (;;);
    }`;
    const outcomes = await verdicts([
      fault("(n: number): number => 2 * n", start),
    ], { limit: 500 });
    assertEquals(outcomes, ["timed out"]);
    assertEquals(await running(seconds), []);
  },
});
