// Copyright 2026 the @ipc/barrier authors. MIT license.

import { Socket } from "node:net";

const socket = new Socket({ fd: 3 });
socket.resume(); // until the parent ends it
socket.write(new Uint8Array(1));
