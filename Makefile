# `make help` says what there is. Steps run one after the other whatever -j says: most of them use
# all cores by themselves.

.NOTPARALLEL:
.DEFAULT_GOAL := build
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

CARGO   ?= cargo
PYTHON  ?= python3
MVN     ?= mvn
OBJCOPY ?= objcopy
FLINK   ?= 2.3.0

# What the shim's own tests run on, and what the clusters of real processes run on.
SHIM_VERSIONS  ?= 1.20.0 1.20.5 2.0.2 2.1.3 2.2.1 2.3.0
FLINK_VERSIONS ?= 1.20.5 2.3.0
# A JDK 25, to run the Java tests on it too; empty if there is none.
JAVA25_HOME    ?= $(firstword $(patsubst %/bin/java,%,$(wildcard /usr/lib/jvm/*25*/bin/java)))

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
LIBRARY := $(CURDIR)/target/release/libleaderserver.so
MAVEN   := $(MVN) --batch-mode --no-transfer-progress
jar      = $(CURDIR)/java/leaderserver-flink-$(1)/target/leaderserver-flink-$(1)-$(VERSION).jar
JARS    := $(call jar,1.20) $(call jar,2)
JAVA    := leaderserver,leaderserver-flink-1.20,leaderserver-flink-2

# Linked for glibc 2.17, so that it loads in the containers of old and new distributions alike. The
# linker comes as Python packages into a virtual environment of ours.
GLIBC         := 2.17
DIST_TARGET   := $(shell uname -m)-unknown-linux-gnu
DIST_OUT      := $(CURDIR)/target/$(DIST_TARGET)/release
ZIG           := $(CURDIR)/target/zig-venv
ZIG_PACKAGES  := cargo-zigbuild==0.22.3 ziglang==0.15.2

# --- build ------------------------------------------------------------------------------------

.PHONY: build native java
build: native java ## the library, the program and the two drop-in jars

native: ## the library and the program only
	$(CARGO) build --release --locked

java: native
	$(MAVEN) --quiet -f java/pom.xml -pl $(JAVA) -DskipTests -Dnative.library=$(LIBRARY) package
	tools/check-jars --library $(LIBRARY) $(JARS)

# --- show -------------------------------------------------------------------------------------

.PHONY: demo demo-failover bench bench-flink
demo: build ## the main job with real Flink processes; FLINK=1.20.5 for that release
	$(PYTHON) demo/demo.py --flink $(FLINK)

demo-failover: build ## the leader is killed and the standby goes on, without ZooKeeper; FLINK=1.20.5
	$(PYTHON) demo/failover.py --flink $(FLINK)

bench: build ## measures; prints a table, leaves JSON
	benches/run

# How often each set of bench-flink runs, and which sets (benches/flink/run --help); empty: all.
RUNS ?= 5
SETS ?=

bench-flink: build ## kill -9 of the leading JobManager to all tasks running, ours and ZooKeeper's
	benches/flink/run --flink $(FLINK) --runs $(RUNS) $(SETS)

# --- test -------------------------------------------------------------------------------------

.PHONY: test test-rust test-install test-java test-java25 test-shim test-flink test-real
test: verify test-rust sanitize test-install test-java test-java25 test-shim test-real test-flink ## everything

test-rust: ## the core, server, client and command line
	$(CARGO) test --locked

test-install: native ## what `make install` leaves, used as the README says
	rm -rf target/install
	$(MAKE) --no-print-directory install PREFIX=$(CURDIR)/target/install
	tools/check-install target/install $(VERSION)

# How many seeds `make sim` walks, from which on, or the one that it replays with its trace.
SEEDS ?= 1000000
FROM  ?= 1
SEED  ?=

.PHONY: sim
sim: ## the simulation over SEEDS seeds on all cores, or SEED=7 alone with its trace
	SEED=$(SEED) SEEDS=$(SEEDS) FROM=$(FROM) $(CARGO) test --locked --profile sim --test sim -- \
	    --exact walk::run::many_seeds --nocapture

# Both are part of test-rust; here they go further.
PREEMPTIONS ?= 3
ROUNDS      ?= 1000

.PHONY: threads shells
threads: ## what threads share, in every order that they may take (loom); PREEMPTIONS=4 goes deeper
	LOOM_MAX_PREEMPTIONS=$(PREEMPTIONS) $(CARGO) test --locked --test threads

shells: ## server and clients over real sockets under ROUNDS seeds of faults
	SHELL_ROUNDS=$(ROUNDS) $(CARGO) test --locked --test shells -- --nocapture

# Who is not root is root in a namespace of users' own, where the system allows that.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,unshare --user --map-root-user)

test-real: build ## real processes, partitioned, stopped and killed; REAL_ROUNDS=2000 for more
	$(CARGO) test --locked --test real --no-run
	$(AS_ROOT) $(CARGO) test --locked --test real -- --nocapture

test-java: build ## plain Java over JNI
	$(MAVEN) -f java/pom.xml -pl leaderserver -Dnative.library=$(LIBRARY) test

test-java25: build ## the Java tests again on JDK 25 (JAVA25_HOME)
ifeq ($(JAVA25_HOME),)
	@echo "skipped: the Java tests on JDK 25, for there is none (set JAVA25_HOME)"
else
	$(MAVEN) -f java/pom.xml -pl leaderserver -Dnative.library=$(LIBRARY) \
	    -Djvm=$(JAVA25_HOME)/bin/java test
	$(call test_shim,2.3.0,-Djvm=$(JAVA25_HOME)/bin/java)
endif

# The same two jars on every release; $(1) is the release, $(2) is for Maven.
line      = $(if $(filter 1.%,$(1)),1.20,2)
test_shim = $(MAVEN) -f java/leaderserver-flink-tests/pom.xml -Dflink.version=$(1) \
    $(if $(filter 1.%,$(1)),-Pflink-1.20) -Dshim.jar=$(call jar,$(call line,$(1))) $(2) test

test-shim: build $(SHIM_VERSIONS:%=.test-shim-%) ## the drop-in jars on each of SHIM_VERSIONS

.PHONY: $(SHIM_VERSIONS:%=.test-shim-%)
$(SHIM_VERSIONS:%=.test-shim-%): .test-shim-%: build
	$(call test_shim,$*)

test-flink: build ## clusters of real processes on each of FLINK_VERSIONS
	tests/flink/run $(FLINK_VERSIONS)

# --- sanitize ---------------------------------------------------------------------------------

# Builds the library twice more, in folders of its own.
.PHONY: sanitize
sanitize: ## the C programs under ASan with LSan, TSan and valgrind
	tools/sanitize all

# --- verify -----------------------------------------------------------------------------------

# Tests that hold the shape of the source: the layers, and what is generated and committed.
SHAPE := --test layers --test generated --test header

.PHONY: verify fix
verify: native ## format, lints, layers, generated files, symbols, licences; writes nothing
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) test --locked $(SHAPE)
	tools/check-symbols --functions tests/c/functions.txt $(LIBRARY)
	$(PYTHON) tools/licences.py check

fix: ## what `make verify` complains of and a tool can mend
	$(CARGO) fmt
	$(CARGO) clippy --all-targets --fix --allow-dirty --allow-staged
	LEADERSERVER_BLESS=1 $(CARGO) test --test generated
	LEADERSERVER_BLESS=1 $(CARGO) test --test header the_header_is_what_the_sources_make

# --- dist -------------------------------------------------------------------------------------

.PHONY: dist
dist: $(ZIG)/.ready ## jars, library, header, .pc and program in dist/, as a tree in dist/c/; glibc 2.17
	PATH="$(ZIG)/bin:$$PATH" $(CARGO) zigbuild --release --locked --target $(DIST_TARGET).$(GLIBC)
	tools/check-symbols --glibc $(GLIBC) --functions tests/c/functions.txt \
	    $(DIST_OUT)/libleaderserver.so $(DIST_OUT)/leaderserver
	$(MAVEN) --quiet -f java/pom.xml -pl $(JAVA) -DskipTests \
	    -Dnative.library=$(DIST_OUT)/libleaderserver.so package
	rm -rf dist target/dist
	mkdir -p dist target/dist/META-INF
	$(PYTHON) tools/licences.py notices > target/dist/META-INF/THIRD-PARTY-LICENSES.txt
	cp $(JARS) $(DIST_OUT)/libleaderserver.so $(DIST_OUT)/leaderserver LICENSE NOTICE \
	    target/dist/META-INF/THIRD-PARTY-LICENSES.txt dist/
	ln -s libleaderserver.so dist/libleaderserver.so.0
	cp include/leaderserver.h dist/
	sed -e 's|@VERSION@|$(VERSION)|' -e 's|@PREFIX@|$${pcfiledir}|' \
	    -e 's|@LIBDIR@|$${prefix}|' -e 's|@INCLUDEDIR@|$${prefix}|' \
	    tools/leaderserver.pc.in > dist/leaderserver.pc
	for jar in $(notdir $(JARS)); do \
	    jar --update --file dist/$$jar --date 2026-01-01T00:00:00Z -C target/dist META-INF; \
	done
	$(MAKE) install PREFIX=/ DESTDIR=$(CURDIR)/dist/c BUILT=$(DIST_OUT) RELOCATABLE=1
	tools/check-jars --notices --library dist/libleaderserver.so $(addprefix dist/,$(notdir $(JARS)))
	ls -l dist

# What C needs. BUILT is where the library was built; with RELOCATABLE=1 the files name no folder, so
# that the tree may lie anywhere.
PREFIX      ?= /usr/local
DESTDIR     ?=
BUILT       ?= $(CURDIR)/target/release
RELOCATABLE ?=
TO           = $(DESTDIR)$(PREFIX)

.PHONY: install
install: $(if $(filter $(CURDIR)/target/release,$(BUILT)),native) ## the C library and the program, below PREFIX
	install -d $(TO)/bin $(TO)/include $(TO)/lib/pkgconfig $(TO)/lib/cmake/leaderserver \
	    $(TO)/share/man/man3
	install -m 755 $(BUILT)/leaderserver $(TO)/bin/
	install -m 644 include/leaderserver.h $(TO)/include/
	install -m 755 $(BUILT)/libleaderserver.so $(TO)/lib/libleaderserver.so.$(VERSION)
	ln -sf libleaderserver.so.$(VERSION) $(TO)/lib/libleaderserver.so.0
	ln -sf libleaderserver.so.0 $(TO)/lib/libleaderserver.so
	# Without what only Rust's own linker would read of it, it has a third of the size.
	$(OBJCOPY) --strip-debug --remove-section=.llvmbc --remove-section=.llvmcmd \
	    $(BUILT)/libleaderserver.a $(TO)/lib/libleaderserver.a
	chmod 644 $(TO)/lib/libleaderserver.a
	sed -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@PREFIX@|$(if $(RELOCATABLE),$${pcfiledir}/../..,$(abspath $(PREFIX)))|' \
	    -e 's|@LIBDIR@|$${prefix}/lib|' -e 's|@INCLUDEDIR@|$${prefix}/include|' \
	    tools/leaderserver.pc.in > $(TO)/lib/pkgconfig/leaderserver.pc
	install -m 644 tools/leaderserver-config.cmake $(TO)/lib/cmake/leaderserver/
	sed 's|@VERSION@|$(VERSION)|' tools/leaderserver-config-version.cmake.in \
	    > $(TO)/lib/cmake/leaderserver/leaderserver-config-version.cmake
	tools/manual $(VERSION) < include/leaderserver.h > $(TO)/share/man/man3/leaderserver.3

$(ZIG)/.ready: Makefile
	rm -rf $(ZIG)
	$(PYTHON) -m venv $(ZIG)
	$(ZIG)/bin/pip install --quiet --disable-pip-version-check $(ZIG_PACKAGES)
	touch $@

# --- the rest ---------------------------------------------------------------------------------

.PHONY: clean help
clean: ## removes what was built (Flink, in .cache, stays)
	$(CARGO) clean
	rm -rf dist java/*/target

help: ## this
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22
