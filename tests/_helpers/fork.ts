// Copyright 2026 the @ipc/barrier authors. MIT license.

import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Runs a program with an IPC channel as file descriptor 3, and resolves to the first
 * message that it sends.
 */
export async function firstMessage(
  [program, ...args]: readonly [string, ...string[]],
): Promise<unknown> {
  const stdio = ["ignore", "ignore", "inherit", "ipc"] as const;
  const child = spawn(program, args, { stdio: [...stdio] });
  const exited = once(child, "exit");
  const [message] = await Promise.race([
    once(child, "message"),
    exited.then(() => [undefined]),
  ]);
  child.kill();
  await exited;
  return message;
}

/** What a program prints about its barrier if descriptor 3 is not its channel. */
export const IS_IPC =
  'NotFound Cannot inherit a barrier: file descriptor 3 is the IPC channel of the program that forked this one; use the channel "stdio", or another descriptor';

/** Sends that, and runs until it is killed, as an exit could overtake a message. */
export const SEND_ERROR = `
  const error = await inheritBarrier({ channel: "fd" }).catch((error) => error);
  process.send(error.name + " " + error.message);
  setInterval(() => {}, 1_000);
`;
