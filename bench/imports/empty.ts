// Copyright 2026 the @ipc/barrier authors. MIT license.
