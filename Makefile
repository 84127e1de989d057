# make             build/libtaskscope.a, build/treepack, the examples
# make run         installs what is missing, builds, packs a real tree (DIR=... for another), verifies, prints a table
# make test        installs what is missing, builds, runs every test; make test-long: each scenario 1,000 times (hours)
# make fuzz        SECONDS=60 SEED=1: libFuzzer on the public calls and on what parses text, with each sanitizer
# make soak        the same and more with ever new seeds, for MINUTES=10; ends with a table of figures
# make install     PREFIX=/usr/local DESTDIR=; make uninstall with the same values
# make explorer    build/model/explorer: tests/model says what it does
# make coverage    runs the tests and tells which branches they did not take (10 minutes)
# make format      clang-format in place;  make lint: all of clang-tidy (minutes; `make test` has the quick checks)
# make clean
#
# CC, CFLAGS, LDFLAGS and WERROR are for the caller to set; B is the folder that is built into, so that builds with
# different flags live side by side (tests/run makes several).

VERSION := $(shell sed -n 's/^.define SCOPE_VERSION_[A-Z]* //p' scope/taskscope.h | paste -sd.)

ifeq ($(origin CC),default)
CC = gcc
endif
ifeq ($(origin CXX),default)
CXX = g++
endif
B ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man

CFLAGS ?= -O2 -g
WERROR ?= -Werror
# Fortify needs optimization, and would hide calls from sanitizers.
FORTIFY = $(if $(filter -O1 -O2 -O3,$(CFLAGS)),$(if $(filter -fsanitize=%,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))
HARDENING = -fstack-protector-strong $(FORTIFY)
WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wpointer-arith \
	-Wcast-qual -Wvla $(WERROR)
FLAGS = -std=c11 -D_GNU_SOURCE -iquote . -fPIC -pthread $(WARNINGS) $(HARDENING) $(CFLAGS)
MADE_BY = $(CC) $(filter-out $(WERROR),$(FLAGS)) $(LDFLAGS) $(INSTRUMENT)
LINK = $(CC) $(FLAGS) -Wl,-z,relro,-z,now $(LDFLAGS)
LIBS = -lhwloc -pthread

HEADERS := $(sort $(wildcard scope/taskscope*.h))
LIBRARY := $(sort $(wildcard deque/*.c sched/*.c scope/*.c))
TREEPACK := $(sort $(wildcard examples/treepack*.c))
EXAMPLES := $(filter-out $(TREEPACK),$(sort $(wildcard examples/*.c)))
TESTS := $(sort $(foreach p,deque sched scope scenario stress fault inject fuzz,$(wildcard tests/$(p)_*.c)))

# What Debian 12 needs for `make run`, and what `make test` needs beyond it.
RUN_PACKAGES = gcc libc6-dev pkg-config libhwloc-dev zlib1g-dev nettle-dev libarchive-dev pigz perl
TEST_PACKAGES = $(RUN_PACKAGES) g++ clang-14 clang-19 libclang-rt-14-dev libclang-rt-19-dev llvm-14 llvm-19 \
	binutils util-linux valgrind groff-base clang-tidy-19 cppcheck gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
	gcc-riscv64-linux-gnu libc6-dev-riscv64-cross qemu-user

all: $(B)/libtaskscope.a $(B)/treepack $(EXAMPLES:%.c=$(B)/%)
tests: $(TESTS:%.c=$(B)/%)
.PHONY: all tests explorer run test test-long fuzz soak coverage install uninstall manual format lint clean \
	run-packages test-packages coverage-packages FORCE
.SECONDARY:

$(B)/libtaskscope.a: $(LIBRARY:%.c=$(B)/%.o)
	rm -f $@
	$(AR) rcs $@ $^

$(B)/treepack: $(TREEPACK:%.c=$(B)/%.o) $(B)/libtaskscope.a
	$(LINK) -o $@ $^ -larchive -lnettle -lz $(LIBS)

$(B)/examples/%: $(B)/examples/%.o $(B)/libtaskscope.a
	$(LINK) -o $@ $^ $(LIBS) -lm

$(B)/tests/%: $(B)/tests/%.o $(B)/libtaskscope.a
	$(LINK) -o $@ $^ $(LIBS) -lm

# Programs that make the system fail: in their copy of the archive, a call of F goes to inject_F, if tests/inject.c has that.
INJECTED := $(filter $(B)/tests/inject_% $(B)/tests/fault_%,$(TESTS:%.c=$(B)/%))
$(INJECTED): $(B)/tests/%: $(B)/tests/%.o $(B)/tests/inject.o $(B)/libtaskscope-inject.a
	$(LINK) -o $@ $^ $(LIBS) -lm
$(B)/libtaskscope-inject.a: $(B)/libtaskscope.a $(B)/tests/inject.o
	nm -g --defined-only $(B)/tests/inject.o | sed -n 's/.* T inject_\(.*\)/\1 inject_\1/p' > $@.names
	objcopy --redefine-syms=$@.names $< $@

# Examples and tests find the public header as users do; the library itself includes "scope/taskscope.h".
$(B)/examples/%.o: private FLAGS += -I scope
# Fortify wants the result of every write looked at, which tests need not.
$(B)/tests/%.o $(B)/tests/model/%.o: private FLAGS += -I scope -U_FORTIFY_SOURCE

# So that an exception, or the end of a thread, passes scope_run in order; costs nothing otherwise.  SCOPE_DEBUG is for users.
$(LIBRARY:%.c=$(B)/%.o): private FLAGS += -fexceptions -USCOPE_DEBUG $(INSTRUMENT)

# The explorer of tests/model: the library and its scenarios are compiled so that it sees every access, itself is not.
MODEL := $(patsubst %.c,$(B)/%.o,$(wildcard tests/model/*.c))
MODEL_SCENARIOS := $(filter %/litmus.o %/deque.o %/sched.o %/scope.o %/pool.o,$(MODEL))
$(MODEL_SCENARIOS): private FLAGS += $(INSTRUMENT)
$(filter-out $(MODEL_SCENARIOS),$(MODEL)): private FLAGS += -O2

$(B)/explorer: $(MODEL) $(B)/libtaskscope.a
	$(LINK) -o $@ $^ $(LIBS)

explorer:
	@$(MAKE) --no-print-directory B=build/model CC=clang-19 CFLAGS='-O1 -g -fno-omit-frame-pointer' LDFLAGS=-no-pie HARDENING= \
		INSTRUMENT='-fsanitize=thread -include tests/model/port.h' build/model/explorer

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -MMD -MP -c -o $@ $<

# Changes when the compiler or its flags do (not WERROR, which changes no object); every object depends on it.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(MADE_BY)' | cmp -s - $@ || echo '$(MADE_BY)' > $@

-include $(wildcard $(B)/*/*.d $(B)/*/*/*.d)

run: run-packages
	$(MAKE) all
	bench/treepack.sh $(DIR)

test: test-packages
	@tests/run
test-long: test-packages
	@SCENARIO_REPEAT=1000 TIME_LIMIT=7200 tests/run 'scenario_*'
MINUTES ?= 10
soak: test-packages
	@tests/soak $(MINUTES)

fuzz: test-packages
	@tests/fuzz $(or $(SECONDS),60) $(or $(SEED),1)

coverage: coverage-packages
	@tests/coverage

# Installs those of $(1) that are missing, as root or with sudo; says what to type if it is neither.
define install_packages
@if command -v dpkg-query > /dev/null; then \
	missing=$$(for p in $(1); do \
		dpkg-query -W -f '$${db:Status-Status}\n' $$p 2> /dev/null | grep -q '^installed$$' || echo $$p; done); \
	[ -n "$$missing" ] || exit 0; \
	line="apt-get install -y --no-install-recommends $$(echo $$missing)"; \
	if [ "$$(id -u)" = 0 ]; then as_root=; elif command -v sudo > /dev/null; then as_root=sudo; \
	else echo "Missing packages.  Please run as root: apt-get update && $$line" >&2; exit 1; fi; \
	echo "$$as_root $$line"; \
	$$as_root env DEBIAN_FRONTEND=noninteractive $$line || { $$as_root apt-get update && \
		$$as_root env DEBIAN_FRONTEND=noninteractive $$line; }; \
else echo "No dpkg here; going on in the hope that you have: $(1)" >&2; fi
endef
run-packages:
	$(call install_packages,$(RUN_PACKAGES))
test-packages:
	$(call install_packages,$(TEST_PACKAGES))
coverage-packages:
	$(call install_packages,$(TEST_PACKAGES) gcovr)

# hwloc stands in Libs and not in Requires.private: its own private libraries (libudev) come without development files
# on Debian, and a program that links this archive statically still links hwloc as a shared library.
define PKG_CONFIG_FILE
prefix=$(PREFIX)
libdir=$(LIBDIR:$(PREFIX)/%=$${prefix}/%)
includedir=$(INCLUDEDIR:$(PREFIX)/%=$${prefix}/%)

Name: taskscope
Description: Structured, work-stealing parallelism for CPU-bound C
Version: $(VERSION)
Cflags: -I$${includedir}
Libs: -L$${libdir} -ltaskscope $(LIBS)
endef
export PKG_CONFIG_FILE
install: $(B)/libtaskscope.a manual
	install -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)'
	install -m 644 $(B)/libtaskscope.a '$(DESTDIR)$(LIBDIR)'
	install -m 644 $(HEADERS) '$(DESTDIR)$(INCLUDEDIR)'
	echo "$$PKG_CONFIG_FILE" > '$(DESTDIR)$(LIBDIR)/pkgconfig/taskscope.pc'
	install -d '$(DESTDIR)$(MANDIR)/man3' '$(DESTDIR)$(MANDIR)/man7'
	install -m 644 $(B)/man3/*.3 '$(DESTDIR)$(MANDIR)/man3'
	install -m 644 scope/*.7 '$(DESTDIR)$(MANDIR)/man7'
uninstall: manual
	rm -f '$(DESTDIR)$(LIBDIR)/libtaskscope.a' '$(DESTDIR)$(LIBDIR)/pkgconfig/taskscope.pc' \
		'$(DESTDIR)$(MANDIR)/man7/taskscope.7' '$(DESTDIR)$(MANDIR)/man7/taskscope-errors.7'
	for header in $(notdir $(HEADERS)); do rm -f '$(DESTDIR)$(INCLUDEDIR)'/$$header; done
	for page in $(B)/man3/*; do rm -f '$(DESTDIR)$(MANDIR)/man3'/"$${page##*/}"; done

manual:
	@mkdir -p $(B)/man3
	@rm -f $(B)/man3/*
	perl scope/manual.pl '$(VERSION)' $(B)/man3 $(HEADERS)

SOURCES = $(wildcard deque/*.[ch] sched/*.[ch] scope/*.[ch] examples/*.[ch] tests/*.[ch])
format:
	clang-format -i $(SOURCES)
lint:
	clang-tidy-19 --quiet $(LIBRARY) tests/header_use.c -- $(FLAGS) -I scope

clean:
	rm -rf build

include bench/build.mk
