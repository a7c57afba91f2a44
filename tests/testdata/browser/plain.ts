// Copyright 2026 the @ipc/barrier authors. MIT license.

// A page without the headers that isolate it.

import { SharedCompletion } from "../../../completion.ts";
import { report } from "./report.ts";

await report("no isolation", () => new SharedCompletion());
location.href = "/isolated/page.html";
