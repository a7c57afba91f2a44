// Copyright 2026 the @ipc/barrier authors. MIT license.

import { getOneMessage, sendMessage } from "npm:execa@9.6.1";

await sendMessage(0);
await getOneMessage(); // the parent's end of it
