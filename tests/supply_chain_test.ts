// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What tests, benchmarks and CI download is named exactly. */

import { assertEquals, assertMatch } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

async function* sources(directory: URL): AsyncGenerator<[string, string]> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const url = new URL(name, directory);
    if (isDirectory) yield* sources(new URL(`${url}/`));
    else if (/\.(ts|mjs|json)$/.test(name)) {
      yield [url.href.slice(ROOT.href.length), await Deno.readTextFile(url)];
    }
  }
}

Deno.test("Packages that tests, benchmarks, tools and examples use have an exact version", async () => {
  const found: string[] = [];
  for (const name of ["tests/", "bench/", "tools/", "examples/"]) {
    for await (const [file, text] of sources(new URL(name, ROOT))) {
      const imports = text.matchAll(
        /(?:from |import\()"((?:npm|jsr):[^"]+)"|"([a-z/-]+@[\^~]?\d[^"\s]*)"/g,
      );
      for (const [, specifier, program] of imports) {
        found.push(`${file} ${specifier ?? program}`);
      }
    }
  }
  const { imports } = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", ROOT)),
  ) as { imports: Record<string, string> };
  for (const specifier of Object.values(imports)) {
    found.push(`deno.json ${specifier}`);
  }
  assertEquals(
    found.filter((line) => !/@\d+\.\d+\.\d+(?:\/\w+)?$/.test(line)),
    [],
  );
  assertEquals(found.length > 0, true);
});

const workflow = await Deno.readTextFile(
  new URL(".github/workflows/ci.yml", ROOT),
);

Deno.test("The workflow uses actions by the hash of a commit", () => {
  const actions = Array.from(workflow.matchAll(/uses: (.+)/g), ([, it]) => it!);
  for (const action of actions) {
    assertMatch(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  }
  assertEquals(actions.length > 0, true);
});

Deno.test("The workflow's checkouts leave no credentials behind", () => {
  const steps = workflow.split(/^ +- /m);
  const checkouts = steps.filter((step) => step.includes("actions/checkout@"));
  for (const step of checkouts) assertMatch(step, /persist-credentials: false/);
  assertEquals(checkouts.length > 0, true);
});

Deno.test("The workflow publishes in an environment of its own", () => {
  const job = workflow.split(/^ {2}publish:$/m)[1]!;
  assertMatch(job, /^ {4}environment: jsr$/m);
});
