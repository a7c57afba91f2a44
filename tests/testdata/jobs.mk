# Copyright 2026 the @ipc/barrier authors. MIT license.

# Six jobs, which the program PARENT has made with the job server of its parent.

all:
	+@"$(DENO)" run -A "$(PARENT)" make "$(firstword $(MAKEFILE_LIST))"
jobs: 1 2 3 4 5 6
	@echo done >&9
1 2 3 4 5 6:
	@echo job $@ "$(MAKEFLAGS)"
.PHONY: all jobs 1 2 3 4 5 6
