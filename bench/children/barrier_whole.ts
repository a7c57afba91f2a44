// Copyright 2026 the @ipc/barrier authors. MIT license.

import { inheritBarrier } from "@ipc/barrier";

using parent = await inheritBarrier();
while (await parent.placeAndSync());
