// Copyright 2026 the @ipc/barrier authors. MIT license.

// Prints the flags of a child that inherits permissions of three kinds, or errors.

import { permissionFlags } from "../../src/spawn/permissions.ts";

for (const kind of ["sys", "read", "net"]) {
  try {
    console.log(permissionFlags({ [kind]: "inherit" })[1]);
  } catch (error) {
    const { name, message } = error as Error;
    console.log(name, message);
  }
}
