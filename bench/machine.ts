// Copyright 2026 the @ipc/barrier authors. MIT license.

import { path } from "./driver.ts";

/** Says where and with what the benchmarks were run, as lines of Markdown. */
export async function machine(): Promise<string> {
  const { deno, v8 } = Deno.version;
  const model = await processor();
  const memory = Math.round(Deno.systemMemoryInfo().total / 2 ** 30);
  return [
    `- Date: ${new Date().toISOString().slice(0, 10)}`,
    `- CPU: ${model}, ${navigator.hardwareConcurrency} cores, ${memory} GiB`,
    `- Kernel: ${Deno.build.os} ${
      Deno.osRelease().split("-")[0]
    }, ${Deno.build.arch}`,
    `- Load at the start: ${
      Deno.loadavg().map((n) => n.toFixed(2)).join(", ")
    }`,
    `- Deno ${deno} (V8 ${v8})`,
    `- Node ${firstLine("node", "--version")}`,
    `- gcc ${firstLine("gcc", "-dumpfullversion")}`,
    `- execa ${execaVersion()}`,
  ].join("\n");
}

async function processor(): Promise<string> {
  if (Deno.build.os !== "linux") return Deno.build.arch;
  const text = await Deno.readTextFile("/proc/cpuinfo");
  return /^model name\s*:\s*(.*)$/m.exec(text)?.[1] ?? Deno.build.arch;
}

function firstLine(program: string, ...args: string[]): string {
  try {
    const { stdout } = new Deno.Command(program, { args }).outputSync();
    return new TextDecoder().decode(stdout).split("\n")[0]!.replace(/^v/, "");
  } catch {
    return "is not installed";
  }
}

function execaVersion(): string {
  const args = ["info", "--json", path("round_trip/execa.ts")];
  const { stdout } = new Deno.Command(Deno.execPath(), { args }).outputSync();
  const { npmPackages } = JSON.parse(new TextDecoder().decode(stdout)) as {
    npmPackages: Record<string, { name: string; version: string }>;
  };
  return Object.values(npmPackages).find(({ name }) => name === "execa")
    ?.version ?? "is not in reach";
}
