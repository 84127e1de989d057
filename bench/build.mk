# How the benchmark programs are built, into build/bench/PROBLEM_RUNTIME; included by the Makefile.
#
# bench/PROBLEM/SOURCE gives these runtimes: serial.c: serial (gcc), serial-clang; taskscope.c, typed.c, fork2.c: taskscope,
# taskscope-typed, taskscope-fork2 (gcc) and the same with -clang; openmp.c: libgomp (gcc), libomp (clang); tbb.cpp: tbb (g++);
# rayon.rs: rayon.  For sorts, serial.cpp: serial-std (g++); call.c, radix.c, unstable.c: taskscope-call, taskscope-radix,
# taskscope-unstable (gcc), and -clang; openmp.cpp: gnu-parallel (g++).  The same flags for all.

BENCH_CC = gcc
BENCH_CLANG = clang-19
BENCH_CXX = g++
# Where a loop lies must not decide: Intel's processors of 2015 to 2019 take up to twice the time for one with a jump across 32 bytes.
BENCH_MACHINE := $(shell uname -m)
BENCH_JUMPS_x86_64_gcc = -Wa,-mbranches-within-32B-boundaries
BENCH_JUMPS_x86_64_g++ = $(BENCH_JUMPS_x86_64_gcc)
BENCH_JUMPS_x86_64_clang-19 = -mbranches-within-32B-boundaries
BENCH_JUMPS_x86_64_rustc = -C llvm-args=-x86-branches-within-32B-boundaries
bench_jumps = $(BENCH_JUMPS_$(BENCH_MACHINE)_$(1))
BENCH_FLAGS = -O3 -g -march=native -falign-functions=64 -D_GNU_SOURCE -iquote . -I scope -pthread -Wall -Wextra $(WERROR)
BENCH_LIBS = -lnettle -lm
BENCH := $(B)/bench

bench_programs = $(patsubst bench/%/$(1),$(BENCH)/%_$(2),$(wildcard bench/*/$(1)))
BENCH_PROGRAMS = \
	$(call bench_programs,serial.c,serial) $(call bench_programs,serial.c,serial-clang) \
	$(call bench_programs,taskscope.c,taskscope) $(call bench_programs,taskscope.c,taskscope-clang) \
	$(call bench_programs,typed.c,taskscope-typed) $(call bench_programs,typed.c,taskscope-typed-clang) \
	$(call bench_programs,fork2.c,taskscope-fork2) $(call bench_programs,fork2.c,taskscope-fork2-clang) \
	$(call bench_programs,openmp.c,libgomp) $(call bench_programs,openmp.c,libomp) \
	$(call bench_programs,call.c,taskscope-call) $(call bench_programs,call.c,taskscope-call-clang) \
	$(call bench_programs,radix.c,taskscope-radix) $(call bench_programs,radix.c,taskscope-radix-clang) \
	$(call bench_programs,unstable.c,taskscope-unstable) $(call bench_programs,unstable.c,taskscope-unstable-clang) \
	$(call bench_programs,serial.cpp,serial-std) $(call bench_programs,openmp.cpp,gnu-parallel) \
	$(call bench_programs,tbb.cpp,tbb) $(call bench_programs,rayon.rs,rayon)
BENCH_HEADERS := $(wildcard bench/*.h bench/*.hpp bench/*/*.h)

# All of it takes long; bench-quick takes less than a minute after the build.
BENCH_PACKAGES = $(RUN_PACKAGES) g++ clang-19 libomp-19-dev libtbb-dev librust-rayon-dev cargo rustc gnuplot-nox python3
bench: bench-packages
	$(MAKE) bench-programs
	B='$(B)' bench/run; status=$$?; B='$(B)' bench/plot && exit $$status
bench-quick: bench-packages
	$(MAKE) bench-programs
	B='$(B)' bench/run --quick
bench-sweep: bench-packages
	$(MAKE) bench-programs
	B='$(B)' bench/sweep
bench-packages:
	$(call install_packages,$(BENCH_PACKAGES))
bench-programs: $(BENCH_PROGRAMS)
.PHONY: bench bench-quick bench-sweep bench-packages bench-programs

# The library for gcc's programs and the one for clang's, at -O3 as the peers' are.
$(B)/gcc/libtaskscope.a: FORCE
	@$(MAKE) --no-print-directory -s B=$(B)/gcc CC=$(BENCH_CC) CFLAGS='-O3 -g' $@
$(B)/clang/libtaskscope.a: FORCE
	@$(MAKE) --no-print-directory -s B=$(B)/clang CC=$(BENCH_CLANG) CFLAGS='-O3 -g' $@

$(BENCH)/bench.o: bench/bench.c bench/bench.h
	@mkdir -p $(@D)
	$(BENCH_CC) $(BENCH_FLAGS) $(call bench_jumps,$(BENCH_CC)) -DRUNTIME='""' -c -o $@ $<

# 1: runtime, 2: source, 3: compiler, 4: archive, 5: more libraries
define bench_rule
$(BENCH)/%_$(1): bench/%/$(2) $(BENCH)/bench.o $(BENCH_HEADERS) $(4)
	$(3) $(BENCH_FLAGS) $(call bench_jumps,$(firstword $(3))) -DRUNTIME='"$(1)"' -o $$@ $$< $(BENCH)/bench.o $(4) $(5) $(BENCH_LIBS)
endef
$(eval $(call bench_rule,serial,serial.c,$(BENCH_CC),,))
$(eval $(call bench_rule,serial-clang,serial.c,$(BENCH_CLANG),,))
$(eval $(call bench_rule,taskscope,taskscope.c,$(BENCH_CC),$(B)/gcc/libtaskscope.a,-lhwloc))
$(eval $(call bench_rule,taskscope-clang,taskscope.c,$(BENCH_CLANG),$(B)/clang/libtaskscope.a,-lhwloc))
$(eval $(call bench_rule,taskscope-typed,typed.c,$(BENCH_CC),$(B)/gcc/libtaskscope.a,-lhwloc))
$(eval $(call bench_rule,taskscope-typed-clang,typed.c,$(BENCH_CLANG),$(B)/clang/libtaskscope.a,-lhwloc))
$(eval $(call bench_rule,taskscope-fork2,fork2.c,$(BENCH_CC),$(B)/gcc/libtaskscope.a,-lhwloc))
$(eval $(call bench_rule,taskscope-fork2-clang,fork2.c,$(BENCH_CLANG),$(B)/clang/libtaskscope.a,-lhwloc))
$(eval $(call bench_rule,taskscope-call,call.c,$(BENCH_CC),$(B)/gcc/libtaskscope.a,-lhwloc))
$(eval $(call bench_rule,taskscope-call-clang,call.c,$(BENCH_CLANG),$(B)/clang/libtaskscope.a,-lhwloc))
$(eval $(call bench_rule,taskscope-radix,radix.c,$(BENCH_CC),$(B)/gcc/libtaskscope.a,-lhwloc))
$(eval $(call bench_rule,taskscope-radix-clang,radix.c,$(BENCH_CLANG),$(B)/clang/libtaskscope.a,-lhwloc))
$(eval $(call bench_rule,taskscope-unstable,unstable.c,$(BENCH_CC),$(B)/gcc/libtaskscope.a,-lhwloc))
$(eval $(call bench_rule,taskscope-unstable-clang,unstable.c,$(BENCH_CLANG),$(B)/clang/libtaskscope.a,-lhwloc))
$(eval $(call bench_rule,serial-std,serial.cpp,$(BENCH_CXX) -std=c++17,,))
$(eval $(call bench_rule,gnu-parallel,openmp.cpp,$(BENCH_CXX) -std=c++17 -fopenmp,,))
$(eval $(call bench_rule,libgomp,openmp.c,$(BENCH_CC) -fopenmp,,))
$(eval $(call bench_rule,libomp,openmp.c,$(BENCH_CLANG) -fopenmp=libomp,,))
$(eval $(call bench_rule,tbb,tbb.cpp,$(BENCH_CXX) -std=c++17,,-ltbb))

# Debian's crates only, by Debian's own cargo, offline.  The manifest lists what is there.
RAYON := $(wildcard bench/*/rayon.rs)
define RAYON_MANIFEST
[package]
name = "bench-rayon"
version = "0.1.0"
edition = "2021"

[lib]
path = "$(abspath bench/rayon.rs)"

[dependencies]
rayon = "1.6"

[profile.release]
opt-level = 3
codegen-units = 1
panic = "abort"
$(foreach p,$(RAYON:bench/%/rayon.rs=%),
[[bin]]
name = "$(p)_rayon"
path = "$(abspath bench/$(p)/rayon.rs)"
)
endef
export RAYON_MANIFEST
$(BENCH)/cargo/Cargo.toml: $(RAYON) bench/build.mk
	@mkdir -p $(@D)
	@echo "$$RAYON_MANIFEST" > $@
# A problem's leaf kernels are the same object for Rust as for C, where there is a kernel.c.  (Cargo would not notice a new one.)
RAYON_KERNELS := $(wildcard bench/*/kernel.c)
$(RAYON_KERNELS:bench/%/kernel.c=$(BENCH)/%_kernel.o): $(BENCH)/%_kernel.o: bench/%/kernel.c $(BENCH_HEADERS)
	@mkdir -p $(@D)
	$(BENCH_CC) $(BENCH_FLAGS) $(call bench_jumps,$(BENCH_CC)) -DRUNTIME='""' -c -o $@ $<
$(RAYON_KERNELS:bench/%/kernel.c=$(BENCH)/%_rayon): $(BENCH)/%_rayon: $(BENCH)/%_kernel.o $(BENCH)/bench.o
$(BENCH)/%_rayon: bench/%/rayon.rs bench/rayon.rs bench/runtime/foreign.rs $(BENCH)/cargo/Cargo.toml
	rm -f $(BENCH)/cargo/release/deps/$*_rayon-*
	cd $(BENCH)/cargo && CARGO_HOME=. CARGO_TARGET_DIR=. RUSTFLAGS='-C target-cpu=native $(call bench_jumps,rustc)' PATH=/usr/bin:$$PATH \
		cargo rustc --release --offline --quiet --bin $*_rayon \
		--config 'source.crates-io.replace-with="debian"' --config 'source.debian.directory="/usr/share/cargo/registry"' \
		-- $(if $(wildcard bench/$*/kernel.c),-C link-arg=$(abspath $(BENCH)/$*_kernel.o) -C link-arg=$(abspath $(BENCH)/bench.o) -C link-arg=-lm)
	cp $(BENCH)/cargo/release/$*_rayon $@
